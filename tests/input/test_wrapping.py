"""io.BufferedReader and io.TextIOWrapper around wsgi.input, which Django, werkzeug and json users do."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import shutil
import tarfile
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.input import Input
from tests.input.feeding import fed, in_every_way, pieces, sizes

TEXT = "caf\xe9\nna\xefve\r\n\u20ac 5\n\U0001f600"

operations = st.tuples(st.sampled_from(["read", "readline", "readlines"]), sizes)


@settings(max_examples=100)
@given(pieces=pieces, buffer_size=st.integers(1, 20), script=st.lists(operations, max_size=10))
def test_buffered_reader(pieces: list[bytes], buffer_size: int, script: list[tuple[str, int | None]]) -> None:
    """W4: io.BufferedReader takes it, with a buffer of any size, and gives what io.BytesIO gives."""
    oracle = io.BufferedReader(io.BytesIO(b"".join(pieces)), buffer_size)
    file = io.BufferedReader(fed(*pieces), buffer_size)
    for method, size in script:
        if method == "readline" and size is None:
            size = -1  # noqa: PLW2901  BufferedReader's own readline takes None since 3.14 only
        if method == "read" and size == -2:
            continue  # nor does it take every negative size
        assert getattr(file, method)(size) == getattr(oracle, method)(size)
    assert file.peek()[:1] == oracle.peek()[:1]
    assert file.read() == oracle.read()


@settings(max_examples=100)
@given(
    text=st.text(st.sampled_from("a\n\r\xe9\u20ac\U0001f600"), max_size=30),
    places=st.lists(st.integers(0, 100), max_size=6),
    newline=st.sampled_from([None, "", "\n", "\r\n"]),
    script=st.lists(st.tuples(st.sampled_from(["read", "readline"]), st.integers(-1, 8)), max_size=8),
)
def test_text_io_wrapper(text: str, places: list[int], newline: str | None, script: list[tuple[str, int]]) -> None:
    """W4: io.TextIOWrapper takes it; letters may be cut in two by pieces."""
    body = text.encode()
    ends = sorted({place % (len(body) + 1) for place in places} | {0, len(body)})
    file = io.TextIOWrapper(
        fed(*[body[start:end] for start, end in pairwise(ends)]),  # type: ignore[type-var]
        "utf-8",
        newline=newline,
    )
    oracle = io.TextIOWrapper(io.BytesIO(body), "utf-8", newline=newline)
    for method, size in script:
        assert getattr(file, method)(size) == getattr(oracle, method)(size)
    assert list(file) == list(oracle)


@pytest.mark.parametrize("fed_as", in_every_way(TEXT.encode()), ids=len)
def test_other_readers_of_the_library(fed_as: list[bytes]) -> None:
    """W4: what reads from files reads from it: codecs, shutil, csv, io.TextIOWrapper over io.BufferedReader."""
    body = TEXT.encode()
    assert codecs.getreader("utf-8")(fed(*fed_as)).read() == TEXT
    copy = io.BytesIO()
    shutil.copyfileobj(fed(*fed_as), copy, 3)
    assert copy.getvalue() == body
    buffered = io.BufferedReader(fed(*fed_as))
    assert list(io.TextIOWrapper(buffered, "utf-8", newline="")) == TEXT.splitlines(keepends=True)
    rows = csv.reader(io.TextIOWrapper(fed(*fed_as), "utf-8", newline=""))  # type: ignore[type-var]
    assert list(rows) == list(csv.reader(io.StringIO(TEXT, newline="")))


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_formats_of_the_library(size: int) -> None:
    """W4: gzip, json and a tar stream are read from it, in pieces of any size."""

    def in_pieces(body: bytes) -> Input:
        return fed(*[body[start : start + size] for start in range(0, len(body), size)])

    assert gzip.GzipFile(fileobj=in_pieces(gzip.compress(b"packed" * 100))).read() == b"packed" * 100
    assert json.load(in_pieces(b'{"a": [1, 2]}')) == {"a": [1, 2]}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w|") as tar:
        member = tarfile.TarInfo("member")
        member.size = 5
        tar.addfile(member, io.BytesIO(b"inner"))
    with tarfile.open(fileobj=in_pieces(archive.getvalue()), mode="r|") as tar:
        inner: Any = tar.extractfile(tar.next() or "")
        assert inner.read() == b"inner"

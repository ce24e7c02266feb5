"""W4: wsgi.input is a full binary file."""

from __future__ import annotations

import io
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN, result_in_app
from tests.harness import fetch

if TYPE_CHECKING:
    from collections.abc import Callable

LINES = b"one\ntwo\n\nfour without end"
PIECES = [LINES, *([LINES[:cut], LINES[cut:]] for cut in (2, 3, 4, 8, 9)), [bytes([byte]) for byte in LINES]]


def reading(step: Callable[[Any], Any], body: Any, **request: Any) -> Any:
    """Return what `step(wsgi.input)` returns for a body, given whole or in messages."""
    script = body if isinstance(body, bytes) else [*body, b""]
    return result_in_app(lambda environ: step(environ["wsgi.input"]), "POST", body=script, valid=False, **request)


def all_of(method: str, *arguments: Any) -> Callable[[Any], list[Any]]:
    """Return a step that calls a method until it gives nothing."""

    def step(file: Any) -> list[Any]:
        found = []
        while piece := getattr(file, method)(*arguments):
            found.append(piece)
        return found

    return step


@pytest.mark.parametrize("mode", ["auto", "stream", "spool"])
@pytest.mark.parametrize("body", PIECES, ids=lambda body: "whole" if isinstance(body, bytes) else str(len(body[0])))
@pytest.mark.parametrize(
    "step",
    [
        lambda file: file.read(),
        lambda file: file.read(-1),
        lambda file: file.read(None),
        lambda file: [file.read(0), file.read()],
        lambda file: file.read(1000),
        lambda file: [file.read(5), file.read(5), file.read(100), file.read(5)],
        all_of("read", 1),
        all_of("read", 7),
        all_of("readline"),
        all_of("readline", -1),
        all_of("readline", None),
        all_of("readline", 2),
        all_of("readline", 4),
        all_of("readline", 1000),
        lambda file: [file.readline(0), file.readline()],
        lambda file: file.readlines(),
        lambda file: file.readlines(None),
        lambda file: file.readlines(-1),
        lambda file: file.readlines(0),
        lambda file: [file.readlines(1), file.readlines(4), file.readlines()],
        lambda file: [file.readlines(5), file.read()],
        list,
        lambda file: [next(file), file.read(2), file.readline(), next(file), list(file)],
        lambda file: [next(iter(file)), list(file)],
    ],
)
def test_like_a_file_of_the_library(step: Callable[[Any], Any], body: Any, mode: str) -> None:
    """W4: read, readline(size), readlines(hint) and iteration do what io.BytesIO does, however the body arrives."""
    assert reading(step, body, options={"body": mode}) == step(io.BytesIO(LINES))


@pytest.mark.parametrize("body", PIECES, ids=lambda body: "whole" if isinstance(body, bytes) else str(len(body[0])))
def test_readinto(body: Any) -> None:
    """W4: readinto fills buffers of any kind and tells how much."""

    def step(file: Any) -> list[Any]:
        found: list[Any] = []
        for buffer in (bytearray(4), memoryview(bytearray(100)), bytearray(0), bytearray(3)):
            total = 0
            # A raw file may fill less than the whole buffer
            while total < len(buffer) and (count := file.readinto(memoryview(buffer)[total:])):
                total += count
            found.append((total, bytes(buffer)))
        return found

    assert reading(step, body) == step(io.BytesIO(LINES))


def test_read1_gives_what_is_there() -> None:
    """W4: read1 gives what is there: never more than asked for, and nothing only at the end."""

    def step(file: Any) -> list[bytes]:
        found = [file.read1(3)]
        while found[-1]:
            found.append(file.read1(3))
        return found

    found = reading(step, [b"abcd", b"", b"e", b"fghijklm"], options={"body": "stream"})
    assert b"".join(found) == b"abcdefghijklm"
    assert max(map(len, found)) == 3


@pytest.mark.parametrize("size", [-1, None, 100])
def test_read1_of_any_size(size: int | None) -> None:
    """W4: read1 takes every size that the library's files take."""
    assert b"".join(reading(all_of("read1", size), [b"abc", b"def"])) == b"abcdef"
    assert b"".join(reading(all_of("read1"), [b"abc", b"def"])) == b"abcdef"


def test_the_end_stays_the_end() -> None:
    """PEP 3333: an empty or exhausted stream gives empty byte strings, as often as asked."""

    def step(file: Any) -> list[Any]:
        file.read()
        return [file.read(), file.read(5), file.readline(), file.readlines(), list(file), file.read1(5), file.read()]

    nothing = [b"", b"", b"", [], [], b"", b""]
    assert reading(step, b"") == nothing
    assert reading(step, b"abc") == nothing
    assert reading(step, [b"a", b"bc"]) == nothing


def test_buffered_reader() -> None:
    """W4: io.BufferedReader takes it."""
    body = [b"first line\nsec", b"ond line\n", b"x" * 100_000]

    def step(file: Any) -> list[Any]:
        reader = io.BufferedReader(file)
        return [reader.readline(), reader.peek(1)[:1], reader.readline(), len(reader.read()), reader.read()]

    assert reading(step, body) == [b"first line\n", b"s", b"second line\n", 100_000, b""]


def test_text_wrapper() -> None:
    """W4: io.TextIOWrapper takes it."""
    body = ["na\u00efve\r\ncaf\u00e9\n".encode()[:4], "na\u00efve\r\ncaf\u00e9\n".encode()[4:], b"x" * 50_000]

    def step(file: Any) -> list[Any]:
        text = io.TextIOWrapper(file, encoding="utf-8")
        return [text.readline(), text.readline(), len(text.read())]

    assert reading(step, body) == ["na\u00efve\n", "caf\u00e9\n", 50_000]
    assert reading(lambda file: io.TextIOWrapper(io.BufferedReader(file)).read(), [b"a", b"b"]) == "ab"


def test_copy() -> None:
    """W4: shutil.copyfileobj takes it."""

    def step(file: Any) -> bytes:
        target = io.BytesIO()
        shutil.copyfileobj(file, target)
        return target.getvalue()

    assert reading(step, [b"a" * 100_000, b"b" * 100_000]) == b"a" * 100_000 + b"b" * 100_000


def test_what_a_binary_file_says_of_itself() -> None:
    """W4: it can be read, not written, not seeked, has no descriptor, and is open."""

    def step(file: Any) -> list[Any]:
        refused = []
        for method, arguments in (("fileno", ()), ("seek", (0,)), ("tell", ()), ("write", (b"x",)), ("truncate", ())):
            try:
                getattr(file, method)(*arguments)
            except OSError:
                refused.append(method)
        return [file.readable(), file.writable(), file.seekable(), file.isatty(), file.closed, refused]

    assert reading(step, b"x") == [True, False, False, False, False, ["fileno", "seek", "tell", "write", "truncate"]]


@pytest.mark.parametrize("declared", [b"0", b"1", b"5", b"10"])
@pytest.mark.parametrize("mode", ["auto", "stream", "spool"])
def test_content_length_never_truncates(declared: bytes, mode: str) -> None:
    """W4: CONTENT_LENGTH never truncates the body; the server has already decided what belongs to it."""
    headers = [(b"content-length", declared)]
    body = [b"01234", b"56789"]
    assert reading(lambda file: file.read(), body, headers=headers, options={"body": mode}) == b"0123456789"
    assert reading(list, body, headers=headers, options={"body": mode}) == [b"0123456789"]


def test_messages_without_keys() -> None:
    """ASGI: body and more_body are optional in http.request, and default to nothing and the end."""
    first = {"type": "http.request", "more_body": True}
    middle = {"type": "http.request", "body": b"x", "more_body": True}
    last = {"type": "http.request"}
    for mode in ("auto", "stream", "spool"):
        found = result_in_app(
            lambda environ: environ["wsgi.input"].read(),
            "POST",
            body=[first, middle, last],
            valid=False,
            options={"body": mode},
        )
        assert found == b"x"


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["read", "readline", "readlines"]), st.none() | st.integers(-1, 12)),
        st.tuples(st.sampled_from(["read1", "readinto"]), st.integers(0, 12)),
        st.just(("next", None)),
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(
    pieces=st.lists(st.text("ab\n", max_size=6).map(str.encode), min_size=1, max_size=6),
    operations=OPERATIONS,
    mode=st.sampled_from(["auto", "stream", "spool"]),
)
def test_any_order_of_calls(pieces: list[bytes], operations: list[tuple[str, int | None]], mode: str) -> None:
    """W4: any mixture of its methods gives what io.BytesIO gives."""

    def step(file: Any) -> list[Any]:
        expected = io.BytesIO(b"".join(pieces))
        differences = []
        for method, size in operations:
            if method == "next":
                found, right = next(file, b""), next(expected, b"")
            elif method == "read1":
                found = file.read1(size)
                right = expected.read(len(found)) if found or not size else expected.read(1)
            elif method == "readinto":
                buffer = bytearray(size or 0)
                found = bytes(buffer[: file.readinto(buffer)])
                right = expected.read(len(found)) if found or not size else expected.read(1)
            else:
                found, right = getattr(file, method)(size), getattr(expected, method)(size)
            if found != right:
                differences.append((method, size, found, right))
        return differences

    assert reading(step, pieces, options={"body": mode}) == []


def test_inside_the_validator() -> None:
    """PEP 3333: the methods of its table, as wsgiref.validate wants them."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        file = environ["wsgi.input"]
        parts = [file.read(2), file.readline(), *file.readlines(3), *file]
        start_response("200 OK", list(PLAIN))
        return parts

    assert fetch(adapt(app), "POST", body=[b"abc\nd", b"ef\ng\nh"]).body == b"abc\ndef\ng\nh"

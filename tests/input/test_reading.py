"""Every way to read, against io.BytesIO."""

from __future__ import annotations

import io
from array import array
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.input import Input
from tests.input.feeding import Feed, fed, in_every_way, pieces, sizes

LINES = b"one\n\ntwo\r\nand the rest"

operations = st.one_of(
    st.tuples(st.sampled_from(["read", "read1", "readline", "readlines"]), sizes),
    st.tuples(st.sampled_from(["read", "read1", "readline", "readlines", "next", "iter"]), st.just(...)),
    st.tuples(st.sampled_from(["readinto", "readinto1"]), st.integers(0, 12)),
)

EXACT = {"read", "readline", "readlines", "next", "iter"}
"""What gives the same bytes however they arrive; the others give what is there."""


def done(file: Any, method: str, argument: Any) -> Any:
    """Let one method be called; return what it gave."""
    if method == "next":
        return next(file, "the end")
    if method == "iter":
        return [line for line, _ in zip(file, range(2), strict=False)]
    return getattr(file, method)() if argument is ... else getattr(file, method)(argument)


@settings(max_examples=300)
@given(pieces=pieces, script=st.lists(operations, max_size=12))
def test_like_a_file_of_the_library(pieces: list[bytes], script: list[tuple[str, Any]]) -> None:
    """W4: any calls in any order give what io.BytesIO gives; read1 and readinto give what is there, never nothing."""
    body = b"".join(pieces)
    file = fed(*pieces)
    oracle = io.BytesIO(body)
    for method, argument in script:
        if method in EXACT:
            if method == "iter":  # a plain loop over the two takes no line more than it gives
                assert [done(file, "next", ...) for _ in range(2)] == [done(oracle, "next", ...) for _ in range(2)]
            else:
                assert done(file, method, argument) == done(oracle, method, argument), method
            continue
        if method == "read1":
            limit = len(body) + 1 if argument is ... or argument is None or argument < 0 else argument
            got = done(file, method, argument)
        else:
            limit = argument
            buffer = bytearray(b"-" * limit)
            count = done(file, method, buffer)
            got = bytes(buffer[:count])
            assert bytes(buffer[count:]) == b"-" * (limit - count), "what was not read is not touched"
        wanted = oracle.read(limit)
        assert len(got) <= limit
        assert wanted.startswith(got)
        assert bool(got) is bool(wanted), "nothing only at the end"
        oracle.seek(len(got) - len(wanted), io.SEEK_CUR)
    assert file.read() == oracle.read()
    assert file.read() == file.readline() == file.read1() == b""
    assert list(file) == file.readlines() == []


@pytest.mark.parametrize(
    "fed_as", in_every_way(LINES), ids=lambda fed_as: "-".join(str(len(piece)) for piece in fed_as[:2])
)
@pytest.mark.parametrize("size", [-1, None, 0, 1, 2, 3, 4, 5, 100])
@pytest.mark.parametrize("method", ["read", "readline", "readlines"])
def test_one_method_to_the_end(method: str, size: int | None, fed_as: list[bytes]) -> None:
    """W4: read(n), readline(n) and readlines(n), called until nothing is left, whole, in bytes, and cut anywhere."""
    file, oracle = fed(*fed_as), io.BytesIO(LINES)
    for _ in range(len(LINES) + 2):
        assert getattr(file, method)(size) == getattr(oracle, method)(size)


@pytest.mark.parametrize("fed_as", in_every_way(LINES), ids=len)
def test_iteration(fed_as: list[bytes]) -> None:
    """W4: iteration gives the lines, and reading may go on between them (PEP 3333, "Input and Error Streams")."""
    assert list(fed(*fed_as)) == LINES.splitlines(keepends=True)
    file = fed(*fed_as)
    assert next(file) == b"one\n"
    assert file.readline() == b"\n"
    assert file.read(2) == b"tw"
    assert next(file) == b"o\r\n"
    assert iter(file) is file
    assert [*file] == [b"and the rest"]
    assert next(file, None) is None


def test_an_empty_body() -> None:
    """W4: an empty body has nothing to read, by any method, and does not block after its end."""
    feed = Feed([])
    file = Input(feed)
    buffer = bytearray(3)
    assert [file.read(0), file.read(), file.read(5), file.read1(), file.readline(), file.readlines(), list(file)] == [
        b"",
        b"",
        b"",
        b"",
        b"",
        [],
        [],
    ]
    assert file.readinto(buffer) == 0
    assert feed.asked == 1, "what has ended is not asked again"


def test_nothing_is_taken_ahead() -> None:
    """W4: it asks for a piece only when it needs one: the client may wait for an answer to what it sent so far."""
    feed = Feed([b"ab", b"c\nd", b"ef"])
    file = Input(feed)
    assert feed.asked == 0
    assert (file.read(0), file.read1(0), file.readline(0), file.readinto(bytearray())) == (b"", b"", b"", 0)
    assert feed.asked == 0
    assert (file.read(2), feed.asked) == (b"ab", 1)
    assert (file.readline(), feed.asked) == (b"c\n", 2)
    assert (file.read1(), feed.asked) == (b"d", 2)
    assert (file.read1(100), feed.asked) == (b"ef", 3)


def test_read1_waits_for_one_piece() -> None:
    """W4: read1 and readinto return what is there instead of waiting for all that was asked for."""
    file = fed(b"abc", b"de", b"f")
    buffer = bytearray(10)
    assert file.read1(2) == b"ab"
    assert file.read1(10) == b"c"
    assert file.readinto(buffer) == 2
    assert file.read1(-1) == b"f"
    assert file.read1() == b""


@pytest.mark.parametrize(
    "buffer",
    [bytearray(8), memoryview(bytearray(8)), memoryview(bytearray(12))[2:10], array("I", [0, 0])],
    ids=["bytearray", "memoryview", "slice", "array"],
)
def test_readinto_any_buffer(buffer: bytearray | memoryview | array[int]) -> None:
    """W4: readinto fills any writable buffer, of items of any size."""
    assert fed(b"abcdefghij").readinto(buffer) == 8
    assert bytes(buffer) == b"abcdefgh"


@pytest.mark.parametrize("wrong", [b"12345678", "text", 5, None, memoryview(bytearray(8))[::2], memoryview(b"1234")])
def test_readinto_what_is_no_buffer(wrong: Any) -> None:
    """W4: what cannot be written to is a TypeError, and costs no byte of the body."""
    file = fed(b"body")
    with pytest.raises(TypeError):
        file.readinto(wrong)
    assert file.read() == b"body"


@pytest.mark.parametrize("method", ["read", "read1", "readline", "readlines"])
@pytest.mark.parametrize("wrong", ["5", b"", []])
def test_sizes_of_a_wrong_type(method: str, wrong: Any) -> None:
    """W4: a size that is no number is a TypeError, as with any file."""
    with pytest.raises(TypeError):
        getattr(fed(b"a\nbody\n"), method)(wrong)


@pytest.mark.parametrize("method", ["read", "read1", "readline", "readlines"])
def test_sizes_have_no_name(method: str) -> None:
    """W4: the size is given by position, as PEP 3333 writes it."""
    with pytest.raises(TypeError):
        getattr(fed(b"body"), method)(size=2)

"""What a reader gets when the body fails under it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import ClientDisconnected, ReadTimeout
from bridge.input import Input
from tests.input.feeding import Feed, bodies, fed, sizes

READS: list[tuple[str, Any]] = [
    ("read", ...),
    ("read", None),
    ("read", 100),
    ("read1", ...),
    ("read1", 100),
    ("readline", ...),
    ("readline", 100),
    ("readlines", ...),
    ("readinto", bytearray(100)),
    ("__next__", ...),
]


def done(file: Input, method: str, argument: Any) -> Any:
    """Let one method be called."""
    return getattr(file, method)() if argument is ... else getattr(file, method)(argument)


@pytest.mark.parametrize(("method", "argument"), READS)
def test_the_error_gets_out(method: str, argument: Any) -> None:
    """W5: a client that goes away gives the reader an error, by every method, never a short body that looks whole."""
    gone = ClientDisconnected("gone")
    file = fed(gone)
    with pytest.raises(ClientDisconnected) as caught:
        done(file, method, argument)
    assert caught.value is gone


@pytest.mark.parametrize(("method", "argument"), READS)
def test_the_error_gets_out_after_some_bytes(method: str, argument: Any) -> None:
    """W5: what came before the error is no whole body: only methods that give what is there give it."""
    file = fed(b"some", ClientDisconnected("gone"), ClientDisconnected("gone"), ClientDisconnected("gone"))
    if method in ("read1", "readinto"):
        assert done(file, method, argument) in (b"some", 4)
    with pytest.raises(ClientDisconnected):
        done(file, method, argument)


def test_no_byte_is_given_twice() -> None:
    """W5: a reader that goes on after an error does not get bytes again that it had."""
    file = fed(b"abcd", ReadTimeout("late"), b"ef")
    assert (file.read(2), file.read(2)) == (b"ab", b"cd")
    with pytest.raises(ReadTimeout):
        file.read(2)
    assert file.read() == b"ef"


def test_nothing_is_left_of_a_body_that_failed() -> None:
    """W5: a reader that asks again after a disconnect gets the error again, and none of the bytes that it had."""
    gone = ClientDisconnected("gone")
    file = fed(b"abcd", gone, gone)
    assert (file.read(2), file.read(2)) == (b"ab", b"cd")
    for _ in range(2):
        with pytest.raises(ClientDisconnected):
            file.read(2)


@pytest.mark.parametrize(
    ("method", "argument"), [row for row in READS if row[0] not in ("readlines", "read1", "readinto")]
)
def test_no_byte_is_lost(method: str, argument: Any) -> None:
    """W5: a reader that goes on after TimeoutError gets a body without a hole: a short one must not look whole."""
    file = fed(b"abc", ReadTimeout("late"), b"def", ReadTimeout("late"), b"\nrest")
    for _ in range(2):
        with pytest.raises(TimeoutError):
            done(file, method, argument)
    assert file.read() == b"abcdef\nrest"


@given(
    body=bodies,
    errors=st.lists(st.booleans(), min_size=1, max_size=30),
    script=st.lists(st.tuples(st.sampled_from(["read", "read1", "readline", "__next__"]), sizes), max_size=12),
)
def test_errors_between_any_pieces(body: bytes, errors: list[bool], script: list[tuple[str, int | None]]) -> None:
    """W5: however often reads time out, all that they give in the end is the body, each byte once and in order."""
    pieces: list[bytes | Exception] = []
    for index in range(0, len(body), 3):
        if errors[(index // 3) % len(errors)]:
            pieces.append(ReadTimeout("late"))
        pieces.append(body[index : index + 3])
    file = Input(Feed(pieces))
    got = b""
    for method, size in script:
        try:
            got += file.__next__() if method == "__next__" else getattr(file, method)(size)
        except (ReadTimeout, StopIteration):
            continue
    for _ in range(len(pieces) + 1):
        try:
            got += file.read()
        except ReadTimeout:
            continue
    assert got == body

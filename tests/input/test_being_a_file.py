"""The rest of what a binary file has: what can be asked of it, closing, and what it refuses."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tests.input.feeding import fed

CALLS_ON_AN_OPEN_FILE: list[tuple[str, tuple[Any, ...]]] = [
    ("read", ()),
    ("read", (1,)),
    ("read", (0,)),
    ("read1", ()),
    ("read1", (0,)),
    ("readinto", (bytearray(1),)),
    ("readinto", (bytearray(),)),
    ("readinto1", (bytearray(1),)),
    ("readline", ()),
    ("readline", (0,)),
    ("readlines", ()),
    ("__iter__", ()),
    ("__next__", ()),
    ("__enter__", ()),
    ("readable", ()),
    ("writable", ()),
    ("seekable", ()),
    ("isatty", ()),
    ("flush", ()),
]


@pytest.mark.parametrize(("method", "arguments"), CALLS_ON_AN_OPEN_FILE)
def test_after_close(method: str, arguments: tuple[Any, ...]) -> None:
    """W4: a closed file says so by ValueError, whatever it is asked, as the library's files do."""
    file = fed(b"body\n", b"rest")
    file.read(1)
    file.close()
    with pytest.raises(ValueError, match="closed"):
        getattr(file, method)(*arguments)
    file.close()
    assert file.closed


def test_in_a_with_statement() -> None:
    """W4: it is closed at the end of a with statement, also by an error."""
    with fed(b"body") as file:
        assert not file.closed
        assert file.read(2) == b"bo"
    assert file.closed
    again = fed(b"body")
    with pytest.raises(KeyError), again:
        raise KeyError
    assert again.closed


def test_closing_a_wrapper_closes_it() -> None:
    """W4: wrappers of the library close what they wrap."""
    file = fed(b"body")
    io.BufferedReader(file).close()
    assert file.closed
    file = fed(b"body")
    io.TextIOWrapper(file).close()  # type: ignore[type-var]
    assert file.closed


def test_what_it_can_do() -> None:
    """W4: it says truly that it can be read and nothing else."""
    file = fed(b"body")
    assert file.readable() is True
    assert (file.writable(), file.seekable(), file.isatty()) == (False, False, False)
    assert isinstance(file, io.IOBase)
    assert isinstance(file, io.BufferedIOBase)
    file.flush()
    assert file.read() == b"body"


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("fileno", ()),
        ("seek", (0,)),
        ("seek", (0, 2)),
        ("tell", ()),
        ("truncate", ()),
        ("truncate", (0,)),
        ("write", (b"x",)),
        ("writelines", ([b"x"],)),
        ("detach", ()),
    ],
)
def test_what_it_cannot_do(method: str, arguments: tuple[Any, ...]) -> None:
    """W4: what it cannot do is io.UnsupportedOperation, an OSError and a ValueError, as with the library's files."""
    file = fed(b"body")
    with pytest.raises(io.UnsupportedOperation):
        getattr(file, method)(*arguments)
    assert file.read() == b"body"

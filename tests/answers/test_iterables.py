"""The iterables that a WSGI server gets."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.answers import Chunks, FailedAnswer, FileOfAnswer, WholeAnswer


class Body:
    """A body of two chunks that tells what is done with it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.told: list[str] = []
        self.chunks = [b"first", b"second"]
        self.error = error

    def next_chunk(self) -> bytes:
        self.told.append("next")
        if not self.chunks:
            raise StopIteration
        return self.chunks.pop(0)

    def finish(self) -> None:
        self.told.append("finish")
        if self.error is not None:
            raise self.error

    def forsake(self) -> None:
        self.told.append("forsake")


def test_iterated() -> None:
    """A4, A5: the chunks come one by one, when the server asks for them, and the iterable is its own iterator."""
    body = Body()
    chunks = Chunks(body)
    assert iter(chunks) is chunks
    assert body.told == [], "nothing is asked for ahead"
    assert next(chunks) == b"first"
    assert body.told == ["next"]
    assert list(chunks) == [b"second"]
    chunks.close()
    assert body.told == ["next", "next", "next", "finish"]


def test_closed_early() -> None:
    """A6: a server that closes it early gets nothing any more, and the application is told once."""
    body = Body()
    chunks = Chunks(body)
    next(chunks)
    chunks.close()
    chunks.close()
    with pytest.raises(StopIteration):
        next(chunks)
    assert list(chunks) == []
    assert body.told == ["next", "finish"]


def test_close_raises_once() -> None:
    """A8: an error that close() has to tell is told once."""
    error = ValueError("the application's")
    body = Body(error)
    chunks = Chunks(body)
    with pytest.raises(ValueError, match="the application's") as caught:
        chunks.close()
    assert caught.value is error
    chunks.close()
    assert body.told == ["finish"]


def test_forgotten() -> None:
    """A6, B1: a server that drops the iterable without closing it leaves no application behind."""
    body = Body()
    chunks = Chunks(body)
    next(chunks)
    del chunks
    gc.collect()
    assert body.told == ["next", "forsake"]


def test_closed_and_dropped() -> None:
    """A7: one that was closed is not abandoned."""
    body = Body()
    chunks = Chunks(body)
    chunks.close()
    del chunks
    gc.collect()
    assert body.told == ["finish"]


def test_not_a_sequence() -> None:
    """A4: servers take the length of what has one for the answer's: a body in the making has none."""
    chunks = Chunks(Body())
    assert not hasattr(chunks, "__len__")
    chunks.close()


def test_a_complete_answer_that_failed() -> None:
    """A8: an error that came with the end of a complete answer is raised when that was sent: by close(), once."""
    error = ValueError("the application's")
    answer = FailedAnswer([b"the page"], error)
    assert (len(answer), list(answer)) == (1, [b"the page"])
    with pytest.raises(ValueError, match="the application's") as caught:
        answer.close()
    assert caught.value is error
    answer.close()


@pytest.fixture(params=["whole", "file"])
def answer_with(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Body], Any]:
    """Makes an answer that is complete while its application is not done with it."""
    path = tmp_path / "page"
    path.write_bytes(b"the page")

    def make(body: Body) -> Any:
        return WholeAnswer([b"the page"], body) if request.param == "whole" else FileOfAnswer(str(path), body)

    return make


def test_complete_before_the_application(answer_with: Callable[[Body], Any]) -> None:
    """W10: `close()` is the end of the application too, and raises its error, once."""
    error = ValueError("the application's")
    body = Body(error)
    answer = answer_with(body)
    assert list(answer) == [b"the page"]
    assert body.told == []
    with pytest.raises(ValueError, match="the application's") as caught:
        answer.close()
    assert caught.value is error
    answer.close()
    assert body.told == ["finish"]


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_complete_and_forgotten(answer_with: Callable[[Body], Any]) -> None:
    """B1: a server that drops a complete answer without closing it leaves no application behind, and waits for none."""
    body = Body()
    answer = answer_with(body)
    del answer
    gc.collect()
    assert body.told == ["forsake"]

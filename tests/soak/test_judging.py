"""The judge itself: a soak through a bridge that is wrong in one way has faults."""

from __future__ import annotations

import io
import mmap
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge import WsgiToAsgi
from tests.harness import Gate
from tests.soak.context import FROM_SERVER, named_in_asgi
from tests.soak.judging import judge
from tests.soak.ledger import Ledger
from tests.soak.plans import body_of
from tests.soak.through_asgi import soak
from tests.soak.wsgi_application import Application

REQUESTS = 60
PATIENCE = 0.1

kept: list[Any] = []
"""What the wrong bridges leave behind."""


@pytest.fixture(autouse=True)
def _taken_away() -> Iterator[None]:
    yield
    for left in kept:
        if isinstance(left, Gate):
            left.open()
        elif isinstance(left, int):
            os.close(left)
    kept.clear()


def right(app: Any) -> Any:
    """Change nothing."""
    return app


def closing_twice(app: Any) -> Any:
    """Close iterables twice."""

    class Twice:
        def __init__(self, iterable: Any) -> None:
            self.iterable = iterable

        def __iter__(self) -> Any:
            return iter(self.iterable)

        def close(self) -> None:
            for _ in range(2):
                getattr(self.iterable, "close", lambda: None)()

    return lambda environ, start_response: Twice(app(environ, start_response))


def closing_never(app: Any) -> Any:
    """Close no iterable, save files."""

    def wrong(environ: Any, start_response: Any) -> Any:
        answer = app(environ, start_response)
        return answer if hasattr(answer, "filelike") else map(bytes, answer)

    return wrong


def leaving_threads(app: Any) -> Any:
    """Leave a thread behind."""

    def wrong(environ: Any, start_response: Any) -> Any:
        if not kept:
            gate = Gate("the test is over")
            kept.append(gate)
            threading.Thread(target=gate.wait, daemon=True).start()
        return app(environ, start_response)

    return wrong


def leaving_descriptors(app: Any) -> Any:
    """Leave files open."""

    def wrong(environ: Any, start_response: Any) -> Any:
        if len(kept) < REQUESTS:
            kept.append(os.open(os.devnull, os.O_RDONLY))
        return app(environ, start_response)

    return wrong


def leaving_environs(app: Any) -> Any:
    """Keep what belongs to each request."""

    def wrong(environ: Any, start_response: Any) -> Any:
        kept.append(dict(environ))
        return app(environ, start_response)

    return wrong


def leaving_megabytes(app: Any) -> Any:
    """Keep few blocks of memory, large ones."""

    def wrong(environ: Any, start_response: Any) -> Any:
        if len(kept) < REQUESTS:
            # Not of the allocator's, which may have as much left of other tests.
            block = mmap.mmap(-1, 200_000)
            block.write(b"x" * 200_000)
            kept.append(block)
        return app(environ, start_response)

    return wrong


def mixing_contexts(app: Any) -> Any:
    """Run applications in another's context."""

    def wrong(environ: Any, start_response: Any) -> Any:
        FROM_SERVER.set("another's")
        return app(environ, start_response)

    return wrong


def mixing_bodies(app: Any) -> Any:
    """Give a request's body to another."""

    def wrong(environ: Any, start_response: Any) -> Any:
        environ["wsgi.input"] = io.BytesIO(body_of("another's", int(environ["HTTP_X_SIZE"])))
        return app(environ, start_response)

    return wrong


def mixing_answers(app: Any) -> Any:
    """Give a request's answer to another."""
    last: list[Any] = [[b""]]

    def wrong(environ: Any, start_response: Any) -> Any:
        answer = app(environ, start_response)
        if type(answer) is list:
            answer, last[0] = last[0], answer
        return answer

    return wrong


def losing_the_end(app: Any) -> Any:
    """Make an answer that breaks off look whole."""

    def wrong(environ: Any, start_response: Any) -> Any:
        answer = app(environ, start_response)
        return answer[:-1] if type(answer) is list else answer

    return wrong


def losing_requests(app: Any) -> Any:
    """Answer without asking the application."""

    def wrong(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("X-Token", environ["HTTP_X_TOKEN"])])
        return []

    return wrong


def calling_again(app: Any) -> Any:
    """Call the application a second time."""

    def wrong(environ: Any, start_response: Any) -> Any:
        getattr(app(environ, lambda *_: lambda _: None), "close", list)()
        return app(environ, start_response)

    return wrong


def faults(wrong: Callable[[Any], Any], folder: Path) -> list[str]:
    """Return what the judge finds in a soak through that bridge."""
    ledger = Ledger()
    adapter = WsgiToAsgi(wrong(Application(ledger, folder)), threads=8, write_buffer=2000)
    app = named_in_asgi(adapter)

    def is_idle() -> bool:
        return adapter.stats().busy == 0

    return judge(
        REQUESTS,
        ledger,
        make=lambda first, last: soak(app, first, last, is_idle=is_idle),
        is_idle=is_idle,
        tasks=int,
        close=adapter.close,
        patience=PATIENCE,
    )


def test_right(tmp_path: Path) -> None:
    """The judge has nothing against the bridge itself."""
    assert faults(right, tmp_path) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (closing_twice, "iterables came and 2 ended"),
        (closing_never, "iterables came and 0 ended"),
        (leaving_threads, "all threads end"),
        (leaving_descriptors, "a new descriptor"),
        (leaving_environs, "more blocks"),
        (leaving_megabytes, "are resident"),
        (mixing_contexts, "the server's variable"),
        (mixing_bodies, "the body is"),
        (mixing_answers, "the answer is another's"),
        (losing_the_end, "looks whole after"),
        (losing_requests, "reached the application"),
        (calling_again, "2 calls came"),
    ],
)
def test_wrong(wrong: Callable[[Any], Any], told: str, tmp_path: Path) -> None:
    """The judge finds each of these faults, whatever else it finds."""
    found = faults(wrong, tmp_path)
    assert any(told in fault for fault in found), found

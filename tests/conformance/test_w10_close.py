"""W10: close() on the iterable runs exactly once, in the worker thread that ran the application."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.adapting import adapt, get
from tests.conformance.applications import PLAIN, Chunks, endless
from tests.harness import Exchange, Gate, eventually, fetch, http_scope, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Closing:
    """An application whose answer remembers its threads; `source` makes its chunks."""

    def __init__(self, source: Callable[[], Iterator[Any]], headers: list[tuple[str, str]] | None = None) -> None:
        self.source = source
        self.headers = PLAIN if headers is None else headers
        self.chunks: Chunks | None = None
        self.thread = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.thread = threading.get_ident()
        start_response("200 OK", list(self.headers))
        self.chunks = Chunks(self.source())
        return self.chunks

    def check(self) -> None:
        """Demand one close() in the application's own thread, after its last chunk."""
        eventually(lambda: self.chunks is not None and self.chunks.closed, "close() runs")
        assert self.chunks is not None
        assert self.chunks.closed == 1
        assert set(self.chunks.threads) == {self.thread}


def failing() -> Iterator[bytes]:
    """Yield one chunk and fail."""
    yield b"one"
    raise LookupError("in the iteration")


@pytest.mark.parametrize(
    ("source", "method", "headers"),
    [
        (lambda: iter([b"a", b"b"]), "GET", None),
        (lambda: iter([]), "GET", None),
        (lambda: iter([b"a", b"b"]), "HEAD", None),
        (failing, "GET", None),
        (lambda: iter([b"a", "text"]), "GET", None),
        (lambda: iter([b"abc", b"def"]), "GET", [*PLAIN, ("Content-Length", "3")]),
        (lambda: iter([b"abc"]), "GET", [*PLAIN, ("Content-Length", "9")]),
    ],
    ids=["whole", "empty", "HEAD", "error", "wrong type", "too long", "too short"],
)
def test_however_it_ends(source: Any, method: str, headers: Any) -> None:
    """W10: exactly once, in the same thread, whether the answer was good or bad."""
    app = Closing(source, headers)
    get(app, method, valid=False)
    app.check()


@pytest.mark.parametrize("gone", [None, ConnectionResetError("gone")], ids=["silent", "OSError"])
def test_disconnect(gone: OSError | None) -> None:
    """W10: exactly once when the client vanishes in the middle."""
    app = Closing(endless)

    async def main() -> None:
        async with Exchange(adapt(app), gone=gone) as exchange:
            await exchange.until(lambda: exchange.response.body)
            exchange.disconnect()

    run(main)
    app.check()


def test_failing_send() -> None:
    """W10: exactly once when send() raises OSError."""
    for number in range(3):
        app = Closing(endless)
        get(app, server={"fail_at": number})
        app.check()


def test_cancellation() -> None:
    """W10: exactly once when the ASGI task is cancelled."""
    app = Closing(endless)

    async def main() -> None:
        async with Exchange(adapt(app)) as exchange:
            await exchange.until(lambda: exchange.response.body)
            exchange.cancel()

    run(main)
    app.check()


def test_start_response_never_called() -> None:
    """W10: exactly once when the application never called start_response."""
    chunks = Chunks([b"x"])
    get(lambda environ, start_response: chunks, valid=False)
    assert chunks.closed == 1


def test_bad_iter() -> None:
    """W10: exactly once when the iterable cannot even be iterated over."""

    class Broken(Chunks):
        def __iter__(self) -> Any:
            raise LookupError("no iterator")

    chunks = Broken()

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        return chunks

    response = get(app, valid=False)
    assert isinstance(response.error, LookupError)
    assert chunks.closed == 1


@pytest.mark.parametrize("chunks", [[], [b"a"], [b"a", b"b"]])
@pytest.mark.parametrize("base", [list, tuple])
def test_close_of_a_sequence(base: Any, chunks: list[bytes]) -> None:
    """W10: a list or tuple with a close() of its own is closed too."""
    closed: list[int] = []
    kind = type("Sequence", (base,), {"close": lambda self: closed.append(threading.get_ident())})
    thread: list[int] = []

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        thread.append(threading.get_ident())
        start_response("200 OK", list(PLAIN))
        return kind(chunks)

    assert get(app, valid=False).body == b"".join(chunks)
    eventually(lambda: closed, "close() runs")
    assert closed == thread


def test_close_is_looked_up_on_the_iterable() -> None:
    """PEP 3333: it is the returned iterable that is closed, not its iterator."""
    inner = Chunks([b"x"])

    class Outer:
        closed = 0

        def __iter__(self) -> Any:
            return inner

        def close(self) -> None:
            self.closed += 1

    outer = Outer()

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        return outer

    assert get(app, valid=False).body == b"x"
    eventually(lambda: outer.closed, "close() runs")
    assert (outer.closed, inner.closed) == (1, 0)


def test_generator_is_closed() -> None:
    """W10: a generator's finally runs when the client vanishes."""
    ended = Gate("the generator's finally")

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        try:
            yield from endless()
        finally:
            ended.open()

    async def main() -> None:
        async with Exchange(adapt(app)) as exchange:
            await exchange.until(lambda: exchange.response.body)
            exchange.disconnect()
        await ended.passed()

    run(main)


@pytest.mark.parametrize("chunks", [[b"a"], [b"a", b"b"], []])
def test_close_that_raises(chunks: list[bytes], caplog: pytest.LogCaptureFixture) -> None:
    """W10: an error in close() is told, is not taken for the client's, and harms no other request."""
    calls: list[int] = []

    class Failing(Chunks):
        def close(self) -> None:
            calls.append(1)
            raise LookupError("in close()")

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        return Failing(chunks)

    adapter = adapt(app, valid=False)
    with caplog.at_level(logging.DEBUG, "bridge"):
        for _ in range(2):
            response = fetch(adapter)
            assert response.body == b"".join(chunks)
            if response.error is None:
                eventually(lambda: "in close()" in caplog.text, "the error of close() is logged")
            else:
                assert str(response.error) == "in close()"
            caplog.clear()
    assert len(calls) == 2


def test_closed_before_the_thread_serves_others() -> None:
    """W10, W14: with one thread, close() of one request comes before the call of the next."""
    order: list[str] = []

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        name = environ["PATH_INFO"]
        order.append(f"call {name}")
        start_response("200 OK", list(PLAIN))
        try:
            yield name.encode()
            yield name.encode()
        finally:
            order.append(f"close {name}")

    async def main() -> None:
        adapter = adapt(app, threads=1)
        exchanges = [Exchange(adapter, http_scope(path=f"/{number}")) for number in range(3)]
        async with exchanges[0], exchanges[1], exchanges[2]:
            for exchange in exchanges:
                await exchange.finished.passed()

    run(main)
    assert order == [f"{step} /{number}" for number in range(3) for step in ("call", "close")]

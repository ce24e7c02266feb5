"""B1: applications that ignore all, and servers that do anything: never a hang."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from bridge import ServerError
from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import STARTED, answer, answering
from tests.harness import Gate, eventually
from tests.harness.native import chunk
from tests.harness.wsgi_call import Call, serve


class Deaf:
    """An application that ignores cancellation until it is let go."""

    def __init__(self, *, begun: bool) -> None:
        self.begun = begun
        self.running, self.go_on = Gate("running"), Gate("go on")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.begun:
            await send(STARTED)
            await send(chunk(b"a"))
        self.running.open()
        while not self.go_on.is_open:
            try:
                await self.go_on.passed()
            except asyncio.CancelledError:
                continue


def test_ignored_cancellation() -> None:
    """B1, B3: an application that ignores its cancellation is counted as stuck, and holds nobody up."""
    app = Deaf(begun=True)

    async def both(scope: Any, receive: Any, send: Any) -> None:
        await (answer(send) if scope["path"] == "/fine" else app(scope, receive, send))

    adapter = adapt(both, disconnect_grace=0.01)
    serve(adapter, take=1)
    eventually(lambda: adapter.stats().stuck == 1, "it is counted")
    assert serve(adapter, path="/fine").body == b"ok"
    app.go_on.open()
    eventually(lambda: adapter.stats().stuck == 0, "it has ended")
    assert adapter.stats().disconnected == 1


def test_never_returns() -> None:
    """B1: those that never return end in a clear error when the adapter closes, within the stated grace."""
    silent, begun = Deaf(begun=False), Deaf(begun=True)

    async def both(scope: Any, receive: Any, send: Any) -> None:
        await (begun if scope["path"] == "/begun" else silent)(scope, receive, send)

    adapter = adapt(both, shutdown_grace=0.1, disconnect_grace=0.1)
    with Call(adapter) as first, Call(adapter, path="/begun") as second:
        silent.running.wait()
        begun.running.wait()
        begin = time.monotonic()
        adapter.close()
        first.finished.wait(5)
        second.finished.wait(5)
        assert time.monotonic() - begin < 5
    silent.go_on.open()
    begun.go_on.open()
    for call in (first, second):
        assert "clos" in str(call.answer.error)
        assert not call.answer.complete


def test_blocked_loop() -> None:
    """B1: an application that blocks the loop holds it up, and no longer than it does so."""
    blocked = Gate("blocked")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/block":
            blocked.open()
            time.sleep(0.2)  # noqa: ASYNC251 - what the test is about
        await answer(send)

    adapter = adapt(app)
    with Call(adapter, path="/block") as call:
        blocked.wait()
        assert serve(adapter).body == b"ok"
    assert call.answer.body == b"ok"


@pytest.mark.parametrize("missing", ["REQUEST_METHOD", "wsgi.url_scheme"])
def test_environ_that_is_none(missing: str) -> None:
    """B2: an environ without what PEP 3333 demands is the server's fault, at once."""
    environ = Call(None).environ
    del environ[missing]
    with pytest.raises(ServerError):
        adapt(answering())(environ, lambda *_: lambda _: None)


@pytest.mark.parametrize("error", [LookupError("server"), OSError("server"), KeyboardInterrupt("server")])
def test_start_response_that_raises(error: BaseException) -> None:
    """B1: what the server's start_response raises goes back to the server, and the application is given up."""
    ended = Gate("ended")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await send(STARTED)
            await send(chunk(b"a"))
            await asyncio.Event().wait()
        finally:
            ended.open()

    def start_response(*arguments: Any) -> Any:
        raise error

    adapter = adapt(app, disconnect_grace=0.01)
    with pytest.raises(type(error), match="server"):
        adapter(Call(None).environ, start_response)
    ended.wait()
    eventually(lambda: adapter.stats().in_flight == 0, "nothing is in flight")


def test_next_after_the_end() -> None:
    """B1: asking for more after the end, or after close(), ends at once."""
    environ = Call(None).environ

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        await send(chunk(b"a"))
        await asyncio.sleep(0)
        await send(chunk(b"b", more=False))

    iterable: Any = adapt(app)(environ, lambda *_: lambda _: None)
    assert b"".join(iterable) == b"ab"
    assert list(iterable) == [] or isinstance(iterable, list)
    getattr(iterable, "close", lambda: None)()
    getattr(iterable, "close", lambda: None)()


def test_iterated_in_another_thread() -> None:
    """B1: a server that asks for the chunks in another thread than the one that called (granian may) is served."""
    environ = Call(None).environ
    chunks: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        for _ in range(5):
            await send(chunk(b"a"))
            await asyncio.sleep(0.001)
        await send(chunk(more=False))

    iterable: Any = adapt(app)(environ, lambda *_: lambda _: None)

    def iterate() -> None:
        chunks.extend(iterable)
        iterable.close()

    thread = threading.Thread(target=iterate)
    thread.start()
    thread.join(10)
    assert b"".join(chunks) == b"aaaaa"

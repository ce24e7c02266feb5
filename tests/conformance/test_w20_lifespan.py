"""W20: lifespan, close() and other scopes."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from bridge import WsgiToAsgi
from bridge.errors import AdapterClosed, ServerError
from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN, answering, result_in_app
from tests.harness import (
    BACKENDS,
    Exchange,
    Gate,
    Lifespan,
    eventually,
    fetch,
    http_scope,
    lifespan_scope,
    request,
    run,
    until,
    websocket_scope,
)
from tests.harness.settling import settle


class Blocking:
    """An application that blocks at /block."""

    def __init__(self) -> None:
        self.running = Gate("running")
        self.go_on = Gate("go on")

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/block":
            self.running.open()
            self.go_on.wait()
        start_response("200 OK", list(PLAIN))
        return [b"ok"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_answered(backend: str) -> None:
    """W20: startup and shutdown are answered, and the call returns."""

    async def main() -> None:
        adapter = adapt(answering(b"ok"))
        async with Lifespan(adapter) as lifespan:
            assert (await request(adapter)).body == b"ok"
        assert lifespan.messages == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        assert lifespan.error is None

    run(main, backend=backend)


def test_without_state() -> None:
    """W20: a lifespan scope without state, or with nothing but its type, is answered."""

    async def main() -> None:
        for scope in ({"type": "lifespan"}, lifespan_scope(state=None)):
            async with Lifespan(adapt(answering(b"ok")), scope) as lifespan:
                assert lifespan.messages == ["lifespan.startup.complete"]
            assert lifespan.error is None

    run(main)


def test_shutdown_waits() -> None:
    """W20: shutdown waits for that loop's running requests."""
    app = Blocking()

    async def main() -> None:
        adapter = adapt(app)
        async with Lifespan(adapter) as lifespan, Exchange(adapter, http_scope(path="/block")) as exchange:
            await app.running.passed()
            await lifespan.tell("lifespan.shutdown")
            await settle()
            assert not lifespan.has_answered
            app.go_on.open()
            assert await lifespan.answered() == "lifespan.shutdown.complete"
        assert exchange.response.complete

    run(main)


def test_shutdown_waits_for_the_queue() -> None:
    """W20: requests that wait for a thread at shutdown are served too."""
    app = Blocking()

    async def main() -> None:
        adapter = adapt(app, threads=1)
        async with Lifespan(adapter) as lifespan, Exchange(adapter, http_scope(path="/block")):
            await app.running.passed()
            async with Exchange(adapter, http_scope(path="/queued")) as queued:
                await until(lambda: adapter.stats().queued == 1, "it waits")
                await lifespan.tell("lifespan.shutdown")
                await settle()
                app.go_on.open()
            assert queued.response.body == b"ok"
            assert await lifespan.answered() == "lifespan.shutdown.complete"

    run(main)


def test_shutdown_waits_up_to_the_grace() -> None:
    """W20: shutdown waits up to shutdown_grace and no longer."""
    app = Blocking()

    async def main() -> None:
        adapter = adapt(app, shutdown_grace=0.15)
        exchange = Exchange(adapter, http_scope(path="/block"))
        async with Lifespan(adapter) as lifespan, exchange:
            await app.running.passed()
            begin = time.monotonic()
            assert await lifespan.ask("lifespan.shutdown") == "lifespan.shutdown.complete"
            assert 0.1 < time.monotonic() - begin < 3
            app.go_on.open()

    run(main)


def test_shutdown_does_not_wait_for_other_loops() -> None:
    """W20: shutdown waits for the requests of its own loop alone, and leaves the pool to the others."""
    app = Blocking()
    adapter = adapt(app)
    outcome: list[Any] = []
    others = Gate("the other loop is up")

    async def other() -> None:
        async with Lifespan(adapter), Exchange(adapter, http_scope(path="/block")) as exchange:
            await app.running.passed()
            others.open()
            await exchange.finished.passed()
        outcome.append(exchange.response.body)

    thread = threading.Thread(target=lambda: run(other))
    thread.start()

    async def main() -> None:
        await others.passed()
        async with Lifespan(adapter):
            assert (await request(adapter)).body == b"ok"
            begin = time.monotonic()
        assert time.monotonic() - begin < 2

    run(main)
    assert adapter.stats().threads >= 1
    app.go_on.open()
    thread.join(10)
    assert outcome == [b"ok"]
    eventually(lambda: adapter.stats().threads == 0, "the pool ends with the last loop")


def test_pool_ends_and_opens_again() -> None:
    """W20: the pool ends with the last loop's shutdown, and opens again at the next request."""
    adapter = adapt(answering(b"ok"))

    async def main() -> None:
        async with Lifespan(adapter):
            assert (await request(adapter)).body == b"ok"
            assert adapter.stats().threads >= 1
        await until(lambda: adapter.stats().threads == 0, "the pool has ended")
        assert (await request(adapter)).body == b"ok"

    run(main)
    run(main)
    assert fetch(adapter).body == b"ok"


def test_without_a_lifespan() -> None:
    """W20: an adapter that gets no lifespan, as under a mount, serves from the first request on."""
    assert fetch(adapt(answering(b"ok"))).body == b"ok"


def test_a_lifespan_that_is_cancelled() -> None:
    """W20: a server that cancels the lifespan task instead of shutting down leaves a usable adapter."""
    adapter = adapt(answering(b"ok"))

    async def main() -> None:
        lifespan = Lifespan(adapter)
        await lifespan.__aenter__()
        assert lifespan._task is not None
        lifespan._task.cancel()
        await asyncio.wait([lifespan._task])
        assert lifespan.error is None or isinstance(lifespan.error, asyncio.CancelledError)
        assert (await request(adapter)).body == b"ok"

    run(main)


@pytest.mark.parametrize("event", [{"type": "lifespan.unknown"}, {"type": "http.request"}, {}])
def test_unknown_event(event: dict[str, Any]) -> None:
    """W20: an event that the lifespan specification does not know is the server's error, or is passed over."""

    async def main() -> BaseException | None:
        events = [event, {"type": "lifespan.shutdown"}]

        async def receive() -> Any:
            return events.pop(0)

        async def send(message: Any) -> None:
            assert message["type"].startswith("lifespan.shutdown")

        try:
            await adapt(answering(b"ok"))(lifespan_scope(), receive, send)
        except Exception as error:
            return error
        return None

    error = run(main)
    assert error is None or isinstance(error, ServerError)


def test_close_is_final() -> None:
    """W20: after close() a call is a clear error; close() may be called again."""
    adapter = WsgiToAsgi(answering(b"ok"))
    assert fetch(adapter).body == b"ok"
    adapter.close()
    adapter.close()
    response = fetch(adapter, path="/late")
    assert isinstance(response.error, AdapterClosed)
    assert response.messages == []


def test_with() -> None:
    """W20: `with` closes."""
    with WsgiToAsgi(answering(b"ok")) as adapter:
        assert fetch(adapter).body == b"ok"
    assert isinstance(fetch(adapter).error, AdapterClosed)


@pytest.mark.parametrize("backend", BACKENDS)
def test_async_with(backend: str) -> None:
    """W20: `async with` closes, on every loop."""

    async def main() -> None:
        async with WsgiToAsgi(answering(b"ok")) as adapter:
            assert (await request(adapter)).body == b"ok"
        assert isinstance((await request(adapter)).error, AdapterClosed)

    run(main, backend=backend)


def test_close_ends_the_threads() -> None:
    """W20, B1: close() ends idle threads."""
    adapter = WsgiToAsgi(answering(b"ok"))
    before = set(threading.enumerate())
    fetch(adapter)
    adapter.close()
    eventually(lambda: set(threading.enumerate()) <= before, "the threads end")
    assert adapter.stats().threads == 0


def test_close_with_requests_in_flight() -> None:
    """W20, B1: close() while requests run and wait hangs nobody; each of them ends, well or with a clear error."""
    app = Blocking()

    async def main() -> None:
        adapter = adapt(app, threads=1)
        running, queued = Exchange(adapter, http_scope(path="/block")), Exchange(adapter, http_scope(path="/queued"))
        async with running, queued:
            await app.running.passed()
            await until(lambda: adapter.stats().queued == 1, "it waits")
            adapter.close()
            app.go_on.open()
        for exchange in (running, queued):
            error = exchange.response.error
            assert exchange.response.complete or isinstance(error, AdapterClosed)

    run(main)


def test_close_in_an_application() -> None:
    """W20: an application that closes its own adapter does not hang it."""
    adapters: list[WsgiToAsgi] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        adapters[0].close()
        start_response("200 OK", list(PLAIN))
        return [b"closed"]

    adapters.append(adapt(app))
    response = fetch(adapters[0])
    assert response.complete or isinstance(response.error, AdapterClosed)
    assert isinstance(fetch(adapters[0]).error, AdapterClosed)


def test_state() -> None:
    """W20: scope["state"] is in environ["asgi.state"]."""
    pool = object()
    assert result_in_app(lambda environ: environ["asgi.state"]["pool"], scope={"state": {"pool": pool}}) is pool


def test_websocket_is_refused() -> None:
    """W20: a websocket is refused with a clear denial."""
    sent: list[Any] = []

    async def main() -> None:
        incoming = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1006}]

        async def receive() -> Any:
            return incoming.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        await adapt(answering(b"ok"))(websocket_scope("/chat"), receive, send)

    run(main)
    assert [message["type"] for message in sent] == ["websocket.close"]


def test_websocket_denial_response() -> None:
    """W20: where the server offers it, the denial is an HTTP response."""
    sent: list[Any] = []

    async def main() -> None:
        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = websocket_scope("/chat", extensions={"websocket.http.response": {}})
        await adapt(answering(b"ok"))(scope, receive, send)

    run(main)
    assert [message["type"] for message in sent] == ["websocket.http.response.start", "websocket.http.response.body"]
    assert 400 <= sent[0]["status"] < 600
    assert all(type(name) is bytes and name == name.lower() for name, _ in sent[0]["headers"])


@pytest.mark.parametrize("kind", ["pigeon", "", None, 7])
def test_unknown_scope(kind: Any) -> None:
    """W20: an unknown type of scope is refused by its name."""
    response = fetch(adapt(answering(b"ok")), scope={"type": kind})
    assert isinstance(response.error, ServerError)
    assert repr(kind) in str(response.error) or str(kind) in str(response.error)
    assert response.messages == []

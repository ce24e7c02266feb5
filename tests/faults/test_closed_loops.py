"""A loop that is closed while requests run on it, whatever they wait for just then."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from bridge import BridgeError
from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN, Chunks, endless
from tests.conformance.asgi_adapting import adapt as adapt_asgi
from tests.conformance.asgi_applications import STARTED, body_of
from tests.conformance.asgi_applications import endless as endless_asgi
from tests.harness import Exchange, Gate, eventually, fetch, http_scope, throw_away, until
from tests.harness.wsgi_call import Call, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACES = ["yield", "write", "read", "await", "own code", "queue"]
LOOKS_UP = 0.05  # seconds


class Everywhere:
    """A WSGI application that waits where its path says."""

    def __init__(self) -> None:
        self.inside = {place: Gate(place) for place in PLACES}
        self.go_on = Gate("the application's own code goes on")
        self.answers: list[Chunks] = []
        self.raised: dict[str, BaseException] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        place = environ["PATH_INFO"].strip("/")
        write = start_response("200 OK", list(PLAIN))
        if place == "next":
            return [b"served"]
        self.inside[place].open()
        try:
            self.wait(place, environ, write)
        except BaseException as error:
            self.raised[place] = error
            raise
        answer = Chunks(endless() if place == "yield" else [b"end"])
        self.answers.append(answer)
        return answer

    def wait(self, place: str, environ: dict[str, Any], write: Any) -> None:
        """Wait there."""
        while place == "write":
            write(b"x" * 1000)
        if place == "read":
            environ["wsgi.input"].read()
        if place == "await":
            async_to_sync(asyncio.sleep)(100)
        if place == "own code":
            self.go_on.wait()


def test_wsgi_to_asgi(monkeypatch: pytest.MonkeyPatch) -> None:
    """B5, W19: whatever a request waits for, its thread is free within the interval at which threads look up.

    Every iterable is closed once, the application gets an error where it waited in the bridge, and the next loop is
    served.
    """
    monkeypatch.setattr("bridge.wsgi_request.LOOK_UP_SECONDS", LOOKS_UP)
    monkeypatch.setattr("bridge.request_body.LOOK_UP_SECONDS", LOOKS_UP)
    app = Everywhere()
    adapter = adapt(app, valid=False, threads=len(PLACES) - 1, write_buffer=2000)
    loop = asyncio.new_event_loop()

    def start(place: str) -> asyncio.Task[None]:
        body: Any = [b"x", Gate("never")] if place == "read" else b""
        return loop.create_task(Exchange(adapter, http_scope("POST", f"/{place}"), body=body, stall_after=1).run())

    async def all_inside() -> None:
        for place in PLACES[:-1]:
            await app.inside[place].passed()
        tasks.append(start("queue"))
        await until(lambda: adapter.stats().queued == 1, "it waits for a thread")

    tasks = [start(place) for place in PLACES[:-1]]
    try:
        loop.run_until_complete(asyncio.wait_for(all_inside(), 10))
    finally:
        throw_away(loop)
    app.go_on.open()
    assert fetch(adapter, path="/next").body == b"served"
    eventually(lambda: adapter.stats().busy == 0, "every thread is free")
    # The one that was queued is begun or not; if it is, it ends.
    assert [answer.closed for answer in app.answers] == [1] * (2 + app.inside["queue"].is_open)
    assert app.raised.keys() == {"write", "read", "await"}
    assert (adapter.stats().in_flight, adapter.stats().queued) == (0, 0)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop of the user's, in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    thread.join(10)


@pytest.mark.parametrize("place", ["nothing", "chunk", "client", "read", "call"])
def test_asgi_to_wsgi(place: str, loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """B5, A9: whatever the server's thread does just then, it gets one of our errors, and no answer looks whole."""
    monkeypatch.setattr("bridge.asgi_request._LOOK_UP", LOOKS_UP)
    inside, go_on = Gate("inside"), Gate("go on")

    def call() -> None:
        inside.open()
        go_on.wait()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if place == "call":
            await sync_to_async(call)()
        if place == "read":
            await body_of(receive)
        if place == "client":
            await endless_asgi(scope, receive, send)
        if place == "chunk":
            await send(STARTED)
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
        inside.open()
        await asyncio.Event().wait()

    adapter = adapt_asgi(app, loop=loop, shutdown_grace=0.1, prefetch_size=0, write_buffer=2000)
    body: Any = [b"a", go_on, b"b"] if place == "read" else b""
    with Call(adapter, "POST", body=body, hold_after=1 if place == "client" else None) as waiting:
        if place == "read":
            waiting.until(lambda: waiting.input.reading.is_open, "the thread reads")
        elif place == "client":
            waiting.held.wait()
        else:
            inside.wait()
        stop(loop)
        go_on.open()
        waiting.resume.open()
    assert isinstance(waiting.answer.error, BridgeError)
    assert not waiting.answer.complete
    assert not serve_again(adapter).complete


def stop(loop: asyncio.AbstractEventLoop) -> None:
    """Stop a loop and close it under its tasks."""
    loop.call_soon_threadsafe(loop.stop)
    eventually(lambda: not loop.is_running(), "the loop stops")
    throw_away(loop)


def serve_again(adapter: Any) -> Any:
    """Make one more request, which is refused at once."""
    return serve(adapter, limit=2)

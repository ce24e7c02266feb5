"""Clocks that jump: an operator sets the time of day, a machine wakes up from a suspend."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from bridge import ReadTimeout
from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN
from tests.conformance.asgi_adapting import adapt as adapt_asgi
from tests.conformance.asgi_applications import STARTED, answer, body_of
from tests.harness import Exchange, Gate, eventually, fetch, http_scope, run, until
from tests.harness.gates import first_of
from tests.harness.native import chunk
from tests.harness.settling import settle
from tests.harness.wsgi_call import Call, serve

HOUR = 3600.0
PIECE = b"x" * 1000
PIECES = 10


class Clock:
    """Replaces one of the clocks in `time`, for everybody who looks at it there."""

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        clock = getattr(time, name)
        monkeypatch.setattr(time, name, lambda: clock() + self.ahead)


class Waiting:
    """A WSGI application that waits where its path says."""

    def __init__(self) -> None:
        self.inside = {place: Gate(place) for place in ("code", "write", "read", "await")}
        self.go_on = Gate("go on")
        self.raised: list[BaseException] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        place = environ["PATH_INFO"].strip("/")
        write = start_response("200 OK", list(PLAIN))
        if place in self.inside:
            self.inside[place].open()
        if place == "code":
            self.go_on.wait()
        if place == "write":
            for _ in range(PIECES):
                write(PIECE)
        if place == "await":
            async_to_sync(first_of)(self.go_on)
        try:
            return [place.encode(), environ["wsgi.input"].read()]
        except BaseException as error:
            self.raised.append(error)
            raise


@pytest.mark.parametrize("jump", [24 * HOUR, -24 * HOUR])
def test_time_of_day(jump: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """B1: nothing depends on the time of day: requests under way, and later ones, are answered as if it stood still."""
    clock = Clock("time", monkeypatch)
    app = Waiting()
    adapter = adapt(app, valid=False, queue_timeout=5, read_timeout=5, stuck_after=5)
    wsgi = adapt_asgi(late, startup_timeout=5, disconnect_grace=5)

    async def main() -> None:
        async with Exchange(adapter, http_scope(path="/code")) as exchange:
            await app.inside["code"].passed()
            clock.ahead = jump
            await settle()
            app.go_on.open()
        assert exchange.response.body == b"code"

    run(main)
    assert fetch(adapter, path="/later").body == b"later"
    for _ in range(2):
        clock.ahead = -clock.ahead
        assert serve(wsgi).body == b"late"


async def late(scope: Any, receive: Any, send: Any) -> None:
    """Answer after a while by the loop's clock."""
    await asyncio.sleep(0.01)
    await answer(send, b"late")


def test_wsgi_to_asgi_after_a_suspend(monkeypatch: pytest.MonkeyPatch) -> None:
    """B1, W5, W14: an hour passes in an instant: only a request whose own stated time is over fails.

    That is one that waits in the queue longer than queue_timeout (503), and one whose client has sent nothing for
    read_timeout (ReadTimeout in the application).
    """
    monkeypatch.setattr("bridge.request_body.LOOK_UP_SECONDS", 0.05)
    clock = Clock("monotonic", monkeypatch)
    app = Waiting()
    patient = adapt(app, valid=False, threads=5, write_buffer=2000)
    strict = adapt(app, valid=False, threads=1, queue_timeout=100, read_timeout=100, stuck_after=100)
    upload = Gate("the rest of the upload")

    async def main() -> None:
        # Not as a context: the harness's own limits are over after an hour, too
        places = {
            place: Exchange(patient, http_scope("POST", f"/{place}"), stall_after=1 if place == "write" else None)
            for place in ("code", "write", "await")
        }
        places["read"] = Exchange(patient, http_scope("POST", "/read"), body=[b"a", upload, b"b"])
        tasks = [asyncio.create_task(exchange.run()) for exchange in places.values()]
        for gate in app.inside.values():
            await gate.passed()
        reading = Exchange(strict, http_scope("POST", "/timed"), body=[b"a", Gate("never"), b"b"])
        tasks.append(asyncio.create_task(reading.run()))
        await until(lambda: strict.stats().busy == 1, "it reads")
        queued = Exchange(strict, http_scope(path="/queued"))
        tasks.append(asyncio.create_task(queued.run()))
        await until(lambda: strict.stats().queued == 1, "it waits for a thread")

        while not all(task.done() for task in tasks[-2:]):
            clock.ahead += HOUR  # again for a reader that had not begun to wait
            await asyncio.wait(tasks[-2:], timeout=1)
        assert queued.response.status == 503
        assert isinstance(reading.response.error, ReadTimeout)
        assert not any(task.done() for task in tasks[:-2])
        app.go_on.open()
        upload.open()
        places["write"].resume.open()
        await asyncio.wait(tasks)
        for exchange in places.values():
            assert exchange.response.error is None
            assert exchange.response.complete
        assert places["read"].response.body == b"readab"
        assert places["write"].response.body == PIECE * PIECES + b"write"

    run(main, limit=20 * HOUR)
    assert len(app.raised) == 1
    for adapter in (patient, strict):
        assert fetch(adapter, path="/later").body == b"later"


def test_asgi_to_wsgi_after_a_suspend(monkeypatch: pytest.MonkeyPatch) -> None:
    """B1, A5, A7, A12: an hour passes in an instant: nothing that is under way ends because of that."""
    clock = Clock("monotonic", monkeypatch)
    names = ("await", "body", "call", "background", "chunks")
    inside = {name: Gate(name) for name in names}
    go_on, over = Gate("go on"), Gate("the background work is over")

    def call() -> None:
        inside["call"].open()
        go_on.wait()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        name = scope["path"].strip("/")
        if name == "body":
            inside[name].open()
            await answer(send, await body_of(receive))
        elif name == "chunks":
            await send(STARTED)
            inside[name].open()
            for _ in range(PIECES):
                await send(chunk(PIECE))
            await send(chunk(more=False))
        elif name == "background":
            await answer(send)
            inside[name].open()
            await first_of(go_on)
            over.open()
        else:
            if name == "await":
                inside[name].open()
                await first_of(go_on)
            if name == "call":
                await sync_to_async(call)()
            await answer(send)

    adapter = adapt_asgi(app, prefetch_size=0, write_buffer=2000, disconnect_grace=100, shutdown_grace=100)
    calls = {
        name: Call(
            adapter,
            "POST",
            f"/{name}",
            body=[b"a", go_on, b"b"] if name == "body" else b"",
            hold_after=1 if name == "chunks" else None,
        )
        for name in names
    }
    for started in calls.values():
        started.__enter__()
    for gate in inside.values():
        gate.wait()
    calls["chunks"].held.wait()
    clock.ahead = HOUR
    for _ in range(3):  # which makes the loop look at its clock
        assert serve(adapter, path="/later").body == b"ok"
    assert [name for name, started in calls.items() if started.finished.is_open] == ["background"]
    assert not over.is_open
    go_on.open()
    calls["chunks"].resume.open()
    bodies = {name: started.end().body for name, started in calls.items()}
    assert bodies.pop("body") == b"ab"
    assert bodies.pop("chunks") == PIECE * PIECES
    assert set(bodies.values()) == {b"ok"}
    over.wait()
    eventually(lambda: adapter.stats().background == 0, "the background work has ended")
    assert adapter.stats().completed == len(calls) + 3


def test_startup_over_a_suspend(monkeypatch: pytest.MonkeyPatch) -> None:
    """A10: a startup that a suspend makes longer than startup_timeout is answered 503, goes on, and is used then."""
    monkeypatch.setattr("bridge.asgi_home._LOOK_UP", 0.05)
    clock = Clock("monotonic", monkeypatch)
    starting, go_on = Gate("starting"), Gate("go on")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await answer(send)
            return
        await receive()
        starting.open()
        await first_of(go_on)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    adapter = adapt_asgi(app, lifespan="on", startup_timeout=100)
    with Call(adapter) as first:
        starting.wait()
        clock.ahead = HOUR
    assert first.answer.code == 503
    go_on.open()
    eventually(lambda: serve(adapter).code == 200, "it has started")

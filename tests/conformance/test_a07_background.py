"""A7: what an application does after its final body message."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import Any

import pytest
from fastapi import BackgroundTasks, FastAPI
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import END, STARTED, answer
from tests.harness import Gate, eventually
from tests.harness.native import chunk
from tests.harness.wsgi_call import Call, serve


class Background:
    """An application with background work that lasts until it is let go on."""

    def __init__(self, *, streamed: bool = False) -> None:
        self.streamed = streamed
        self.begun, self.go_on, self.over = Gate("begun"), Gate("go on"), Gate("over")
        self.thread = ""
        self.ended = "not yet"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.streamed:
            await send(STARTED)
            await send(chunk(b"ok"))
            await send(END)
        else:
            await answer(send)
        self.begun.open()
        self.thread = threading.current_thread().name
        try:
            await self.go_on.passed()
            self.ended = "by itself"
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise
        finally:
            self.over.open()


@pytest.mark.parametrize("streamed", [True, False])
def test_delays_no_client(streamed: bool) -> None:
    """A7: it delays no client and holds no WSGI thread, runs on the loop, and is counted."""
    app = Background(streamed=streamed)
    adapter = adapt(app)
    got = serve(adapter, limit=5)
    assert (got.body, got.complete) == (b"ok", True)
    app.begun.wait()
    assert not app.over.is_open
    assert adapter.stats().background == 1
    assert adapter.stats().in_flight == 0
    app.go_on.open()
    app.over.wait()
    assert (app.ended, app.thread.startswith("bridge-loop")) == ("by itself", True)
    eventually(lambda: adapter.stats().background == 0, "none is left")
    assert adapter.stats().completed == 1


@pytest.mark.parametrize("take", [0, 1])
@pytest.mark.parametrize("streamed", [True, False])
def test_no_client_cancels_it(streamed: bool, take: int) -> None:
    """A7: it is never cancelled by a client: whatever the server does with the answer."""
    app = Background(streamed=streamed)
    adapter = adapt(app, disconnect_grace=0)
    with Call(adapter, take=take):
        app.begun.wait()
    time.sleep(0.05)
    app.go_on.open()
    app.over.wait()
    assert app.ended == "by itself"


def test_shutdown_waits() -> None:
    """A7: it is waited for at shutdown."""
    app = Background()
    adapter = adapt(app)
    serve(adapter)
    closed = Gate("closed")

    def close() -> None:
        adapter.close()
        closed.open()

    thread = threading.Thread(target=close)
    thread.start()
    time.sleep(0.1)
    assert not closed.is_open
    app.go_on.open()
    closed.wait()
    thread.join(10)
    assert app.ended == "by itself"


def test_up_to_a_grace() -> None:
    """A7: up to shutdown_grace; then it is cancelled."""
    app = Background()
    adapter = adapt(app, shutdown_grace=0.2)
    serve(adapter)
    begin = time.monotonic()
    adapter.close()
    assert 0.1 < time.monotonic() - begin < 3
    app.over.wait()
    assert app.ended == "cancelled"


def test_many_at_once() -> None:
    """A7: as much of it as there is runs side by side."""
    begun: list[int] = []
    go_on = Gate("go on")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)
        begun.append(1)
        await go_on.passed()

    adapter = adapt(app)
    for _ in range(50):
        serve(adapter)
    eventually(lambda: len(begun) == 50, "all have begun")
    go_on.open()
    eventually(lambda: adapter.stats().background == 0, "all are over")


def test_starlette() -> None:
    """A7: Starlette's background tasks."""
    go_on, over = Gate("go on"), Gate("over")

    async def work() -> None:
        await go_on.passed()
        over.open()

    async def endpoint(request: Any) -> PlainTextResponse:
        return PlainTextResponse("ok", background=BackgroundTask(work))

    assert serve(adapt(Starlette(routes=[Route("/", endpoint)]))).body == b"ok"
    assert not over.is_open
    go_on.open()
    over.wait()


def test_fastapi_in_a_thread() -> None:
    """A7: FastAPI's background tasks that are plain functions, in a thread of anyio's."""
    go_on, over = Gate("go on"), Gate("over")
    app = FastAPI()

    def work() -> None:
        go_on.wait()
        over.open()

    @app.get("/")
    def endpoint(tasks: BackgroundTasks) -> str:
        tasks.add_task(work)
        return "ok"

    assert serve(adapt(app)).body == b'"ok"'
    assert not over.is_open
    go_on.open()
    over.wait()


def test_detached_task() -> None:
    """A7: a task that outlives its request, whose application has returned, goes on."""
    go_on, over = Gate("go on"), Gate("over")
    tasks: list[asyncio.Task[None]] = []

    async def work() -> None:
        await go_on.passed()
        over.open()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        tasks.append(asyncio.create_task(work()))
        await answer(send)

    assert serve(adapt(app)).body == b"ok"
    go_on.open()
    over.wait()


def test_error_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A8: an error in it is logged, with its traceback, and the answer stays what it was."""
    go_on = Gate("go on")
    error = LookupError("in the background")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)
        await go_on.passed()
        raise error

    adapter = adapt(app)
    with caplog.at_level(logging.WARNING, "bridge"):
        got = serve(adapter)
        assert (got.body, got.errors) == (b"ok", [])
        go_on.open()
        eventually(lambda: caplog.records, "it is logged")
    logged = [record for record in caplog.records if record.exc_info and record.exc_info[1] is error]
    assert len(logged) == 1
    assert logged[0].levelno >= logging.ERROR
    eventually(lambda: adapter.stats().failed == 1, "it is counted")

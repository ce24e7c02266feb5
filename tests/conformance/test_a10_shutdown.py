"""A10: the application's shutdown."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from typing import Any

import anyio
import pytest

from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import answer
from tests.conformance.asgi_lifespan import WithLifespan
from tests.harness import Gate, eventually
from tests.harness.wsgi_call import Call, serve


@pytest.mark.parametrize("mode", ["auto", "on"])
@pytest.mark.parametrize("how", ["start", "request"])
def test_at_close(mode: str, how: str) -> None:
    """A10: shutdown runs at close(), once, and close() waits for it."""
    app = WithLifespan()
    adapter = adapt(app, lifespan=mode)
    if how == "start":
        adapter.start()
    else:
        serve(adapter)
    adapter.close()
    assert app.seen == ["startup", "shutdown"]
    adapter.close()
    assert app.seen == ["startup", "shutdown"]


def test_with_statement() -> None:
    """A10: leaving a with statement closes; entering it does not start."""
    app = WithLifespan()
    with adapt(app, lifespan="on") as adapter:
        assert app.seen == []
        assert serve(adapter).body == b"ok"
    assert app.seen == ["startup", "shutdown"]


def test_unused() -> None:
    """A10: an adapter that was never used has no shutdown, and starts no thread for one."""
    app = WithLifespan()
    before = threading.active_count()
    adapt(app, lifespan="on").close()
    assert app.seen == []
    assert threading.active_count() == before


def test_after_a_failed_startup() -> None:
    """A10: without a startup there is no shutdown."""
    app = WithLifespan("failed")
    adapter = adapt(app, lifespan="on")
    assert serve(adapter).code == 500
    adapter.close()
    assert app.seen == ["startup"]


def test_requests_first() -> None:
    """A10: requests under way may end before it."""
    running, go_on = Gate("running"), Gate("go on")
    lifespan = WithLifespan()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await lifespan(scope, receive, send)
            return
        running.open()
        await go_on.passed()
        assert lifespan.seen == ["startup"]
        await answer(send)

    adapter = adapt(app, lifespan="on")
    with Call(adapter) as call:
        running.wait()
        closing = threading.Thread(target=adapter.close)
        closing.start()
        time.sleep(0.05)
        assert lifespan.seen == ["startup"]
        go_on.open()
    closing.join(10)
    assert call.answer.body == b"ok"
    assert lifespan.seen == ["startup", "shutdown"]


@pytest.mark.parametrize("deaf", [True, False])
def test_requests_that_do_not_end(deaf: bool) -> None:
    """A10, B1: requests that go on beyond shutdown_grace are ended with an error; the shutdown runs all the same."""
    running, go_on = Gate("running"), Gate("go on")
    lifespan = WithLifespan()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await lifespan(scope, receive, send)
            return
        running.open()
        while not go_on.is_open:
            try:
                await go_on.passed()
            except asyncio.CancelledError:
                if not deaf:
                    raise

    adapter = adapt(app, lifespan="on", shutdown_grace=0.1)
    with Call(adapter) as call:
        running.wait()
        begin = time.monotonic()
        adapter.close()
        assert time.monotonic() - begin < 5
        call.finished.wait(5)
        go_on.open()
    assert call.answer.error is not None
    assert lifespan.seen == ["startup", "shutdown"]


def test_hanging() -> None:
    """A10: a shutdown that hangs is waited for up to shutdown_grace."""
    gate = Gate("the shutdown goes on")
    app = WithLifespan(shutdown=gate)
    adapter = adapt(app, lifespan="on", shutdown_grace=0.1)
    serve(adapter)
    begin = time.monotonic()
    adapter.close()
    assert time.monotonic() - begin < 5
    assert app.seen == ["startup", "shutdown"]


@pytest.mark.parametrize("failure", ["failed", LookupError("failed on purpose")], ids=["failed", "raised"])
def test_failing(failure: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A10: a shutdown that fails is logged; close() is done all the same."""
    app = WithLifespan(shutdown=failure)
    adapter = adapt(app, lifespan="on")
    serve(adapter)
    with caplog.at_level(logging.WARNING, "bridge"):
        adapter.close()
    assert "failed on purpose" in caplog.text
    assert app.seen == ["startup", "shutdown"]


def test_same_task_and_context() -> None:
    """A10: startup and shutdown run in one task, as what is entered in one and left in the other needs (anyio)."""
    var: contextvars.ContextVar[str] = contextvars.ContextVar("var")
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await answer(send)
            return
        await receive()
        var.set("set in startup")
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            group.cancel_scope.cancel()
        seen.append(var.get())
        await send({"type": "lifespan.shutdown.complete"})

    adapter = adapt(app, lifespan="on")
    serve(adapter)
    adapter.close()
    assert seen == ["set in startup"]


def test_threads_in_shutdown() -> None:
    """A10: executors work in it."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await answer(send)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        seen.append(await asyncio.to_thread(lambda: "asyncio's thread"))
        seen.append(await anyio.to_thread.run_sync(lambda: "anyio's thread"))
        await send({"type": "lifespan.shutdown.complete"})

    adapter = adapt(app, lifespan="on")
    serve(adapter)
    adapter.close()
    assert seen == ["asyncio's thread", "anyio's thread"]


def test_neighbours_go_on() -> None:
    """A10: other adapters on the same loop go on."""
    one, other = WithLifespan(), WithLifespan()
    first, second = adapt(one, lifespan="on"), adapt(other, lifespan="on")
    serve(first)
    serve(second)
    first.close()
    assert serve(second).body == b"ok"
    assert other.seen == ["startup"]


def test_close_from_several_threads() -> None:
    """A11: close() is idempotent, from several threads at once too."""
    app = WithLifespan()
    adapter = adapt(app, lifespan="on")
    serve(adapter)
    threads = [threading.Thread(target=adapter.close) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    eventually(lambda: app.seen == ["startup", "shutdown"], "it has run")

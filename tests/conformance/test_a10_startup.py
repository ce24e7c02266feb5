"""A10: the application's startup."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI, Request

from bridge import ApplicationError, Overloaded
from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import answer
from tests.conformance.asgi_lifespan import WithLifespan
from tests.harness import Gate, eventually
from tests.harness.wsgi_call import Call, serve

MODES = ["auto", "on"]


@pytest.mark.parametrize("mode", MODES)
def test_once_before_the_first_request(mode: str) -> None:
    """A10: startup runs once, before the first request; nothing runs before it."""
    app = WithLifespan()
    adapter = adapt(app, lifespan=mode)
    assert app.seen == []
    for _ in range(3):
        assert serve(adapter).body == b"ok"
    assert app.seen == ["startup"]
    assert [scope["type"] for scope in app.scopes] == ["lifespan", "http", "http", "http"]


def test_scope() -> None:
    """A10: the lifespan scope as the specification has it."""
    app = WithLifespan()
    serve(adapt(app, lifespan="on"))
    scope = app.scopes[0]
    assert scope == {
        "type": "lifespan",
        "asgi": {"version": "3.0", "spec_version": scope["asgi"]["spec_version"]},
        "state": {},
    }
    assert scope["asgi"]["spec_version"] in ("1.0", "2.0")


@pytest.mark.parametrize("mode", MODES)
def test_start(mode: str) -> None:
    """A10: start() runs it now; once."""
    app = WithLifespan()
    adapter = adapt(app, lifespan=mode)
    adapter.start()
    adapter.start()
    assert app.seen == ["startup"]
    assert serve(adapter).body == b"ok"
    assert app.seen == ["startup"]


def test_off() -> None:
    """A10: off: the application is never called with a lifespan scope."""
    app = WithLifespan()
    adapter = adapt(app, lifespan="off")
    adapter.start()
    assert serve(adapter).body == b"ok"
    adapter.close()
    assert [scope["type"] for scope in app.scopes] == ["http"]


def test_state() -> None:
    """A10: state is shared as the specification says: each request has a shallow copy of its own."""
    shared: list[str] = []
    app = WithLifespan(state={"shared": shared, "name": "value"})
    adapter = adapt(app, lifespan="on")
    serve(adapter)
    app.scopes[1]["state"]["mine"] = 1
    app.scopes[1]["state"]["shared"].append("seen by all")
    serve(adapter)
    assert app.scopes[2]["state"] == {"shared": ["seen by all"], "name": "value"}
    assert app.scopes[2]["state"]["shared"] is shared
    assert app.scopes[0]["state"] == {"shared": shared, "name": "value"}


def test_fastapi() -> None:
    """A10: a lifespan of FastAPI's, with state."""
    seen: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Any) -> Any:
        seen.append("startup")
        yield {"resource": "state"}
        seen.append("shutdown")

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def endpoint(request: Request) -> Any:
        return request.state.resource

    adapter = adapt(app, lifespan="auto")
    assert serve(adapter).body == b'"state"'
    adapter.close()
    assert seen == ["startup", "shutdown"]


def without_lifespan(how: str) -> Any:
    """Return an application that knows nothing of lifespan."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" and how == "asserts":
            assert scope["type"] == "http"
        if scope["type"] == "lifespan" and how == "raises":
            raise NotImplementedError
        if scope["type"] == "lifespan" and how == "needs a path":
            scope["path"]
        if scope["type"] == "lifespan" and how == "returns":
            return
        # Answers http to whatever it is asked
        await answer(send)

    return app


@pytest.mark.parametrize("how", ["asserts", "raises", "needs a path", "returns", "ignores the type"])
def test_applications_without_lifespan(how: str, caplog: pytest.LogCaptureFixture) -> None:
    """A10: applications without lifespan work, those too that ignore scope["type"] and answer http to it."""
    adapter = adapt(without_lifespan(how), lifespan="auto")
    with caplog.at_level(logging.WARNING, "bridge"):
        for _ in range(2):
            assert serve(adapter).body == b"ok"
        adapter.close()
    assert caplog.records == []


@pytest.mark.parametrize("how", ["asserts", "raises", "returns", "ignores the type"])
def test_without_lifespan_though_on(how: str) -> None:
    """A10: on: an application that does not answer the startup has failed to start."""
    adapter = adapt(without_lifespan(how), lifespan="on")
    assert serve(adapter).code == 500
    with pytest.raises(ApplicationError):
        adapt(without_lifespan(how), lifespan="on").start()


def test_ignoring_the_type_and_waiting() -> None:
    """A10: an application that takes the lifespan for a request, and reads its body first."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await answer(send)

    assert serve(adapt(app, lifespan="auto")).body == b"ok"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("failure", ["failed", LookupError("raised on purpose")], ids=["failed", "raised"])
def test_failed(mode: str, failure: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A10: a failed startup is logged, once for each attempt, and answered as an error."""
    app = WithLifespan(failure)
    adapter = adapt(app, lifespan=mode)
    if mode == "auto" and failure != "failed":
        # Only `failed` tells an application that fails from one that knows no lifespan
        assert serve(adapter).code in (200, 500)
        return
    with caplog.at_level(logging.ERROR, "bridge"):
        for _ in range(3):
            got = serve(adapter)
            assert (got.code, got.header("content-type").partition(";")[0], got.complete) == (500, "text/plain", True)
            assert b"on purpose" not in got.body
    assert app.seen == ["startup"]
    assert [scope["type"] for scope in app.scopes] == ["lifespan"]
    tracebacks = [record for record in caplog.records if record.exc_info]
    assert len(tracebacks) == 1
    assert "on purpose" in caplog.text


def test_failed_at_start() -> None:
    """A10: start() raises if the startup failed, with what the application said."""
    adapter = adapt(WithLifespan("failed"), lifespan="on")
    with pytest.raises(ApplicationError) as raised:
        adapter.start()
    assert "failed on purpose" in f"{raised.value} {raised.value.__cause__}"


def test_retry() -> None:
    """A10: it is tried again after startup_retry seconds, by the next request."""
    app = WithLifespan("failed", "failed", "complete")
    adapter = adapt(app, lifespan="on", startup_retry=0.1)
    assert [serve(adapter).code for _ in range(2)] == [500, 500]
    assert app.seen == ["startup"]
    time.sleep(0.12)
    assert serve(adapter).code == 500
    time.sleep(0.12)
    assert serve(adapter).body == b"ok"
    assert app.seen == ["startup"] * 3


def test_hanging() -> None:
    """A10: first requests wait at most startup_timeout, else 503 with Retry-After; the startup goes on meanwhile."""
    gate = Gate("the startup goes on")
    app = WithLifespan(gate)
    adapter = adapt(app, lifespan="on", startup_timeout=0.1)
    calls = [Call(adapter) for _ in range(3)]
    for call in calls:
        call.thread.start()
    for call in calls:
        got = call.end(5)
        assert got.code == 503
        assert got.header("retry-after").isdecimal()
    gate.open()
    eventually(lambda: serve(adapter).code == 200, "the startup is complete")
    assert app.seen == ["startup"]


def test_hanging_at_start() -> None:
    """A10: start() raises if it takes too long."""
    gate = Gate("the startup goes on")
    adapter = adapt(WithLifespan(gate), lifespan="on", startup_timeout=0.05, shutdown_grace=0.1)
    with pytest.raises(Overloaded):
        adapter.start()
    gate.open()


def test_deaf() -> None:
    """A10: an application that hangs before it has asked for an event: the same."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    adapter = adapt(app, lifespan="auto", startup_timeout=0.05, shutdown_grace=0.05)
    assert serve(adapter).code == 503


def test_requests_wait() -> None:
    """A10: requests that come while it runs wait for it, and are served then."""
    gate = Gate("the startup goes on")
    app = WithLifespan(gate)
    adapter = adapt(app, lifespan="on")
    calls = [Call(adapter) for _ in range(5)]
    for call in calls:
        call.thread.start()
    eventually(lambda: app.seen == ["startup"], "it has begun")
    assert not any(call.finished.is_open for call in calls)
    gate.open()
    assert [call.end().body for call in calls] == [b"ok"] * 5
    assert app.seen == ["startup"]


def test_startup_of_each_adapter() -> None:
    """A10: adapters that share a loop have a lifespan each; one that hangs holds up no other."""
    gate = Gate("the startup goes on")
    slow, quick = WithLifespan(gate), WithLifespan()
    slow_adapter, quick_adapter = adapt(slow, lifespan="on"), adapt(quick, lifespan="on")
    with Call(slow_adapter) as call:
        eventually(lambda: slow.seen == ["startup"], "it has begun")
        assert serve(quick_adapter).body == b"ok"
        gate.open()
    assert call.answer.body == b"ok"


def test_exits_in_startup() -> None:
    """A10, B1: what would end the loop is a failed startup, and the loop goes on."""
    for error in (SystemExit("mine"), KeyboardInterrupt("mine"), asyncio.CancelledError("mine")):
        assert serve(adapt(WithLifespan(error), lifespan="on")).code == 500
        assert serve(adapt(WithLifespan(), lifespan="on")).body == b"ok"


def test_lifespan_that_ends_early() -> None:
    """A10: a lifespan that returns after its startup without waiting for the shutdown is served, and closes."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            return
        await answer(send)

    adapter = adapt(app, lifespan="on")
    assert serve(adapter).body == b"ok"
    assert serve(adapter).body == b"ok"
    begin = time.monotonic()
    adapter.close()
    assert time.monotonic() - begin < 2


def test_messages_in_a_wrong_order() -> None:
    """A10: wrong messages raise in the application, and are no hang."""
    raised: list[BaseException] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            for message in ({"type": "lifespan.shutdown.complete"}, {"type": "lifespan.unknown"}):
                try:
                    await send(message)
                except Exception as error:
                    raised.append(error)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await answer(send)

    assert serve(adapt(app, lifespan="on")).body == b"ok"
    assert [type(error) for error in raised] == [ApplicationError] * 2


def test_started_by_whom() -> None:
    """A10: the startup runs on the loop, whoever needs it first."""
    names: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        names.append(threading.current_thread().name)
        if scope["type"] == "lifespan":
            return
        await answer(send)

    serve(adapt(app, lifespan="auto"))
    assert len(names) == 2
    assert len(set(names)) == 1

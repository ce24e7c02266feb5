"""A8: what is no Exception."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bridge import ApplicationError, WsgiToAsgi
from tests.conformance import adapting
from tests.conformance.applications import PLAIN as WSGI_PLAIN
from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import STARTED, answer, turns
from tests.harness import Gate, eventually
from tests.harness.native import chunk
from tests.harness.wsgi_call import Call, serve

EXITS = [
    SystemExit,
    KeyboardInterrupt,
    GeneratorExit,
    asyncio.CancelledError,
    type("OwnExit", (BaseException,), {}),
]
PLACES = ["before", "after a turn", "in the body", "after the end", "in the background"]


def raising(place: str, error: BaseException, go_on: Gate) -> Any:
    """Return an application that raises at a place; /fine and /beside are answered."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != "/":
            await (go_on.passed() if scope["path"] == "/beside" else turns(1))
            await answer(send)
            return
        if place == "after a turn":
            await turns(3)
        if place == "in the body":
            await send(STARTED)
            await send(chunk(b"sent"))
            await turns(3)
        if place in ("after the end", "in the background"):
            await answer(send)
        if place == "in the background":
            await turns(50)
        raise error

    return app


@pytest.mark.parametrize("kind", EXITS)
@pytest.mark.parametrize("place", PLACES)
def test_wrapped(place: str, kind: type[BaseException]) -> None:
    """A8: it reaches the server as ApplicationError with __cause__, and harms no one else: the loop goes on."""
    error = kind("mine")
    go_on = Gate("go on")
    adapter = adapt(raising(place, error, go_on))
    with Call(adapter, path="/beside") as beside:
        got = serve(adapter)
        assert serve(adapter, path="/fine").body == b"ok"
        go_on.open()
    assert beside.answer.body == b"ok"
    if place == "in the background":
        assert (got.body, got.complete) == (b"ok", True)
        eventually(lambda: adapter.stats().background == 0, "it is over")
        return
    assert [type(raised) for raised in got.errors] == [ApplicationError]
    assert got.errors[0].__cause__ is error
    assert got.complete == (place == "after the end")


def test_stop_iteration() -> None:
    """A8: StopIteration, which a plain function can raise before there is a coroutine, ends no iteration."""
    error = StopIteration("mine")

    def app(scope: Any, receive: Any, send: Any) -> Any:
        raise error

    got = serve(adapt(app))
    assert isinstance(got.error, ApplicationError)
    assert got.error.__cause__ is error
    assert got.steps == ["call raised"]


def test_groups() -> None:
    """A8: groups of exceptions stay what they are; those that hold what is no Exception are wrapped."""
    go_on = Gate("go on")
    group = ExceptionGroup("group", [LookupError("mine")])
    assert serve(adapt(raising("before", group, go_on))).errors == [group]
    base_group = BaseExceptionGroup("group", [KeyboardInterrupt()])
    got = serve(adapt(raising("before", base_group, go_on)))
    assert isinstance(got.error, ApplicationError)
    assert got.error.__cause__ is base_group


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, StopIteration])
def test_unwrapped(kind: type[BaseException]) -> None:
    """W13: ApplicationExit, made by a WsgiToAsgi inside, is unwrapped: the server gets what its application raised."""
    error = kind("mine")

    def wsgi(environ: dict[str, Any], start_response: Any) -> Any:
        raise error

    got = serve(adapt(adapting.adapt(wsgi, valid=False)))
    assert got.errors == [error]
    assert got.steps == ["call raised"]


def test_unwrapped_in_the_body() -> None:
    """W13: the same in the middle of the body."""
    error = SystemExit("mine")
    sent = Gate("sent")

    def wsgi(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(WSGI_PLAIN))
        yield b"sent"
        sent.wait()
        raise error

    inner: WsgiToAsgi = adapting.adapt(wsgi, valid=False)
    with Call(adapt(inner)) as call:
        call.until(lambda: call.answer.body == b"sent")
        sent.open()
    assert call.answer.errors == [error]
    assert not call.answer.complete


def test_cancelled_by_itself() -> None:
    """A8: an application that cancels its own task ends in an error, and never in a hang."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.Event().wait()

    got = serve(adapt(app))
    assert isinstance(got.error, ApplicationError)
    assert isinstance(got.error.__cause__, asyncio.CancelledError)


def test_loop_that_is_told_to_stop() -> None:
    """B1: an application that stops the loop harms no one: the request ends, and the next one is served."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/stop":
            asyncio.get_running_loop().stop()
        await turns(3)
        await answer(send)

    adapter = adapt(app)
    stopped = serve(adapter, path="/stop")
    assert stopped.error is not None or stopped.body == b"ok" or stopped.code >= 500
    assert serve(adapter).body == b"ok"

"""A6: servers that tell when a client has left (`waitress.client_disconnected`)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import STARTED, answer, body_of
from tests.harness import Gate, eventually
from tests.harness.native import chunk
from tests.harness.wsgi_call import Call


@pytest.mark.parametrize("begun", [True, False])
def test_silent_application(begun: bool) -> None:
    """A6: an application that sends nothing learns of it within seconds, before its answer began and after."""
    told, ended = Gate("told"), Gate("ended")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await body_of(receive)
        if begun:
            await send(STARTED)
            await send(chunk(b"a"))
        assert (await receive())["type"] == "http.disconnect"
        told.open()
        ended.open()

    with Call(adapt(app, disconnect_grace=0.1), tells=True) as call:
        if begun:
            call.until(lambda: call.answer.body == b"a")
        else:
            call.called.wait()
        call.leave()
        told.wait(3)
    ended.wait()
    assert call.answer.steps[-1] in ("close", "call raised")
    assert not (call.answer.complete and not begun)


def test_deaf_application() -> None:
    """A6: one that does not listen is cancelled, and the WSGI thread is free soon after."""
    ended = Gate("ended")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        await send(chunk(b"a"))
        try:
            await asyncio.Event().wait()
        finally:
            ended.open()

    with Call(adapt(app, disconnect_grace=0.1), tells=True) as call:
        call.until(lambda: call.answer.body == b"a")
        call.leave()
        ended.wait(3)
        call.finished.wait(3)


def test_application_that_ignores_cancellation() -> None:
    """A6, B1: one that ignores its cancellation keeps no WSGI thread for ever, and is counted as stuck."""
    go_on = Gate("go on")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        await send(chunk(b"a"))
        while not go_on.is_open:
            try:
                await go_on.passed()
            except asyncio.CancelledError:
                continue

    adapter = adapt(app, disconnect_grace=0.05)
    with Call(adapter, tells=True) as call:
        call.until(lambda: call.answer.body == b"a")
        call.leave()
        call.finished.wait(4)
        eventually(lambda: adapter.stats().stuck == 1, "it is counted as stuck")
        go_on.open()
    eventually(lambda: adapter.stats().stuck == 0, "it has ended")


def test_client_that_stays() -> None:
    """A6: asking changes nothing for a client that is there."""
    go_on = Gate("go on")
    asked: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await go_on.passed()
        await answer(send)

    def still_there() -> bool:
        asked.append(1)
        go_on.open()
        return False

    with Call(adapt(app), environ={"waitress.client_disconnected": still_there}) as call:
        pass
    assert asked
    assert (call.answer.body, call.answer.error) == (b"ok", None)

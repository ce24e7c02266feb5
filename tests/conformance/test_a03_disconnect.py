"""A3: receive() after the body."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from tests.conformance.asgi_adapting import adapt, calling
from tests.conformance.asgi_applications import PLAIN, STARTED, answer, at_once, body_of, turns
from tests.harness import Gate
from tests.harness.native import chunk, start
from tests.harness.wsgi_call import Call, serve

DISCONNECT = {"type": "http.disconnect"}


@pytest.mark.parametrize("body", [b"", b"x", b"x" * 200_000])
def test_waits_until_the_response_is_done(body: bytes) -> None:
    """A3: after the body receive() waits, and gives http.disconnect when the response is done."""
    found: list[Any] = []
    over = Gate("over")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await body_of(receive)
        waiting = asyncio.ensure_future(receive())
        await send(STARTED)
        await send(chunk(b"a"))
        await turns()
        found.append(waiting.done())
        await send(chunk(b"b", more=False))
        found.append(await asyncio.wait_for(waiting, 10))
        over.open()

    got = serve(adapt(app), "POST", body=body)
    over.wait()
    assert got.body == b"ab"
    assert found == [False, DISCONNECT]


@pytest.mark.parametrize("ending", ["done", "closed"])
def test_known_disconnect_does_not_suspend(ending: str) -> None:
    """A3: once it is known, http.disconnect comes without suspending, as often as it is asked for."""
    found: list[Any] = []
    over = Gate("over")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await body_of(receive)
        await send(STARTED)
        await send(chunk(b"a", more=ending == "closed"))
        assert await asyncio.wait_for(receive(), 10) == DISCONNECT
        found.extend(at_once(receive()) for _ in range(3))
        over.open()

    with calling(app, take=1):
        over.wait()
    assert found == [DISCONNECT] * 3


def test_receive_after_the_last_message() -> None:
    """A3: in the very step after the last body message receive() does not suspend."""
    found: list[Any] = []
    over = Gate("over")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await body_of(receive)
        await answer(send)
        found.append(at_once(receive()))
        over.open()

    assert serve(adapt(app)).body == b"ok"
    over.wait()
    assert found == [DISCONNECT]


def test_server_closes_early() -> None:
    """A3: http.disconnect when the server closed the iterable."""
    found: list[Any] = []
    over = Gate("over")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await body_of(receive)
        waiting = asyncio.ensure_future(receive())
        await send(STARTED)
        await send(chunk(b"a"))
        found.append(await asyncio.wait_for(waiting, 10))
        over.open()

    with calling(app, take=1):
        over.wait()
    assert found == [DISCONNECT]


def test_every_waiting_receive() -> None:
    """A3: all that wait are told."""
    found: list[Any] = []
    over = Gate("over")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await body_of(receive)
        waiting = [asyncio.ensure_future(receive()) for _ in range(3)]
        await turns(3)
        await answer(send)
        found.extend(await asyncio.wait_for(asyncio.gather(*waiting), 10))
        over.open()

    assert serve(adapt(app)).body == b"ok"
    over.wait()
    assert found == [DISCONNECT] * 3


def test_polling_with_starlette() -> None:
    """A3: Starlette's is_disconnected() is false while the client is served, and true once the server closed."""
    found: list[bool] = []
    asked, over = Gate("asked while the client is there"), Gate("over")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        assert await request.body() == b"abc"
        found.append(await request.is_disconnected())
        await send(start(200, PLAIN))
        await send(chunk(b"a"))
        found.append(await request.is_disconnected())
        asked.open()
        async with asyncio.timeout(10):
            while not await request.is_disconnected():
                await turns(1)
        over.open()

    call = Call(adapt(app), "POST", body=b"abc", hold_after=1)
    with call:
        call.held.wait()
        asked.wait()
        call.leave()
        over.wait()
    assert found == [False, False]

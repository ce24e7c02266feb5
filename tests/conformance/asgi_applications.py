"""Small ASGI applications."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.conformance.asgi_adapting import get
from tests.harness.native import chunk, sending, start

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

PLAIN = (b"content-type", b"text/plain")
STARTED = start(200, PLAIN)
END = chunk(more=False)


def answering(body: bytes = b"ok", status: int = 200, headers: Iterable[tuple[bytes, bytes]] = (PLAIN,)) -> Any:
    """Return an application that answers every request with one body."""
    return sending(start(status, *headers), chunk(body, more=False))


async def answer(send: Any, body: bytes = b"ok", *headers: tuple[bytes, bytes]) -> None:
    """Send a whole answer."""
    await send(start(200, PLAIN, *headers))
    await send(chunk(body, more=False))


async def endless(scope: Any, receive: Any, send: Any) -> None:
    """Answer with chunks for ever."""
    await send(STARTED)
    while True:
        await send(chunk(b"x" * 1000))


async def body_of(receive: Any) -> bytes:
    """Read the whole body."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the client left")
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


async def turns(count: int = 20) -> None:
    """Let the loop go on."""
    for _ in range(count):
        await asyncio.sleep(0)


def at_once(awaitable: Awaitable[Any]) -> Any:
    """Return what a coroutine returns without suspending; fail if it suspends."""
    iterator = awaitable.__await__()
    try:
        iterator.send(None)
    except StopIteration as returned:
        return returned.value
    raise AssertionError("it suspended")


def in_app(step: Callable[..., Awaitable[Any]], method: str = "GET", path: str = "/", **request: Any) -> Any:
    """Return what `step(scope, receive, send)` returns in an application that answers then; raise what it raises."""
    kept: list[Any] = []
    raised: list[BaseException] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            kept.append(await step(scope, receive, send))
        except BaseException as error:
            raised.append(error)
            raise
        await answer(send)

    got = get(app, method, path, **request)
    if raised:
        raise raised[0]
    if got.code != 200 or got.error is not None:
        raise AssertionError(f"answered {got}") from got.error
    return kept[0]


def scope_of(method: str = "GET", path: str = "/", **request: Any) -> dict[str, Any]:
    """Return the scope that an application gets for a request."""

    async def step(scope: Any, receive: Any, send: Any) -> dict[str, Any]:
        return dict(scope)

    found: dict[str, Any] = in_app(step, method, path, **request)
    return found

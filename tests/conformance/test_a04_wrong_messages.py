"""A4: messages that are wrong, or in a wrong order, raise in the application."""

from __future__ import annotations

from typing import Any

import pytest

from bridge import ApplicationError
from tests.conformance.asgi_adapting import get
from tests.conformance.asgi_applications import END, PLAIN, STARTED, answer
from tests.harness import eventually
from tests.harness.native import chunk, start

BEFORE_THE_START: dict[str, Any] = {
    "body before the start": chunk(b"x"),
    "end before the start": END,
    "unknown type": {"type": "http.response.unknown"},
    "a websocket's type": {"type": "websocket.accept"},
    "a lifespan's type": {"type": "lifespan.startup.complete"},
    "no type": {"status": 200},
    "status as text": start("200", PLAIN),
    "no status": start(None, PLAIN),
    "status of two digits": start(20, PLAIN),
    "status of four digits": start(1000, PLAIN),
    "name as text": start(200, ("x-a", b"1")),
    "value as text": start(200, (b"x-a", "1")),
    "line break in a value": start(200, (b"x-a", b"1\r\nx-b: 2")),
    "line break in a name": start(200, (b"x-a\r\n", b"1")),
    "NUL in a value": start(200, (b"x-a", b"\0")),
    "blank in a name": start(200, (b"x a", b"1")),
    "two lengths": start(200, (b"content-length", b"1"), (b"content-length", b"2")),
    "file before the start": {"type": "http.response.pathsend", "path": "/"},
}
AFTER_THE_START: dict[str, Any] = {
    "a second start": STARTED,
    "body as text": chunk("x"),
    "body None": chunk(None),
    "more than declared": chunk(b"x" * 11),
    "less than declared": chunk(b"x", more=False),
    "unknown type": {"type": "http.response.unknown"},
}


@pytest.mark.parametrize("what", BEFORE_THE_START)
def test_before_the_start(what: str) -> None:
    """A4: it raises in the application, which may go on rightly."""
    raised: list[BaseException] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await send(BEFORE_THE_START[what])
        except Exception as error:
            raised.append(error)
        await answer(send, b"better")

    got = get(app)
    assert [type(error) for error in raised] == [ApplicationError]
    assert (got.code, got.body, got.complete) == (200, b"better", True)


@pytest.mark.parametrize("what", BEFORE_THE_START)
def test_not_caught(what: str) -> None:
    """A4, A8: an application that does not catch it: the server gets that error, and nothing was sent."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(BEFORE_THE_START[what])

    got = get(app)
    assert isinstance(got.error, ApplicationError)
    assert got.steps == ["call raised"]
    assert got.error.__traceback__ is not None


@pytest.mark.parametrize("what", AFTER_THE_START)
@pytest.mark.parametrize("begun", [True, False])
def test_after_the_start(what: str, begun: bool) -> None:
    """A4: the same after the start, and in the middle of the body."""
    raised: list[BaseException] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start(200, PLAIN, (b"content-length", b"10")))
        if begun:
            await send(chunk(b"01234"))
        try:
            await send(AFTER_THE_START[what])
        except Exception as error:
            raised.append(error)
        await send(chunk(b"56789" if begun else b"0123456789", more=False))

    got = get(app)
    assert [type(error) for error in raised] == [ApplicationError]
    assert (got.body, got.complete, got.error) == (b"0123456789", True, None)


@pytest.mark.parametrize("message", [STARTED, chunk(b"x"), END, {"type": "http.response.unknown"}])
def test_after_the_end(message: Any) -> None:
    """A4: the same after the end of the body, and the answer stays whole."""
    raised: list[BaseException] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)
        try:
            await send(message)
        except Exception as error:
            raised.append(error)

    got = get(app)
    assert (got.body, got.complete, got.error) == (b"ok", True, None)
    eventually(lambda: raised, "send() raises")
    # Once the server has closed the iterable, the client is gone: an OSError is as right
    assert isinstance(raised[0], (ApplicationError, OSError))


@pytest.mark.parametrize("message", [None, 1, "http.response.start", [], b""])
def test_no_message_at_all(message: Any) -> None:
    """A4: what is no message at all is an error, and no hang."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(message)

    got = get(app)
    assert isinstance(got.error, (ApplicationError, TypeError, AttributeError))
    assert got.steps == ["call raised"]

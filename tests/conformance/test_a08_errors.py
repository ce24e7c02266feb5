"""A8: the application's errors as the server gets them."""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from bridge import ApplicationError
from tests.conformance.asgi_adapting import adapt, get
from tests.conformance.asgi_applications import END, PLAIN, STARTED, answer, turns
from tests.harness import Gate, eventually
from tests.harness.native import chunk, sending, start
from tests.harness.wsgi_call import serve


class OwnError(Exception):
    """An application's own."""


def files_of(error: BaseException) -> list[str]:
    """Return the files in an error's traceback."""
    return [frame.filename for frame in traceback.extract_tb(error.__traceback__)]


@pytest.mark.parametrize("pause", [True, False])
def test_before_anything(pause: bool) -> None:
    """A8: the original exception is raised to the server, with its traceback, and nothing was sent."""
    error = OwnError("mine")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if pause:
            await turns()
        raise error

    got = get(app)
    assert got.errors == [error]
    assert got.steps == ["call raised"]
    assert __file__ in files_of(error)


def test_after_the_start_message() -> None:
    """A8: after the start message and before the first byte: nothing was sent, so the server gets the exception."""
    error = OwnError("mine")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        await turns()
        raise error

    got = get(app)
    assert got.errors == [error]
    assert not got.complete
    assert got.body == b""


@pytest.mark.parametrize("pause", [True, False])
def test_in_the_body(pause: bool) -> None:
    """A8: after the start it is raised from the iterable, after what was sent before it; the answer is never whole."""
    error = OwnError("mine")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        await send(chunk(b"sent"))
        if pause:
            await turns()
        raise error

    got = get(app)
    assert got.errors == [error]
    assert not got.complete
    assert got.body in (b"sent", b"")
    assert __file__ in files_of(error)


def test_chunks_before_the_error() -> None:
    """A8: all that was sent before it comes before it."""
    error = OwnError("mine")
    chunks = [b"%d," % number for number in range(100)]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        for piece in chunks:
            await send(chunk(piece))
            await asyncio.sleep(0)
        raise error

    got = get(app)
    assert (got.body, got.errors, got.complete) == (b"".join(chunks), [error], False)
    assert "next raised" in got.steps


@pytest.mark.parametrize("streamed", [True, False])
def test_with_the_last_message(streamed: bool) -> None:
    """A8: an error known when the complete answer is handed over is raised from its close()."""
    error = OwnError("mine")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        if streamed:
            await send(chunk(b"first,"))
            await turns()
        await send(chunk(b"last", more=False))
        raise error

    got = get(app)
    assert got.body == (b"first,last" if streamed else b"last")
    assert got.complete
    assert got.errors == [error]
    assert got.steps[-1] == "close raised"


def test_starlette_500() -> None:
    """A8: Starlette's ServerErrorMiddleware sends its 500, then re-raises: the client gets it, the server the error."""
    error = OwnError("mine")

    async def endpoint(request: Any) -> Any:
        raise error

    got = get(Starlette(routes=[Route("/", endpoint)]))
    assert (got.code, got.body, got.complete) == (500, b"Internal Server Error", True)
    assert got.errors == [error]
    assert got.steps[-1] == "close raised"


def test_not_lost_and_not_twice(caplog: pytest.LogCaptureFixture) -> None:
    """A8: an error that the server got is not logged as well."""
    error = OwnError("mine")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)
        raise error

    with caplog.at_level(logging.DEBUG, "bridge"):
        assert get(app).errors == [error]
    assert caplog.records == []


def test_after_suspending(caplog: pytest.LogCaptureFixture) -> None:
    """A8: a later error is logged."""
    go_on = Gate("go on")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)
        await go_on.passed()
        raise OwnError("later")

    adapter = adapt(app)
    with caplog.at_level(logging.WARNING, "bridge"):
        assert serve(adapter).errors == []
        go_on.open()
        eventually(lambda: "later" in caplog.text, "it is logged")


NO_ANSWERS = {
    "nothing": [],
    "only the start": [STARTED],
    "half": [STARTED, chunk(b"half")],
    "empty chunks": [STARTED, chunk(b""), chunk(b"")],
    "less than declared": [start(200, PLAIN, (b"content-length", b"10")), chunk(b"half")],
    "no body for none": [start(200, PLAIN, (b"content-length", b"10"))],
}


@pytest.mark.parametrize("what", NO_ANSWERS)
@pytest.mark.parametrize("pause", [True, False])
def test_no_answer(what: str, pause: bool) -> None:
    """A8: an application that returns without an answer, or a whole one, is an error, never a hang."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in NO_ANSWERS[what]:
            await send(message)
            if pause:
                await turns(3)

    got = get(app)
    assert isinstance(got.error, ApplicationError)
    assert not got.complete
    assert got.steps[0] == ("call raised" if got.status is None else "start")


@pytest.mark.parametrize("status", [200, 204, 304])
def test_no_answer_to_head(status: int) -> None:
    """A8: HEAD, 204 and 304 need the start and the end as well; without an end: an error, and never a hang."""
    headers = [PLAIN] if status == 200 else []
    for method in ("HEAD", "GET"):
        got = get(sending(start(status, *headers)), method)
        assert isinstance(got.error, ApplicationError)


@pytest.mark.parametrize("returned", [None, 1, "x", object()])
def test_no_awaitable(returned: Any) -> None:
    """A8: an application that is no ASGI application, but a callable: an error that says so."""
    got = get(lambda scope, receive, send: returned)
    assert isinstance(got.error, (ApplicationError, TypeError))
    assert got.steps == ["call raised"]


def test_other_signature() -> None:
    """A8: the same with a WSGI application in place of an ASGI one."""

    def wsgi(environ: Any, start_response: Any) -> list[bytes]:
        return []

    got = get(wsgi)
    assert isinstance(got.error, (ApplicationError, TypeError))
    assert got.steps == ["call raised"]


def test_any_awaitable() -> None:
    """ASGI: an application is a callable that returns an awaitable, be it no coroutine."""

    class Awaitable:
        def __init__(self, send: Any) -> None:
            self.send = send

        def __await__(self) -> Any:
            return answer(self.send).__await__()

    assert get(lambda scope, receive, send: Awaitable(send)).body == b"ok"


def test_the_next_request() -> None:
    """A8, B1: after each kind of failure the next request is served."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        what = scope["path"].strip("/")
        if what == "fine":
            await answer(send)
        if what == "raise":
            raise OwnError("mine")
        for message in NO_ANSWERS.get(what, ()):
            await send(message)

    adapter = adapt(app)
    for what in (*NO_ANSWERS, "raise"):
        assert serve(adapter, path=f"/{what}").error is not None
        assert serve(adapter, path="/fine").body == b"ok"
    assert adapter.stats().failed == len(NO_ANSWERS) + 1


def test_error_with_a_circle() -> None:
    """A8: an error that the application keeps and raises again and again stays itself."""
    error = OwnError("kept")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    adapter = adapt(app)
    for _ in range(3):
        assert serve(adapter).errors == [error]


def test_end_is_end() -> None:
    """A8: messages after a whole answer are an error of the application, which spoils nothing."""
    got = get(sending(STARTED, chunk(b"x", more=False), END))
    assert (got.body, got.complete) == (b"x", True)
    assert isinstance(got.error, ApplicationError)

"""A6: what Starlette's streams rely on."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse
from starlette.routing import Route

from tests.conformance.asgi_adapting import adapt
from tests.harness import Gate, eventually
from tests.harness.wsgi_call import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.mark.parametrize("kind", [StreamingResponse, EventSourceResponse])
@pytest.mark.parametrize("pause", [0.0, 0.01])
def test_stream_ends(kind: Any, pause: float) -> None:
    """A6: the generator's finally block runs soon after the client left."""
    ended = Gate("finally has run")

    async def events() -> AsyncIterator[str]:
        try:
            while True:
                yield "event"
                await asyncio.sleep(pause)
        finally:
            ended.open()

    async def endpoint(request: Any) -> Any:
        return kind(events(), media_type="text/event-stream")

    adapter = adapt(Starlette(routes=[Route("/", endpoint)]))
    got = serve(adapter, take=2)
    ended.wait(3)
    assert (len(got.chunks), got.errors) == (2, [])
    eventually(lambda: adapter.stats().in_flight == 0, "nothing is in flight")


def test_silent(caplog: pytest.LogCaptureFixture) -> None:
    """B3: a client that leaves a stream of Starlette's logs nothing, though Starlette raises an error of its own."""

    async def events() -> AsyncIterator[str]:
        while True:
            yield "event"

    async def endpoint(request: Any) -> Any:
        return StreamingResponse(events(), media_type="text/plain")

    adapter = adapt(Starlette(routes=[Route("/", endpoint)]))
    with caplog.at_level(logging.DEBUG, "bridge"):
        assert serve(adapter, take=2).errors == []
        eventually(lambda: adapter.stats().disconnected == 1, "it is over")
        adapter.close()
    assert [record for record in caplog.records if record.name.startswith("bridge")] == []


def test_background_task_of_a_stream() -> None:
    """A6: a client that leaves is no error of the application's: nothing reaches the server."""
    ended = Gate("the stream has ended")

    async def events() -> AsyncIterator[str]:
        try:
            while True:
                yield "event"
        finally:
            ended.open()

    async def background() -> None:
        raise AssertionError("the answer was not whole")

    async def endpoint(request: Any) -> Any:
        return StreamingResponse(events(), media_type="text/plain", background=BackgroundTask(background))

    got = serve(adapt(Starlette(routes=[Route("/", endpoint)])), take=2)
    ended.wait(3)
    assert got.errors == []

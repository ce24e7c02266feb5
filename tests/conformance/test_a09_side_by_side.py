"""A9: many requests on one loop, from many threads."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from typing import Any

import uvloop

from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import END, PLAIN, answer
from tests.harness import until
from tests.harness.native import chunk, start
from tests.harness.wsgi_call import Call, serve

token: contextvars.ContextVar[str] = contextvars.ContextVar("token", default="unset")


def test_sleeping_requests() -> None:
    """A9: 32 threads with requests that sleep for 0.2 seconds are done in less than 0.5 seconds in all."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.2)
        await answer(send)

    adapter = adapt(app)
    serve(adapter)  # the loop runs

    def seconds() -> float:
        calls = [Call(adapter) for _ in range(32)]
        begin = time.monotonic()
        for call in calls:
            call.thread.start()
        assert [call.end().body for call in calls] == [b"ok"] * 32
        return time.monotonic() - begin

    # The machine may be busy with something else
    assert any(seconds() < 0.5 for _ in range(5))


def test_never_mixed_up() -> None:
    """B1: 200 requests at once are never mixed up: each finds its own token in body, headers and context variable."""
    meeting = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal meeting
        headers = dict(scope["headers"])
        meeting += 1
        await until(lambda: meeting == 200, "all are there")
        body = b""
        await send(start(200, PLAIN, (b"x-token", headers[b"x-token"])))
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            body += message["body"]
            await send(chunk(message["body"]))
            await asyncio.sleep(0)
        assert body[:5] == scope["path"][1:].encode()
        await send(chunk(token.get().encode()))
        await send(END)

    for factory in (None, uvloop.new_event_loop):
        meeting = 0
        adapter = adapt(app, loop_factory=factory, prefetch_size=100)

        def with_token(environ: dict[str, Any], start_response: Any, adapter: Any = adapter) -> Any:
            token.set(environ["PATH_INFO"][1:])
            return adapter(environ, start_response)

        names = [f"{number:05}" for number in range(200)]
        calls = [
            Call(with_token, "POST", f"/{name}", headers=[("X-Token", name)], body=[name.encode() * 10] * 4)
            for name in names
        ]
        for call in calls:
            call.thread.start()
        for name, call in zip(names, calls, strict=True):
            got = call.end()
            assert (got.body.decode(), got.header("x-token")) == (name * 41, name)
            assert got.complete


def test_first_requests_at_once() -> None:
    """A9, A10: the first requests, all at once, share one loop and one startup."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            seen.append("startup")
            await asyncio.sleep(0.02)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await answer(send, b"%d" % threading.get_ident())

    adapter = adapt(app, lifespan="on")
    calls = [Call(adapter) for _ in range(32)]
    for call in calls:
        call.thread.start()
    assert len({call.end().body for call in calls}) == 1
    assert seen == ["startup"]

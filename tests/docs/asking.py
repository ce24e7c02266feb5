"""Running code that readers are asked to copy, and asking the applications that it makes."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

WITHIN = 20.0


def run(code: str, filename: str) -> dict[str, Any]:
    """Run code as a module; its names."""
    names: dict[str, Any] = {"__name__": filename.partition(".")[0].lower()}
    exec(compile(code, filename, "exec"), names)  # noqa: S102  it is what the page asks its reader to do
    return names


async def ask(application: Any, target: str, method: str = "GET", content: bytes = b"") -> httpx.Response:
    """What an ASGI application answers in this loop."""
    transport = httpx.ASGITransport(application)
    async with (
        asyncio.timeout(WITHIN),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        return await client.request(method, target, content=content)


def answer(application: Any, target: str, method: str = "GET", content: bytes = b"") -> httpx.Response:
    """What an ASGI application answers in a loop of its own."""
    return asyncio.run(ask(application, target, method, content))


def wsgi_answer(application: Any, target: str, method: str = "GET", content: bytes = b"") -> httpx.Response:
    """What a WSGI application answers."""
    with httpx.Client(transport=httpx.WSGITransport(application), base_url="http://localhost:8000") as client:
        return client.request(method, target, content=content)


def with_state(application: Any, state: Any) -> Any:
    """The application with the state of its lifespan in each scope, as a server has it."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await application({**scope, "state": dict(state or {})}, receive, send)

    return serve

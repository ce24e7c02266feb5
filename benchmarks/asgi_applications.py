"""The ASGI applications that are served, each as small as its question allows."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from .applications import HELLO


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Answer without asking for the body, as the smallest frameworks do."""
    if scope["type"] != "http":
        raise RuntimeError(f"a {scope['type']} scope is not served here")
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(HELLO))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": HELLO})


def nothing() -> None:
    """What is called in a thread."""


call_in_thread = sync_to_async(nothing)


async def thread_sensitive(scope: Any, receive: Any, send: Any) -> None:
    """Call a function as Django calls its ORM, then answer."""
    if scope["type"] == "http":
        await call_in_thread()
    await hello(scope, receive, send)


class Streamed:
    """Answers with a chunk, again and again, and no declared length."""

    def __init__(self, chunk: bytes, count: int) -> None:
        self._chunk = chunk
        self._count = count

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The last chunk says that it is the last one only in a message of its own, as Starlette's does."""
        if scope["type"] != "http":
            raise RuntimeError(f"a {scope['type']} scope is not served here")
        headers = [(b"content-type", b"application/octet-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for _ in range(self._count):
            await send({"type": "http.response.body", "body": self._chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def upload(scope: Any, receive: Any, send: Any) -> None:
    """Receive the body and answer with its length."""
    if scope["type"] != "http":
        raise RuntimeError(f"a {scope['type']} scope is not served here")
    length, more_body = 0, True
    while more_body:
        message = await receive()
        length += len(message.get("body", b""))
        more_body = message.get("more_body", False)
    body = b"%d" % length
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


fastapi_hello = FastAPI()


@fastapi_hello.get("/{path:path}", response_class=PlainTextResponse)
async def index(path: str) -> str:
    """FastAPI's own hello."""
    return HELLO.decode()

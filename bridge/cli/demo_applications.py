"""The two applications of the ``demo`` command: each in the bare words of its interface, and both do the same.

``/upload`` answers how much it has read, ``/countdown`` and ``/endless`` answer piece by piece, and all else is a page.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable, Iterator

from bridge._types import Environ, Receive, Scope, Send, StartResponse

PAUSE = 0.1  # seconds between the pieces of a stream
_PIECE = 40_000  # bytes that the WSGI application asks for


def wsgi_application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a request, as a WSGI application (PEP 3333)."""
    path = environ["PATH_INFO"]
    size = 0
    if path == "/upload":
        while piece := environ["wsgi.input"].read(_PIECE):
            size += len(piece)
    start_response("200 OK", [("Content-Type", "text/plain")])
    if path == "/upload":
        return [b"%d bytes" % size]
    if path == "/countdown":
        return _slowly([3, 2, 1])
    if path == "/endless":
        return _slowly(itertools.count())
    return [b"a page"]


def _slowly(numbers: Iterable[int]) -> Iterator[bytes]:
    for number in numbers:
        yield b"%d\n" % number
        time.sleep(PAUSE)


async def asgi_application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request, as an ASGI application."""
    path = scope["path"]
    size, more = 0, path == "/upload"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    numbers: Iterable[int] = {"/countdown": [3, 2, 1], "/endless": itertools.count()}.get(path, [])
    for number in numbers:
        await send({"type": "http.response.body", "body": b"%d\n" % number, "more_body": True})
        await asyncio.sleep(PAUSE)
    body = {"/upload": b"%d bytes" % size, "/countdown": b""}.get(path, b"a page")
    await send({"type": "http.response.body", "body": body})

"""Applications that tell a test that a request is inside, and hold it there until the test lets it go.

They do so by a connection to the test, which is given by an environment variable: a request connects and reads; the
test accepts, which tells it that the request is inside, and writes a byte, which lets it go.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Any, Final

from bridge import AsgiToWsgi, WsgiToAsgi

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE: Final = "HOLDING_PORT"
HOST: Final = "127.0.0.1"

FIRST: Final = b"first "
LAST: Final = b"last"


def hold() -> None:
    """Wait for the test, in a thread."""
    with socket.create_connection((HOST, int(os.environ[VARIABLE]))) as connection:
        connection.recv(1)


async def held() -> None:
    """Wait for the test, on a loop."""
    reader, writer = await asyncio.open_connection(HOST, int(os.environ[VARIABLE]))
    try:
        await reader.read(1)
    finally:
        writer.close()


def wsgi(environ: dict[str, Any], start_response: Any) -> Any:
    """Answer `/quick` at once, `/whole` when it may, `/stream` in two chunks, the second of them when it may."""
    path = environ["PATH_INFO"]
    if path == "/whole":
        hold()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return stream() if path == "/stream" else [FIRST, LAST]


def stream() -> Iterator[bytes]:
    """Yield the two chunks."""
    yield FIRST
    hold()
    yield LAST


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """Do the same."""
    if scope["type"] != "http":
        raise NotImplementedError
    if scope["path"] == "/whole":
        await held()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": FIRST, "more_body": True})
    if scope["path"] == "/stream":
        await held()
    await send({"type": "http.response.body", "body": LAST})


app = WsgiToAsgi(wsgi, threads=8)
application = AsgiToWsgi(asgi)

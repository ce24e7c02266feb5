"""A WSGI application called in the event loop itself: the most that an adapter could reach.

Nobody should serve like this, for an application that waits holds up all other requests; nor is the environ checked.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication


class WithoutThreads:
    """The ASGI application."""

    def __init__(self, application: WSGIApplication) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        start: dict[str, Any] = {"type": "http.response.start"}

        def start_response(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> Callable[..., Any]:
            start["status"] = int(status[:3])
            start["headers"] = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            return print  # nobody here calls write()

        body = whole(self.application, environ_of(scope), start_response)
        await send(start)
        await send({"type": "http.response.body", "body": body})


def whole(application: WSGIApplication, environ: dict[str, Any], start_response: StartResponse) -> bytes:
    """The body of an answer."""
    chunks = application(environ, start_response)
    try:
        return b"".join(chunks)
    finally:
        if hasattr(chunks, "close"):
            chunks.close()


def environ_of(scope: dict[str, Any]) -> dict[str, Any]:
    """What PEP 3333 asks for, of a request without a body."""
    host, port = scope["server"]
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope["root_path"],
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": scope["client"][0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        environ[f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}"] = value.decode("latin-1")
    return environ

"""A WSGI server without a network: what is left is the cost of the adapter and of the application.

It does with an answer what gunicorn's threaded worker does: looks whether it is a file to be sent, iterates, closes.
The environ has gunicorn's keys and is a fresh one for each request.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from typing import Any
from wsgiref.types import WSGIApplication
from wsgiref.util import FileWrapper

from .typical_request import CLIENT, HEADERS, PATH, QUERY, SERVER


class PlainInput:
    """A body that can only be read as much of as is asked for: gunicorn's and others' have no `read1`."""

    __slots__ = ("_body",)

    def __init__(self, body: bytes) -> None:
        self._body = io.BytesIO(body)

    def read(self, size: int = -1) -> bytes:
        """All that is asked for, or what is left."""
        return self._body.read(size)


class Exchange:
    """One request and its answer, as the server sees them."""

    __slots__ = ("complete", "received", "status")

    def __init__(self) -> None:
        self.status = 0
        self.received = 0
        self.complete = False

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., Any]:
        """Keep the status."""
        self.status = int(status[:3])
        return self.write

    def write(self, chunk: bytes) -> None:
        """Count what is written."""
        self.received += len(chunk)


def early_hints(headers: Sequence[tuple[str, str]]) -> None:
    """A 103 response that nobody gets."""


ENVIRON: dict[str, Any] = {
    "wsgi.errors": sys.stderr,
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
    "wsgi.file_wrapper": FileWrapper,
    "wsgi.input_terminated": True,
    "SERVER_SOFTWARE": "null",
    "REQUEST_METHOD": "GET",
    "QUERY_STRING": QUERY,
    "RAW_URI": f"{PATH}?{QUERY}",
    "SERVER_PROTOCOL": "HTTP/1.1",
    **{f"HTTP_{name.decode().upper().replace('-', '_')}": value.decode() for name, value in HEADERS},
    "wsgi.url_scheme": "http",
    "REMOTE_ADDR": CLIENT[0],
    "REMOTE_PORT": str(CLIENT[1]),
    "SERVER_NAME": SERVER[0],
    "SERVER_PORT": str(SERVER[1]),
    "PATH_INFO": PATH,
    "SCRIPT_NAME": "",
    "wsgi.early_hints": early_hints,
}


def exchange(app: WSGIApplication, body: bytes = b"", make_input: Callable[[bytes], Any] = PlainInput) -> Exchange:
    """Run one request to its end: a GET without a body, or a POST with its length declared."""
    environ = ENVIRON.copy()
    environ["wsgi.input"] = make_input(body)
    if body:
        environ["REQUEST_METHOD"] = "POST"
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["CONTENT_TYPE"] = "application/octet-stream"
    served = Exchange()
    chunks = app(environ, served.start_response)
    try:
        if not isinstance(chunks, FileWrapper):
            for chunk in chunks:
                served.received += len(chunk)
            served.complete = True
    finally:
        if hasattr(chunks, "close"):
            chunks.close()
    return served

"""The WSGI applications that are served, each as small as its question allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask

HELLO = b"Hello, world!\n"
BLOCK = bytes(64 * 1024)
CHUNK = b"x" * 100


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Answer with a list, as the smallest frameworks do."""
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(HELLO)))])
    return [HELLO]


class ClosingIterator:
    """An answer in the shape of werkzeug's: an iterator, with a `close()` that has something to do."""

    __slots__ = ("_chunks", "closed")

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None:
        """Stand for the end of a framework's request context."""
        self.closed = True


def hello_closing(environ: WSGIEnvironment, start_response: StartResponse) -> ClosingIterator:
    """Answer as Flask does, without Flask's own cost."""
    return ClosingIterator(hello(environ, start_response))


class Streamed:
    """Answers with a chunk, again and again, and no declared length."""

    def __init__(self, chunk: bytes, count: int) -> None:
        self._chunk = chunk
        self._count = count

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        """Nothing of it runs before the first chunk is asked for: a generator."""
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        for _ in range(self._count):
            yield self._chunk


def upload(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Read the body in blocks and answer with its length."""
    read = environ["wsgi.input"].read
    length = 0
    while block := read(len(BLOCK)):
        length += len(block)
    body = b"%d" % length
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]


flask_hello = Flask(__name__)


@flask_hello.route("/")
def index() -> str:
    """Flask's own hello."""
    return HELLO.decode()

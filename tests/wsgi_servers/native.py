"""A WSGI application with some of the same paths: what it cannot have from a server, no adapter can give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIEnvironment

from tests.servers.content import BLOCK, blocks
from tests.wsgi_servers.diary import Diary

TEXT = ("Content-Type", "text/plain")

diary = Diary.of_this_process()


def _text(start_response: StartResponse, text: str) -> Iterable[bytes]:
    start_response("200 OK", [TEXT, ("Content-Length", str(len(text)))])
    return [text.encode()]


def _argument(environ: WSGIEnvironment, name: str) -> str:
    return dict(parse_qsl(str(environ["QUERY_STRING"])))[name]


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Whatever has no path of its own."""
    return _text(start_response, "hello")


def keys(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The names of all that the server gives."""
    return _text(start_response, " ".join(environ))


def upload(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Read the body as far as PEP 3333 and `wsgi.input_terminated` let an application, and note how that ended."""
    name, size = _argument(environ, "name"), 0
    left = float("inf") if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
    while left and (block := environ["wsgi.input"].read(min(left, BLOCK))):
        if not size:
            diary.write(name, "read")
        size += len(block)
        left -= len(block)
    diary.write(name, "whole")
    return _text(start_response, f"{size} bytes")


def download(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Stream a large body without a declared length."""
    start_response("200 OK", [TEXT])
    return blocks(int(_argument(environ, "size")))


def fail_before(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Raise before the response started."""
    raise RuntimeError("raised before the start")


def fail_after(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Raise in the middle of a body."""

    def chunks() -> Iterator[bytes]:
        yield b"12345"
        raise RuntimeError("raised after the start")

    start_response("200 OK", [TEXT])
    return chunks()


PATHS: dict[str, Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]] = {
    "/download": download,
    "/fail-after": fail_after,
    "/fail-before": fail_before,
    "/keys": keys,
    "/upload": upload,
}


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Run what PATH_INFO names."""
    return PATHS.get(environ["PATH_INFO"], hello)(environ, start_response)

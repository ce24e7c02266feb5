"""The site as a WSGI application: native on WSGI servers, bridged on ASGI servers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIEnvironment

from tests.matrix.contents import MARK, described
from tests.servers.content import BLOCK, blocks
from tests.wsgi_servers.diary import Diary
from tests.wsgi_servers.pace import TICK, TICKS

TEXT = ("Content-Type", "text/plain")

diary = Diary.of_this_process()


def _text(start_response: StartResponse, text: str, status: str = "200 OK") -> Iterable[bytes]:
    body = text.encode("latin-1")
    start_response(status, [TEXT, ("Content-Length", str(len(body)))])
    return [body]


def _argument(environ: WSGIEnvironment, name: str) -> str:
    return dict(parse_qsl(str(environ["QUERY_STRING"])))[name]


def _body(environ: WSGIEnvironment) -> Iterator[bytes]:
    """The request's body, as far as PEP 3333 and `wsgi.input_terminated` let an application read."""
    left = float("inf") if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
    while left and (block := environ["wsgi.input"].read(min(left, BLOCK))):
        left -= len(block)
        yield block


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A short answer whose length is known."""
    return _text(start_response, "hello")


def body(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Size and digest of the request's body."""
    return _text(start_response, described(_body(environ)))


def read_late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Reads its body only once the test allows it."""
    name = _argument(environ, "name")
    diary.write(name, "begun")
    diary.wait_until_allowed(name)
    return body(environ, start_response)


def refused(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answers without a look at its body."""
    return _text(start_response, "refused", "403 Forbidden")


def upload(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Reads its body, and notes how that ended."""
    name = _argument(environ, "name")
    try:
        for number, _ in enumerate(_body(environ)):
            if number == 0:
                diary.write(name, "read")
    except OSError:
        diary.write(name, "broken")
        raise
    diary.write(name, "whole")
    return _text(start_response, "whole")


def parts(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A body whose second chunk is not made before the test allows it."""
    name = _argument(environ, "name")

    def chunks() -> Iterator[bytes]:
        yield b"first "
        yield b"second" if diary.wait_until_allowed(name) else b"nobody came"

    start_response("200 OK", [TEXT])
    return chunks()


def download(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A large body without a declared length, and notes of how much of it was made."""
    name, size = _argument(environ, "name"), int(_argument(environ, "size"))

    def chunks() -> Iterator[bytes]:
        try:
            for number, block in enumerate(blocks(size)):
                if number % MARK == 0:
                    diary.write(name, "made")
                yield block
        finally:
            diary.write(name, "finally")

    start_response("200 OK", [TEXT])
    return chunks()


def ticks(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A long stream with a pause after each small chunk."""
    name = _argument(environ, "name")

    def chunks() -> Iterator[bytes]:
        try:
            for _ in range(TICKS):
                yield b"tick\n"
                time.sleep(TICK)
        finally:
            diary.write(name, "finally")

    start_response("200 OK", [TEXT])
    return chunks()


def silent(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Sends nothing after its first chunk until it hears of a disconnect, or until the test allows it."""
    name = _argument(environ, "name")
    # Our own key, or the only one that a WSGI server has for this.
    gone: Callable[[], bool] = (
        environ.get("bridge.disconnected") or environ.get("waitress.client_disconnected") or (lambda: False)
    )

    def chunks() -> Iterator[bytes]:
        try:
            yield b"first"
        except GeneratorExit:  # so fast that nothing more is asked for
            diary.write(name, "heard")
            raise
        while not diary.is_allowed(name):
            if gone():
                diary.write(name, "heard")
                return
            time.sleep(TICK)
        diary.write(name, "not heard")

    start_response("200 OK", [TEXT])
    return chunks()


def streamed(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A short body without a declared length."""
    start_response("200 OK", [TEXT])
    return iter([b"one ", b"two"])


def cookies(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """One field name, repeated."""
    fields = [("Set-Cookie", "a=1"), ("X-Between", "yes"), ("Set-Cookie", "b=2; Path=/")]
    start_response("200 OK", [TEXT, ("Content-Length", "7"), *fields])
    return [b"cookies"]


def no_content(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A status that forbids a body."""
    start_response("204 No Content", [("X-Kept", "yes")])
    return []


def not_modified(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The other one."""
    start_response("304 Not Modified", [("ETag", '"v1"')])
    return []


def fail_before(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Raises before the response started."""
    raise RuntimeError("raised before the start")


def fail_after(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Raises in the middle of a body; `declared` says whether that body's length was announced."""

    def chunks() -> Iterator[bytes]:
        yield b"12345"
        time.sleep(TICK)  # the chunk has gone out
        raise RuntimeError("raised after the start")

    length = [("Content-Length", "10")] if _argument(environ, "declared") == "yes" else []
    start_response("200 OK", [TEXT, *length])
    return chunks()


def path(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The bytes of the path, and the request target if the server tells it."""
    return _text(start_response, f"{environ['PATH_INFO']} {environ.get('RAW_URI') or environ.get('REQUEST_URI')}")


PATHS: dict[str, Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]] = {
    "/": hello,
    "/body": body,
    "/cookies": cookies,
    "/download": download,
    "/fail-after": fail_after,
    "/fail-before": fail_before,
    "/no-content": no_content,
    "/not-modified": not_modified,
    "/parts": parts,
    "/read-late": read_late,
    "/refused": refused,
    "/silent": silent,
    "/streamed": streamed,
    "/ticks": ticks,
    "/upload": upload,
}


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Run what PATH_INFO names; what it does not know is told back."""
    return PATHS.get(environ["PATH_INFO"], path)(environ, start_response)

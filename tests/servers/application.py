"""The WSGI application under test: a path for each behaviour, and counters that can be read over HTTP."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIEnvironment

from bridge import WsgiToAsgi
from tests.servers.content import BLOCK, blocks
from tests.servers.rendezvous import PATIENCE, Meeting, Meetings

TYPE_OF_TEXT = ("Content-Type", "text/plain")

_meetings = Meetings()
_counts: Counter[str] = Counter()
_counts_lock = threading.Lock()


def _count(what: str) -> None:
    with _counts_lock:
        _counts[what] += 1


class _Opened:
    """Counts how often something was opened and closed, and by whom."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._closed = False
        _count("opened")

    def close(self) -> None:
        """PEP 3333: the server must call this, however the request ends."""
        if threading.get_ident() != self._thread:
            _count("closed by another thread")
        _count("closed again" if self._closed else "closed")
        self._closed = True


class CountedIterable(_Opened):
    """A streamed body that counts its closing."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks

    def __iter__(self) -> CountedIterable:
        return self

    def __next__(self) -> bytes:
        return next(self._chunks)


def _text(start_response: StartResponse, text: str, status: str = "200 OK") -> Iterable[bytes]:
    body = text.encode()
    start_response(status, [TYPE_OF_TEXT, ("Content-Length", str(len(body)))])
    return [body]


def _argument(environ: WSGIEnvironment, name: str) -> str:
    return dict(parse_qsl(str(environ["QUERY_STRING"])))[name]


def _meeting(environ: WSGIEnvironment) -> Meeting:
    return _meetings[_argument(environ, "name")]


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A short answer whose length is known."""
    return _text(start_response, "hello")


def counters(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The counters of this module and of the adapter."""
    stats = app.stats()
    names = ("threads", "busy", "stuck", "queued", "in_flight", "completed", "failed", "disconnected")
    with _counts_lock:
        return _text(start_response, json.dumps({**_counts, **{name: getattr(stats, name) for name in names}}))


def show_environ(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Every string and boolean of the environ."""
    shown = {key: value for key, value in environ.items() if isinstance(value, str | bool)}
    return _text(start_response, json.dumps(shown))


def no_content(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A status that forbids a body."""
    start_response("204 No Content", [("X-Kept", "yes")])
    return []


def not_modified(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A status that forbids a body, from an application that gives one (as naive middleware does)."""
    start_response("304 Not Modified", [("ETag", '"v1"')])
    return [b"must not be sent"]


def cookies(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """One field name, repeated."""
    start_response("200 OK", [TYPE_OF_TEXT, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2; Path=/")])
    return [environ.get("HTTP_COOKIE", "").encode()]


def hash_body(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Size and SHA-256 of the request's body, which is never whole in memory."""
    sha, size = hashlib.sha256(), 0
    while block := environ["wsgi.input"].read(BLOCK):
        sha.update(block)
        size += len(block)
    return _text(start_response, f"{size} {sha.hexdigest()}")


def download(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A large streamed body without a declared length; the meeting tells how much of it was made."""
    meeting, size = _meeting(environ), int(_argument(environ, "size"))

    def chunks() -> Iterator[bytes]:
        for block in blocks(size):
            yield block
            meeting.size += len(block)

    start_response("200 OK", [TYPE_OF_TEXT])
    return CountedIterable(chunks())


def made(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """How many bytes the download of that name has handed over."""
    return _text(start_response, str(_meeting(environ).size))


def entered(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Whether, `within` seconds, the request of that name runs (for an upload: has some of its body)."""
    within = float(_argument(environ, "within"))
    return _text(start_response, "yes" if _meeting(environ).entered.wait(within) else "no")


def upload(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Reads its body to the end, and remembers how that ended."""
    meeting = _meeting(environ)
    _count("uploads begun")
    try:
        while block := environ["wsgi.input"].read(BLOCK):
            meeting.size += len(block)
            meeting.entered.set()
        _count("uploads taken for whole")
    except BaseException as error:
        meeting.error = error
        raise
    finally:
        meeting.finished.set()
    return _text(start_response, str(meeting.size))


def outcome(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """How the upload of that name ended, as soon as it has."""
    meeting = _meeting(environ)
    finished = meeting.finished.wait(PATIENCE)
    classes = [kind.__name__ for kind in type(meeting.error).__mro__]
    return _text(start_response, json.dumps({"finished": finished, "size": meeting.size, "error": classes}))


def flood(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """An endless stream, as fast as the client takes it."""

    def chunks() -> Iterator[bytes]:
        while True:
            yield bytes(BLOCK)

    start_response("200 OK", [TYPE_OF_TEXT])
    return CountedIterable(chunks())


def ticks(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """An endless stream with a pause after each small chunk, as a stream of events has it."""

    def chunks() -> Iterator[bytes]:
        while True:
            yield b"tick\n"
            time.sleep(0.05)

    start_response("200 OK", [("Content-Type", "text/event-stream")])
    return CountedIterable(chunks())


def send_file(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The file at `path`, by the server's file wrapper; its closing is counted as Django hangs work on it."""
    file = Path(_argument(environ, "path")).open("rb")  # noqa: SIM115  the file wrapper closes it
    opened, close = _Opened(), file.close

    def close_and_count() -> None:
        opened.close()
        close()

    file.close = close_and_count  # type: ignore[method-assign]
    start_response("200 OK", [TYPE_OF_TEXT, ("Content-Length", str(os.fstat(file.fileno()).st_size))])
    body: Iterable[bytes] = environ["wsgi.file_wrapper"](file)
    return body


def fail_before(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Raises before the response started."""
    raise RuntimeError("raised before the start")


def fail_after(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Raises in the middle of a body; `declared` says whether that body's length was announced."""

    def chunks() -> Iterator[bytes]:
        yield b"12345"
        raise RuntimeError("raised after the start")

    length = [("Content-Length", "10")] if _argument(environ, "declared") == "yes" else []
    start_response("200 OK", [TYPE_OF_TEXT, *length])
    return CountedIterable(chunks())


def side_by_side(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Blocks its thread until `parties` requests are in here at once."""
    barrier = _meetings.barrier(_argument(environ, "name"), int(_argument(environ, "parties")))
    barrier.wait(PATIENCE)
    return _text(start_response, "together")


PATHS: dict[str, Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]] = {
    "/": hello,
    "/cookies": cookies,
    "/counts": counters,
    "/download": download,
    "/entered": entered,
    "/fail-after": fail_after,
    "/fail-before": fail_before,
    "/file": send_file,
    "/flood": flood,
    "/hash": hash_body,
    "/made": made,
    "/no-content": no_content,
    "/not-modified": not_modified,
    "/outcome": outcome,
    "/side-by-side": side_by_side,
    "/ticks": ticks,
    "/upload": upload,
}


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Runs what PATH_INFO names; a path that is not in the table shows its environ."""
    _count("calls")
    return PATHS.get(environ["PATH_INFO"], show_environ)(environ, start_response)


THREADS = 40
app = WsgiToAsgi(application, threads=THREADS)

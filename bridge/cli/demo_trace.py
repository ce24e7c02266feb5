"""What goes over the bridge, written down on both of its sides: for the ``demo`` command.

``traced_wsgi`` and ``traced_asgi`` are middleware, each for its interface. One of them is around the adapter, where the
server's words are heard, the other around the application.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bridge._types import ASGIApplication, Environ, OptExcInfo, Receive, Scope, Send, StartResponse, WSGIApplication

CLIENT, WSGI, ASGI = "client", "WSGI", "ASGI"

_SCOPE = ("method", "path", "raw_path", "query_string", "client")
_ENVIRON = ("REQUEST_METHOD", "PATH_INFO", "REQUEST_URI", "QUERY_STRING", "CONTENT_LENGTH", "REMOTE_ADDR")


@dataclass
class Line:
    """Something that happened, perhaps several times, perhaps with a number of bytes."""

    side: str
    text: str
    size: int | None
    times: int = 1

    def __str__(self) -> str:
        size = "" if self.size is None else f": {self.size:,} bytes"
        times = f" in {self.times} pieces" if self.times > 1 else ""
        return f"  {self.side:<6}  {self.text}{size}{times}"


class Trace:
    """The lines of one visit. It is written and read by several threads."""

    def __init__(self, application_side: str) -> None:
        self._application_side = application_side
        self._lines: list[Line] = []
        self._read = 0
        self._under_way = 0
        self._changed = threading.Condition()

    def note(self, side: str, text: str, size: int | None = None) -> None:
        """Write a line down. The same one again, while the client does nothing, adds to it."""
        with self._changed:
            for line in reversed(self._lines):
                if line.side == CLIENT or size is None:
                    break
                if (line.side, line.text) == (side, text) and line.size is not None:
                    line.size += size
                    line.times += 1
                    return
            self._lines.append(Line(side, text, size))

    def note_read(self, side: str, text: str, size: int) -> None:
        """Write down that a part of the body was read."""
        self.note(side, text, size)
        with self._changed:
            self._read += size if side == self._application_side else 0
            self._changed.notify_all()

    def begin(self) -> None:
        """A side begins to work on the request."""
        with self._changed:
            self._under_way += 1

    def end(self) -> None:
        """It has ended."""
        with self._changed:
            self._under_way -= 1
            self._changed.notify_all()

    def wait_until_read(self, size: int, within: float) -> bool:
        """Wait until the application has read so many bytes; whether that was so within this many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._read >= size, within)

    def wait_until_over(self, within: float) -> bool:
        """Wait until both sides have begun and ended; whether that was so within this many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._under_way, within)

    def lines(self) -> list[str]:
        """What was written down."""
        with self._changed:
            return [str(line) for line in self._lines]


CurrentTrace = Callable[[], Trace]


def traced_asgi(application: ASGIApplication, current: CurrentTrace) -> ASGIApplication:
    """The application, with what it is told and what it says written down."""

    async def traced(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        trace = current()
        trace.note(ASGI, f"scope: {_fields(scope, _SCOPE)}")

        async def traced_receive() -> Any:
            message = await receive()
            if message["type"] == "http.request":
                more = "" if message.get("more_body") else ", the last"
                trace.note_read(ASGI, f"receive() gives http.request{more}", len(message.get("body", b"")))
            else:
                trace.note(ASGI, f"receive() gives {message['type']}")
            return message

        async def traced_send(message: Any) -> None:
            if message["type"] == "http.response.start":
                trace.note(ASGI, f"send() of http.response.start, status {message['status']}")
            else:
                more = "" if message.get("more_body") else ", the last"
                trace.note(ASGI, f"send() of {message['type']}{more}", len(message.get("body", b"")))
            await send(message)

        trace.begin()
        try:
            await application(scope, traced_receive, traced_send)
        except BaseException as error:
            trace.note(ASGI, f"ended by {type(error).__name__}")
            raise
        finally:
            trace.end()

    return traced


def traced_wsgi(application: WSGIApplication, current: CurrentTrace) -> WSGIApplication:
    """The application, with what it is told and what it says written down."""

    def traced(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        trace = current()
        trace.note(WSGI, f"environ: {_fields(environ, _ENVIRON)}")

        def traced_start(status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None) -> Any:
            trace.note(WSGI, f"start_response({status!r})")
            return start_response(status, headers, exc_info)

        environ["wsgi.input"] = _Input(environ["wsgi.input"], trace)
        trace.begin()
        try:
            answer = application(environ, traced_start)
        except BaseException:
            trace.end()
            raise
        return _Answer(answer, trace)

    return traced


class _Input:
    """``wsgi.input``, with its reads written down."""

    def __init__(self, stream: Any, trace: Trace) -> None:
        self._stream = stream
        self._trace = trace

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._stream, name)

        def traced(*arguments: Any) -> Any:
            found = method(*arguments)
            if isinstance(found, bytes):
                self._trace.note_read(WSGI, f"wsgi.input.{name}() gives {'bytes' if found else 'the end'}", len(found))
            return found

        return traced


class _Answer:
    """The iterable that an application returned, with its chunks and its end written down."""

    def __init__(self, answer: Iterable[bytes], trace: Trace) -> None:
        self._answer = answer
        self._trace = trace

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._answer:
            self._trace.note(WSGI, "chunk", len(chunk))
            yield chunk

    def close(self) -> None:
        """End the application's answer, as PEP 3333 has it ("Specification Details")."""
        try:
            close = getattr(self._answer, "close", None)
            if close is not None:
                close()
        finally:
            self._trace.note(WSGI, "close()")
            self._trace.end()


def _fields(mapping: Any, names: Iterable[str]) -> str:
    shown = []
    for name in names:
        value = mapping.get(name)
        if value:
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            shown.append(f"{name}={text[0] if isinstance(text, tuple | list) else text}")
    return " ".join(shown)

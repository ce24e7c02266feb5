"""A response: calls of PEP 3333 become ``http.response.*`` messages of ASGI, and the reverse. Two state machines.

Both go through the same four states, for both specifications hold the start back until the first byte of the body::

    AWAITING_START --start--> START_HELD --chunk--> BODY --end--> COMPLETE
                                   |                                 ^
                                   +---------------end---------------+

(and START_REFUSED in place of START_HELD after a start that may not be sent: it counts as called, and only a start with
``exc_info`` leads on from there).

What an event does in a state stands in the tables below; an event that has no entry is an error that names the event,
the side and the state. The machines hold no body: a chunk goes in and what may be sent of it comes out at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import ClassVar

from bridge._types import Message, NativeHeaders, OptExcInfo, RawHeaders
from bridge.errors import ApplicationError
from bridge.translation.headers import response_headers_to_asgi, response_headers_to_wsgi
from bridge.translation.status import BODILESS, KNOWN_CODES, KNOWN_LINES, code_from_status, status_from_code


class State(Enum):
    """Where a response is."""

    # By identity, as Enum compares them; its own hash is a function in Python, and the tables below are asked often.
    __hash__ = object.__hash__

    AWAITING_START = "before start_response"
    START_REFUSED = "after a start_response that was refused"
    START_HELD = "after start_response, before the first byte of the body"
    BODY = "in the body"
    COMPLETE = "after the end"


AWAITING_START, START_REFUSED, START_HELD, BODY, COMPLETE = State

# Where the specifications have what applications break.
_START_RESPONSE = 'PEP 3333, "The start_response() Callable"'
_SPECIFICATION_DETAILS = 'PEP 3333, "Specification Details"'
_RESPONSE_START = 'ASGI specs/www.rst, "Response Start - send event"'
_RESPONSE_BODY = 'ASGI specs/www.rst, "Response Body - send event"'
_PATH_SEND = 'ASGI docs/extensions.rst, "Path Send"'
_TRAILERS = 'ASGI docs/extensions.rst, "HTTP Trailers"'

# Messages that change nothing in the response itself; early hints are told by whoever can (``early_hint_links``).
_PASSED_OVER = frozenset(("http.response.early_hint", "http.response.push", "http.response.debug"))


def _error_of(exc_info: OptExcInfo) -> BaseException | None:
    if len(exc_info) != 3:
        raise ApplicationError(
            f"the application called start_response with an exc_info that is not sys.exc_info(): {exc_info!r:.100}",
            source=_START_RESPONSE,
        )
    return exc_info[1]


class WsgiResponse:
    """What a WSGI application has answered so far.

    Like the part of a WSGI server that stands between the application and the socket: ``start_response``, ``chunk`` and
    ``end`` are called as the application goes on, and ``start_message`` is sent when the state first becomes BODY or
    COMPLETE.

    method: the request's method; a response to HEAD has no body (RFC 9110, 9.3.2).
    """

    __slots__ = ("_headers", "_is_head", "bodiless", "declared", "dropped", "remaining", "state", "status")

    # These are there once a start was taken, and asked for no earlier.
    bodiless: bool  # nothing of the body may be sent
    remaining: int | None  # what may still be sent of what was declared
    dropped: tuple[str, ...]  # hop-by-hop names that the application gave

    _START: ClassVar = {AWAITING_START: START_HELD}
    # PEP 3333, "The start_response() Callable": with exc_info the start may be replaced as long as it was not sent.
    _RESTART: ClassVar = {AWAITING_START: START_HELD, START_REFUSED: START_HELD, START_HELD: START_HELD}
    _CHUNK: ClassVar = {START_HELD: BODY, BODY: BODY}
    _END: ClassVar = {START_HELD: COMPLETE, BODY: COMPLETE}

    def __init__(self, method: str) -> None:
        self.state = AWAITING_START
        self._is_head = method == "HEAD"
        self._headers: RawHeaders = []
        self.status = 0
        self.declared: int | None = None  # Content-Length, in bytes

    def start_response(self, status: str, response_headers: NativeHeaders, exc_info: OptExcInfo | None = None) -> None:
        """Take the status and the headers of the response.

        Raises ApplicationError for values that may not be sent and for a second call without exc_info. Raises
        exc_info's own exception if the start was already sent.
        """
        error = _error_of(exc_info) if exc_info else None
        if error is None:
            following = self._START.get(self.state)
            if following is None:
                raise ApplicationError(
                    f"the application called start_response a second time without exc_info, {self.state.value}",
                    source=_START_RESPONSE,
                )
        else:
            following = self._RESTART.get(self.state)
            if following is None:
                try:
                    raise error.with_traceback(exc_info[2] if exc_info else None)
                finally:
                    exc_info = error = None  # PEP 3333: it would be a cycle through this frame's traceback
        self.state = START_REFUSED
        # A subclass of str may have an equality of its own.
        code = KNOWN_CODES.get(status) if type(status) is str else None
        if code is None:
            code = code_from_status(status)
        self._headers, self.dropped, self.declared = response_headers_to_asgi(response_headers)
        self.status = code
        self.bodiless = self._is_head or code in BODILESS
        self.remaining = self.declared
        self.state = following

    def chunk(self, chunk: bytes) -> bytes:
        """Take one chunk of the body and return what may be sent of it: nothing for a response without content.

        An empty chunk changes nothing (PEP 3333: the start goes with the first *non-empty* one).

        Raises ApplicationError for a chunk that is no bytes, and for a body before start_response.
        """
        if type(chunk) is not bytes and not isinstance(chunk, bytes):
            raise ApplicationError(
                f"the application gave a chunk of type {type(chunk).__name__}; PEP 3333 wants bytes: {chunk!r:.100}",
                source='PEP 3333, "Unicode Issues"',
            )
        if not chunk:
            return b""
        if self.state is not BODY:
            following = self._CHUNK.get(self.state)
            if following is None:
                raise ApplicationError(
                    f"the application gave a chunk of the body {self.state.value}",
                    source='PEP 3333, "The write() Callable"' if self.state is COMPLETE else _SPECIFICATION_DETAILS,
                )
            self.state = following
        if self.bodiless:
            return b""
        remaining = self.remaining
        if remaining is None:
            return chunk
        # PEP 3333, "Handling the Content-Length Header": no more bytes than it allows.
        if len(chunk) > remaining:
            chunk = chunk[:remaining]
        self.remaining = remaining - len(chunk)
        return chunk

    def whole(self, chunks: Sequence[bytes]) -> bytes | None:
        """Take a body that is there as a whole, from its first chunk to its end, and return what may be sent of it.

        None: it is not the ordinary one, a single chunk as long as was declared, and nothing was taken of it.
        """
        if self.state is not START_HELD or len(chunks) != 1 or self.bodiless:
            return None
        chunk = chunks[0]
        if type(chunk) is not bytes or (self.declared is not None and self.declared != len(chunk)):
            return None
        self.state = COMPLETE
        return chunk

    def end(self) -> None:
        """Take the end of the body.

        Raises ApplicationError if start_response was never called, and if the body is shorter than its Content-Length:
        such a response must not look like a whole one.
        """
        following = self._END.get(self.state)
        if following is None:
            raise ApplicationError(
                f"the application ended its response {self.state.value}", source=_SPECIFICATION_DETAILS
            )
        if self.remaining and not self.bodiless:
            raise ApplicationError(
                f"the application declared {self.declared} bytes (Content-Length) and gave {self.remaining} less",
                source='PEP 3333, "Handling the Content-Length Header"',
            )
        self.state = following

    @property
    def expects_body(self) -> bool:
        """Whether a body may follow: it was started, nothing was given yet, and the response may carry content."""
        return self.state is START_HELD and not self.bodiless

    def finish_writing(self) -> None:
        """Take no more of the body: the application has returned and its iterable is about to be closed."""
        self.state = COMPLETE

    def start_message(self) -> Message:
        """Return the ``http.response.start`` message."""
        return {"type": "http.response.start", "status": self.status, "headers": self._headers}


class AsgiResponse:
    """What an ASGI application has answered so far, as a WSGI server needs it.

    Like a server's ``send``: each message is checked and taken by ``message``, which returns what may go to the client.
    ``status_line`` and ``headers`` are for ``start_response`` when the state first becomes BODY or COMPLETE.

    method: the request's method; a response to HEAD has no body (RFC 9110, 9.3.2).
    """

    __slots__ = (
        "_is_head",
        "_trailers",
        "bodiless",
        "declared",
        "dropped",
        "headers",
        "path",
        "remaining",
        "state",
        "status",
        "status_line",
    )

    _START: ClassVar = {AWAITING_START: START_HELD}
    _BODY: ClassVar = {START_HELD: BODY, BODY: BODY}
    _LAST_BODY: ClassVar = {START_HELD: COMPLETE, BODY: COMPLETE}
    _PATH: ClassVar = {START_HELD: COMPLETE}
    # What the states are called in ASGI's terms.
    WHEN: ClassVar = {
        AWAITING_START: "before http.response.start",
        START_HELD: "after http.response.start, before the first byte of the body",
        BODY: "in the body",
        COMPLETE: "after the response was complete",
    }

    def __init__(self, method: str) -> None:
        self.state = AWAITING_START
        self._is_head = method == "HEAD"
        self._trailers = False
        self.status = 0
        self.status_line = ""  # with a reason phrase
        self.headers: NativeHeaders = []
        self.bodiless = False
        self.declared: int | None = None
        self.remaining: int | None = None
        self.dropped: tuple[str, ...] = ()
        self.path: str | None = None  # http.response.pathsend: the file that is the body

    def message(self, message: Message) -> bytes:
        """Take one message and return the bytes of the body that may be sent.

        Raises ApplicationError for a message of an unknown type, one that is not as ASGI has it, and one in the wrong
        order (specs/www.rst, "HTTP"; docs/extensions.rst).
        """
        kind = message.get("type")
        if kind == "http.response.body":
            return self._body(message)
        if kind == "http.response.start":
            self._start(message)
        elif kind == "http.response.pathsend":
            self._pathsend(message)
        elif kind == "http.response.trailers":
            # WSGI has no trailers; a client may ignore them (RFC 9110, 6.5.1), so leaving them out loses nothing it
            # needs.
            if self.state is not COMPLETE or not self._trailers:
                raise self._misplaced(kind)
        elif not isinstance(kind, str) or kind not in _PASSED_OVER:
            raise ApplicationError(
                f"the application sent a message of unknown type {kind!r} {self.WHEN[self.state]}",
                source='ASGI specs/main.rst, "Error Handling"',
            )
        return b""

    def _start(self, message: Message) -> None:
        following = self._START.get(self.state)
        if following is None:
            raise self._misplaced("http.response.start")
        status = message.get("status")
        if not isinstance(status, int) or not 100 <= status <= 999:
            raise ApplicationError(
                f"the application sent http.response.start with the status {status!r}", source=_RESPONSE_START
            )
        self.headers, self.dropped, self.declared = response_headers_to_wsgi(message.get("headers") or ())
        self.status = status = int(status)
        self.status_line = KNOWN_LINES.get(status) or status_from_code(status)
        self.bodiless = self._is_head or status in BODILESS
        self.remaining = self.declared
        self._trailers = bool(message.get("trailers"))
        self.state = following

    def _body(self, message: Message) -> bytes:
        more = message.get("more_body", False)
        following = (self._BODY if more else self._LAST_BODY).get(self.state)
        if following is None:
            raise self._misplaced("http.response.body")
        body: object = message.get("body", b"")
        if type(body) is not bytes:
            if not isinstance(body, (bytes, bytearray, memoryview)):
                raise ApplicationError(
                    f"the application sent a body of type {type(body).__name__}, not bytes: {body!r:.100}",
                    source=_RESPONSE_BODY,
                )
            body = bytes(body)
        if following is BODY and not body:
            following = self.state  # nothing to send yet: the start is still held
        if self.bodiless:
            body = b""
        elif self.remaining is not None:
            remaining = self.remaining - len(body)
            if remaining < 0:
                raise ApplicationError(
                    f"the application declared {self.declared} bytes (Content-Length) and sent more",
                    source="RFC 9110, 8.6",
                )
            if remaining and not more:
                raise ApplicationError(
                    f"the application declared {self.declared} bytes (Content-Length) and sent {remaining} less",
                    source="RFC 9110, 8.6",
                )
            self.remaining = remaining
        self.state = following
        return body

    def _pathsend(self, message: Message) -> None:
        following = self._PATH.get(self.state)
        if following is None:
            raise self._misplaced("http.response.pathsend")
        path = message.get("path")
        if not isinstance(path, str):
            raise ApplicationError(
                f"the application sent http.response.pathsend with the path {path!r}", source=_PATH_SEND
            )
        self.path = path
        self.state = following

    def _misplaced(self, kind: str) -> ApplicationError:
        source = {"http.response.pathsend": _PATH_SEND, "http.response.trailers": _TRAILERS}.get(kind)
        if source is None:
            source = _RESPONSE_BODY if self.state is COMPLETE else _RESPONSE_START
        return ApplicationError(f"the application sent {kind} {self.WHEN[self.state]}", source=source)


def early_hint_links(headers: Iterable[tuple[str | bytes, str | bytes]]) -> list[bytes]:
    """Return the ``links`` of ``http.response.early_hint`` for the headers that ``wsgi.early_hints`` is called with.

    Only Link fields can be told that way (docs/extensions.rst, "Early Hints"); others are left out.

    Raises ApplicationError for values that may not be sent.
    """
    try:
        native = [tuple(p.decode("latin-1") if isinstance(p, bytes) else p for p in pair) for pair in headers]
    except TypeError:
        raise ApplicationError(f"the application gave early hints that are no pairs: {headers!r:.100}") from None
    raw_headers, _, _ = response_headers_to_asgi(native)
    return [value for name, value in raw_headers if name == b"link"]

"""One request, and how the two kinds of server tell an application of it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_from_bytes, unquote

from tests.harness.exchange import DISCONNECT
from tests.harness.scopes import OMIT, http_scope
from tests.harness.wsgi_environ import wsgi_environ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.harness.exchange import Item

SAFE = "/!$&'()*+,;=:@"


@dataclass(frozen=True)
class Request:
    """A request. `mount` and `path` are the bytes that the client means, `target` is how it writes the path."""

    method: str = "GET"
    mount: bytes = b""
    path: bytes = b"/"
    target: bytes | None = None
    """The path below the mount, quoted by the client; None: the server does not tell."""
    query: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: tuple[bytes, ...] = ()
    declared: bool = True
    """Whether there is a Content-Length; without one the body ends where the server says so."""
    leaves_sending: int | None = None
    """After so many bytes of the body the client vanishes."""
    leaves_receiving: int | None = None
    """After so many bytes of the response the client vanishes."""
    version: str = "1.1"
    scheme: str = "http"
    client: tuple[str, int] | None = ("127.0.0.1", 54321)
    server: tuple[str, int] = ("127.0.0.1", 8000)
    has_read1: bool = True
    """Whether the WSGI server's input has more methods than PEP 3333 asks for."""

    @property
    def length(self) -> int:
        """The length of the body in bytes."""
        return sum(map(len, self.body))

    @property
    def all_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers with the body's length."""
        length = [(b"content-length", b"%d" % self.length)] if self.declared and self.body else []
        return [*self.headers, *length]

    def sent(self) -> list[bytes]:
        """Return the pieces that come before the client vanishes."""
        if self.leaves_sending is None:
            return [bytes(piece) for piece in self.body]
        left = self.leaves_sending
        pieces = []
        for piece in self.body:
            pieces.append(piece[:left])
            left -= len(pieces[-1])
        return [piece for piece in pieces if piece]


def environ_of(request: Request, on_leaving: Callable[[], None]) -> dict[str, Any]:
    """Return the environ that a WSGI server makes of a request; `on_leaving` is called when its input finds it gone."""
    pieces = [piece for piece in request.sent() if piece]
    stream: io.BufferedReader[Any] = io.BufferedReader(
        Body(pieces, on_leaving if request.leaves_sending is not None else None)
    )
    has_length = request.declared and bool(request.body)
    keys: dict[str, Any] = {
        "SCRIPT_NAME": request.mount.decode("latin-1"),
        "QUERY_STRING": request.query.decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "SERVER_NAME": request.server[0],
        "SERVER_PORT": str(request.server[1]),
        "REMOTE_ADDR": request.client[0] if request.client else "",
        "wsgi.url_scheme": request.scheme,
        "REMOTE_PORT": str(request.client[1]) if request.client else OMIT,
        "wsgi.input": stream if request.has_read1 else PlainInput(stream),
        # A server that relies on CONTENT_LENGTH need not end the input itself.
        "wsgi.input_terminated": OMIT if has_length or not request.body else True,
    }
    if request.target is not None:
        target = (quote_from_bytes(request.mount, SAFE).encode() + request.target).decode("latin-1")
        keys["REQUEST_URI"] = f"{target}?{keys['QUERY_STRING']}" if request.query else target
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.all_headers]
    return wsgi_environ(request.method, request.path.decode("latin-1"), headers=headers, **keys)


def scope_of(request: Request) -> dict[str, Any]:
    """Return the scope that an ASGI server makes of a request, by uvicorn's rules."""
    root_path = request.mount.decode("utf-8")
    target = quote_from_bytes(request.path, SAFE).encode() if request.target is None else request.target
    return http_scope(
        request.method,
        root_path + unquote(target.decode("ascii")),
        headers=request.all_headers,
        root_path=root_path,
        raw_path=quote(root_path, SAFE).encode() + target,
        query_string=request.query,
        http_version=request.version,
        scheme=request.scheme,
        client=request.client,
        server=request.server,
        state=OMIT,  # without a lifespan there is none
    )


def messages_of(request: Request) -> list[Item]:
    """Return the script of `receive()` for a request."""
    pieces: list[Item] = list(request.sent())
    return pieces or [b""] if request.leaves_sending is None else [*pieces, DISCONNECT]


class Body(io.RawIOBase):
    """The body as it comes over the connection, piece by piece."""

    def __init__(self, pieces: list[bytes], on_leaving: Callable[[], None] | None) -> None:
        self._pieces = pieces
        self._on_leaving = on_leaving

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if not self._pieces:
            if self._on_leaving is None:
                return 0
            self._on_leaving()
            raise ConnectionResetError("the client left in the middle of its body")
        piece = self._pieces[0][: len(buffer)]
        self._pieces[0] = self._pieces[0][len(piece) :]
        if not self._pieces[0]:
            del self._pieces[0]
        buffer[: len(piece)] = piece
        return len(piece)


class PlainInput:
    """An input with the methods that PEP 3333 asks for, and none beside."""

    def __init__(self, stream: io.BufferedReader[Any]) -> None:
        self.read = stream.read
        self.readline = stream.readline
        self.readlines = stream.readlines
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        return self._stream

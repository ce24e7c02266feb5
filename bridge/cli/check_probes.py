"""The requests that ``check`` sends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from bridge import __version__
from bridge._types import Environ
from bridge.translation.requests import environ_from_scope, fields_from_scope

_FORM = b"name=caf%C3%A9&count=2"
_PIECES = (b"x" * 40_000,) * 3  # more than the adapters read ahead
_ODD_PATH = "caf%C3%A9%20%2F"
_QUERY = "a=1&b=%C3%A9&a=&c"


@dataclass(frozen=True)
class Probe:
    """A request, or several of the same kind, and how its client behaves.

    ``target`` is the path with its query, as in a request line. ``pieces`` are sent only as the application reads.
    """

    name: str
    method: str
    target: str
    content_type: str = ""
    pieces: tuple[bytes, ...] = ()
    leaves: bool = False  # after the first chunk of the answer
    calls: int = 1  # at the same time

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.pieces)

    def scope(self) -> dict[str, Any]:
        """A new scope for it (ASGI specs/www.rst, "HTTP Connection Scope")."""
        path, _, query = self.target.partition("?")
        headers = [
            (b"host", b"localhost:8000"),
            (b"user-agent", f"bridge-check/{__version__}".encode()),
            (b"accept", b"*/*"),
        ]
        if self.pieces:
            headers += [
                (b"content-type", self.content_type.encode()),
                (b"content-length", str(len(self.body)).encode()),
            ]
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": unquote_to_bytes(path).decode(errors="replace"),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 8000),
        }

    def environ(self) -> Environ:
        """A new environ for it, without the streams (PEP 3333, "environ Variables")."""
        scope = self.scope()
        return environ_from_scope(scope, fields_from_scope(scope, scope["headers"]))


def probes_of(target: str) -> list[Probe]:
    """Return the probes of one path, which may have a query."""
    path, _, query = target.partition("?")
    odd_target = f"{path.rstrip('/')}/{_ODD_PATH}"
    queried = f"{target}&{_QUERY}" if query else f"{path}?{_QUERY}"
    return [
        Probe(f"GET {target}", "GET", target),
        Probe(f"HEAD {target}", "HEAD", target),
        Probe(f"POST {target} with a form", "POST", target, "application/x-www-form-urlencoded", (_FORM,)),
        Probe(f"POST {target} with a body in pieces", "POST", target, "application/octet-stream", _PIECES),
        Probe(f"GET {odd_target} ({unquote(odd_target)!r})", "GET", odd_target),
        Probe(f"GET {queried}", "GET", queried),
        Probe(f"GET {target}, whose client leaves after the first chunk", "GET", target, leaves=True),
        Probe(f"GET {target}, twice at the same time", "GET", target, calls=2),
    ]

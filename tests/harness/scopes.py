"""Scopes as uvicorn builds them; every key can be replaced or left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

OMIT: Final = object()
"""Given as the value of a key: leave that key out of the scope."""

HOST: Final = (b"host", b"testserver:8000")


def http_scope(
    method: str = "GET",
    path: str = "/",
    *,
    headers: Iterable[tuple[bytes, bytes]] = (),
    **keys: Any,
) -> dict[str, Any]:
    """Return the scope of one HTTP/1.1 request; `keys` replace what is in it, or leave it out (`OMIT`)."""
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 54321),
        "scheme": "http",
        "method": method,
        "root_path": "",
        "path": path,
        "raw_path": quote(path.encode("utf-8", "surrogatepass"), safe="/:@!$&'()*+,;=~-._").encode("ascii"),
        "query_string": b"",
        "headers": [HOST, *headers],
        "state": {},
    }
    return changed(scope, keys)


def websocket_scope(path: str = "/", **keys: Any) -> dict[str, Any]:
    """Return the scope of a websocket that a client asks for."""
    scope: dict[str, Any] = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 54321),
        "scheme": "ws",
        "root_path": "",
        "path": path,
        "raw_path": path.encode("ascii"),
        "query_string": b"",
        "headers": [HOST, (b"upgrade", b"websocket"), (b"connection", b"Upgrade")],
        "subprotocols": [],
        "state": {},
    }
    return changed(scope, keys)


def lifespan_scope(**keys: Any) -> dict[str, Any]:
    """Return the scope of a server's start."""
    scope: dict[str, Any] = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    return changed(scope, keys)


def changed(scope: dict[str, Any], keys: dict[str, Any]) -> dict[str, Any]:
    """Return the scope with these keys replaced or left out."""
    scope.update(keys)
    return {key: value for key, value in scope.items() if value is not OMIT}

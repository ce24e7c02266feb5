"""Context variables that name the request: one that the server sets, and one that the application sets."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Final

FROM_SERVER: Final[ContextVar[str]] = ContextVar("soak.from_server")
FROM_APPLICATION: Final[ContextVar[str | None]] = ContextVar("soak.from_application", default=None)


def token_of(path: str) -> str:
    """The token that a path ends with."""
    return path.rpartition("/")[2]


def named_in_asgi(app: Any) -> Any:
    """Return an ASGI application around another, as a middleware that sets the variable."""

    async def named(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            FROM_SERVER.set(token_of(scope["path"]))
        await app(scope, receive, send)

    return named


def named_in_wsgi(app: Any) -> Any:
    """Return a WSGI application around another, as a middleware that sets the variable."""

    def named(environ: dict[str, Any], start_response: Any) -> Any:
        FROM_SERVER.set(token_of(environ["PATH_INFO"]))
        return app(environ, start_response)

    return named

"""What an adapter tells of each request to whoever measures or traces: its start and its end."""

from __future__ import annotations

import logging
import time
from typing import Any, Literal

from bridge._types import Environ, Message, Scope, Send
from bridge.errors import UsageError
from bridge.translation.paths import scope_paths

logger = logging.getLogger("bridge")

Outcome = Literal["completed", "failed", "disconnected"]


class RequestRecord:
    """One request, as hooks see it: the same object at its start and at its end.

    method, path: as the server gave them; ``path`` is text, and includes where the application is mounted.
    scope: the ASGI scope (``WsgiToAsgi``), else None. environ: the environ (``AsgiToWsgi``), else None. Both are the
        request's own, and are let go at its end.
    status: the status code of the answer, None as long as there is none.
    outcome: what ``stats()`` counts it as, None before its end: "completed", "failed" or "disconnected".
    error: what the call raised; None if nothing.
    seconds: how long it has taken; at its end, how long it took.
    notes: a dict for the hooks' own use, such as a span that is ended later.
    """

    __slots__ = ("_began_at", "_ended_at", "environ", "error", "method", "notes", "outcome", "path", "scope", "status")

    def __init__(self, method: str, path: str, *, scope: Scope | None = None, environ: Environ | None = None) -> None:
        self.method = method
        self.path = path
        self.scope = scope
        self.environ = environ
        self.status: int | None = None
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None
        self.notes: dict[str, Any] = {}
        self._began_at = time.monotonic()
        self._ended_at: float | None = None

    @property
    def seconds(self) -> float:
        return (time.monotonic() if self._ended_at is None else self._ended_at) - self._began_at

    def __repr__(self) -> str:
        return f"<{self.method} {self.path!r}: {self.outcome or 'under way'}>"

    def _end(self, outcome: Outcome, error: BaseException | None) -> None:
        self._ended_at = time.monotonic()
        self.outcome = outcome
        self.error = error


class RequestHooks:
    """Is told of the start and the end of each request; override either method.

    Both are called in the middle of a request, so they must be quick and must not wait. ``WsgiToAsgi`` calls them in
    the event loop of its server. ``AsgiToWsgi`` calls ``request_started`` in the server's thread and ``request_ended``
    in that of the application's loop, once the application has returned: after background tasks. The application sees
    context variables that ``request_started`` sets. What the methods raise is logged and has no other effect.
    """

    def request_started(self, request: RequestRecord) -> None:
        """Take note of a request that has come."""

    def request_ended(self, request: RequestRecord) -> None:
        """Take note that a request is over: answered whole, failed, or without its client."""


def check_hooks(hooks: RequestHooks | None) -> None:
    """Raise UsageError for what is no RequestHooks, nor like one."""
    if isinstance(hooks, type):
        raise UsageError(f"hooks must be a RequestHooks; {hooks.__name__} is a class, give an instance of it")
    for name in ("request_started", "request_ended"):
        if hooks is not None and not callable(getattr(hooks, name, None)):
            raise UsageError(f"hooks must be a RequestHooks; {type(hooks).__name__} has no method {name}")


class Told:
    """A request of which hooks are told, each once."""

    __slots__ = ("_hooks", "record")

    def __init__(self, hooks: RequestHooks, record: RequestRecord) -> None:
        self._hooks = hooks
        self.record = record
        try:
            hooks.request_started(record)
        except Exception:
            logger.exception("bridge: request_started of the hooks failed on %s %r", record.method, record.path)

    def end(self, outcome: Outcome, error: BaseException | None = None, *, status: int | None = None) -> None:
        """Tell of the end, unless it was told before.

        status: that of the answer, 0 or None if there was none or if it is known already.
        """
        record = self.record
        if record.outcome is not None:
            return
        record.status = status or record.status
        record._end(outcome, error)  # noqa: SLF001  its other half
        try:
            self._hooks.request_ended(record)
        except Exception:
            logger.exception("bridge: request_ended of the hooks failed on %s %r", record.method, record.path)
        record.scope = record.environ = record.error = None  # hooks may keep the record


def told_of_environ(hooks: RequestHooks, environ: Environ) -> Told:
    """Tell of the start of a request that a WSGI server has brought."""
    _, path, _ = scope_paths(environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", ""), None)
    return Told(hooks, RequestRecord(environ.get("REQUEST_METHOD", ""), path, environ=environ))


class ToldSend:
    """The ``send`` of a request of which hooks are told: it sees the status, and whether the answer is complete."""

    __slots__ = ("_send", "_told", "is_complete")

    def __init__(self, hooks: RequestHooks, scope: Scope, send: Send) -> None:
        self._told = Told(hooks, RequestRecord(scope.get("method", ""), scope.get("path", ""), scope=scope))
        self._send = send
        self.is_complete = False

    async def __call__(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self._told.record.status = message["status"]
        elif kind in _BODIES and not message.get("more_body", False):
            # Before the send: servers tell of a disconnect as soon as they have the last message.
            self.is_complete = True
        await self._send(message)

    def end(self, error: BaseException | None) -> None:
        """Tell of the end of the call, which has raised an error or None."""
        if isinstance(error, Exception):
            self._told.end("failed", error)
        elif error is not None or not self.is_complete:
            self._told.end("disconnected", error)
        else:
            self._told.end("completed")


_BODIES = frozenset(("http.response.body", "http.response.pathsend", "http.response.zerocopysend"))

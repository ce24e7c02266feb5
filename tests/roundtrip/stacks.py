"""Adapters around one another, made once and used for many requests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bridge import AsgiToWsgi, WsgiToAsgi
from tests.harness import eventually

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

ROUND_TRIPS = (1, 3)

PATIENCE = 200  # turns that other threads get before they are asked less often

OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # As adapters are made without a thought: a WSGI application then runs in the thread of its WSGI server, an ASGI
    # application in the task of its ASGI server.
    "default": ({}, {}),
    # In threads and on a loop of the bridge's own.
    "threads": ({"threads": 4}, {}),
    # And with nothing read ahead, and as little as possible held.
    "bare": ({"threads": 4, "body": "stream", "write_buffer": 1}, {"prefetch_size": 0, "write_buffer": 1}),
}


class Stage:
    """Where the application of the moment stands."""

    def __init__(self) -> None:
        self.app: Any = None

    def wsgi(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Be a WSGI application."""
        answer: Iterable[bytes] = self.app(environ, start_response)
        return answer

    def asgi(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        """Be an ASGI application."""
        awaitable: Awaitable[None] = self.app(scope, receive, send)
        return awaitable


class Stack:
    """Round trips around a stage: the outermost adapter has the interface that the application has."""

    def __init__(self, interface: str, round_trips: int, options: str) -> None:
        self.name = f"{interface} through {round_trips} round trips, {options}"
        self.is_direct = round_trips == 1
        self.stage = Stage()
        self.adapters: list[WsgiToAsgi | AsgiToWsgi] = []
        to_asgi, to_wsgi = OPTIONS[options]
        app: Any = self.stage.wsgi if interface == "wsgi" else self.stage.asgi
        for number in range(2 * round_trips):
            is_wsgi = (interface == "wsgi") is (number % 2 == 0)
            app = WsgiToAsgi(app, **to_asgi) if is_wsgi else AsgiToWsgi(app, lifespan="off", **to_wsgi)
            self.adapters.append(app)
        self.outermost = app

    def settle(self) -> None:
        """Wait until nothing is under way any more."""
        for _ in range(PATIENCE):
            if self._is_idle():
                return
            time.sleep(0)
        eventually(self._is_idle, f"{self.name} comes to rest")

    def _is_idle(self) -> bool:
        return not any(
            stats.in_flight or stats.busy or stats.stuck or stats.background
            for stats in (adapter.stats() for adapter in self.adapters)
        )

    def close(self) -> None:
        """Close the adapters, the outermost first."""
        for adapter in reversed(self.adapters):
            adapter.close()

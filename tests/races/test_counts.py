"""What `stats()` says at every line of `bridge`, in every thread, from a request's first step to its last."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bridge
from bridge import AsgiToWsgi, WsgiToAsgi
from tests.conformance.applications import PLAIN
from tests.conformance.asgi_applications import STARTED
from tests.conformance.asgi_applications import answer as answer_asgi
from tests.harness import eventually, fetch
from tests.harness.wsgi_call import serve
from tests.races.yielding import at_lines

DIRECTORY = str(Path(bridge.__file__).parent)


class Counting:
    """Adds up, at each line, the requests that are under way and those that have ended."""

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter
        self._looking = threading.local()
        self._lock = threading.Lock()
        self.before = 0
        self.known = 0
        self.lost: list[str] = []

    def at_line(self) -> None:
        """Look, but for the hand-off layer, which may hold the lock that `stats()` needs."""
        frame = sys._getframe(2)
        if os.path.dirname(frame.f_code.co_filename) != DIRECTORY or getattr(self._looking, "now", False):
            return
        self._looking.now = True
        try:
            with self._lock:
                found = self._adapter.stats()
                counted = found.in_flight + found.background + found.completed + found.failed + found.disconnected
                # For a moment it may be counted twice: as one that is under way still, and as one that has ended.
                if counted:
                    self.known += 1
                elif self.known:
                    self.lost.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}: {found}")
                else:
                    self.before += 1
        finally:
            self._looking.now = False


def wsgi_app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Read, and end as the path says."""
    environ["wsgi.input"].read()
    if environ["PATH_INFO"] == "/error":
        raise LookupError("on purpose")
    start_response("200 OK", list(PLAIN))
    return [b"ok"]


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    """Read, and end as the path says."""
    await receive()
    if scope["path"] == "/error":
        raise LookupError("on purpose")
    if scope["path"] == "/late error":
        await send(STARTED)
        raise LookupError("on purpose")
    await answer_asgi(send)


def through_wsgi_to_asgi(adapter: WsgiToAsgi, path: str) -> None:
    """Make one request."""
    fetch(adapter, "POST", path, body=[b"some", b"thing"])


def through_asgi_to_wsgi(adapter: AsgiToWsgi, path: str) -> None:
    """Make one request."""
    serve(adapter, "POST", path, body=b"something")


def through_both(adapter: WsgiToAsgi, path: str) -> None:
    """Make one request that the adapter serves in the thread of a WSGI server."""
    with AsgiToWsgi(adapter, lifespan="off") as outer:
        serve(outer, "POST", path, body=b"something")


def in_servers_task(adapter: AsgiToWsgi, path: str) -> None:
    """Make one request whose application runs in the task of an ASGI server."""
    with WsgiToAsgi(adapter) as outer:
        fetch(outer, "POST", path, body=b"something")


@pytest.mark.parametrize("path", ["/", "/error", "/late error"])
@pytest.mark.parametrize(
    ("make", "go"),
    [
        (lambda: WsgiToAsgi(wsgi_app), through_wsgi_to_asgi),
        (lambda: WsgiToAsgi(wsgi_app, body="spool"), through_wsgi_to_asgi),
        (lambda: WsgiToAsgi(wsgi_app), through_both),
        (lambda: AsgiToWsgi(asgi_app, lifespan="off"), through_asgi_to_wsgi),
        (lambda: AsgiToWsgi(asgi_app, lifespan="off"), in_servers_task),
    ],
    ids=["WsgiToAsgi", "spooled", "nested", "AsgiToWsgi", "in the server's task"],
)
def test_no_request_is_counted_nowhere(make: Callable[[], Any], go: Callable[[Any, str], None], path: str) -> None:
    """B3: once a request is in flight, it is so, or in the background, or has ended, at every line."""
    with make() as adapter:
        counting = Counting(adapter)
        with at_lines(counting):
            try:
                go(adapter, path)
            except LookupError:
                assert "error" in path
            eventually(lambda: adapter.stats().in_flight + adapter.stats().background == 0, "nothing is in flight")
        found = adapter.stats()
        assert found.completed + found.failed == 1
    assert counting.lost == []
    assert counting.before > 0
    assert counting.known > 20

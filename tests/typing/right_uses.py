"""Never run: right uses of the public names, for type checkers to accept, with the types that they must find."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal, assert_type
from wsgiref.validate import validator

import uvicorn
from asgiref.typing import ASGI3Application
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

import bridge
from bridge import RequestHooks, RequestRecord, Stats, WsgiToAsgi
from bridge.errors import ApplicationError, BridgeError, ClientDisconnected, ReadTimeout

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """An application typed by the standard library's names."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


assert_type(bridge.__version__, str)

# Every kind of WSGI application is taken.
flask_app = Flask(__name__)
adapter = WsgiToAsgi(application)
WsgiToAsgi(flask_app)
WsgiToAsgi(flask_app.wsgi_app)
WsgiToAsgi(validator(application))

# The adapter is an ASGI application to whoever types one.
asgi: ASGI3Application = adapter
starlette_asgi: ASGIApp = adapter
uvicorn.Config(adapter)
Starlette(routes=[Mount("/legacy", app=adapter)])
FastAPI().mount("/legacy", adapter)

# Every option, with every kind of value.
WsgiToAsgi(
    application,
    threads=4,
    executor=None,
    max_queued=100,
    queue_timeout=1.5,
    max_headers=50,
    max_body_size=1_000_000,
    body="spool",
    prefetch_size=0,
    read_timeout=30.0,
    write_buffer=1 << 16,
    mount="/legacy",
    underscore_headers=True,
    shutdown_grace=3,
    stuck_after=1.0,
    hooks=RequestHooks(),
)


class Slow(RequestHooks):
    """Both methods may be overridden."""

    def request_started(self, request: RequestRecord) -> None:
        assert_type(request.status, int | None)
        assert_type(request.seconds, float)

    def request_ended(self, request: RequestRecord) -> None:
        assert_type(request.outcome, Literal["completed", "failed", "disconnected"] | None)


WsgiToAsgi(application, hooks=Slow())
with ThreadPoolExecutor() as executor:
    WsgiToAsgi(application, executor=executor, max_queued=None, queue_timeout=None, max_body_size=None, body="stream")

with WsgiToAsgi(application) as entered:
    assert_type(entered, WsgiToAsgi)

stats = adapter.stats()
assert_type(stats, Stats)
assert_type(stats.threads, int)
assert_type(stats.busy, int)
assert_type(stats.stuck, int)
assert_type(stats.queued, int)
assert_type(stats.in_flight, int)
assert_type(stats.completed, int)
assert_type(stats.failed, int)
assert_type(stats.disconnected, int)
adapter.close()


async def entered_on_a_loop() -> None:
    """`async with` gives the adapter itself, as `with` does."""
    async with WsgiToAsgi(application) as entered:
        assert_type(entered, WsgiToAsgi)


# An application catches the bridge's errors as what they are, or as the OSError that frameworks expect.
gone: OSError = ClientDisconnected("the client went away")
slow: TimeoutError = ReadTimeout("no byte came")
root: type[BridgeError] = ApplicationError

"""The ``demo`` command: both adapters at work on this machine, and what goes over them.

Each half serves an application of its own on a port of the loopback interface that the system chooses, asks it for a
few things, prints what was heard on both sides of the bridge, and ends its server. Every wait has a limit.
"""

from __future__ import annotations

import argparse
import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bridge import AsgiToWsgi, WsgiToAsgi
from bridge.cli.demo_applications import asgi_application, wsgi_application
from bridge.cli.demo_trace import ASGI, CLIENT, WSGI, Trace, traced_asgi, traced_wsgi
from bridge.cli.errors import REFUSED, CommandError, named
from bridge.cli.listening import address_of, listen
from bridge.cli.threaded_server import ThreadedServer

WITHIN = 5.0  # seconds that a server, an answer or the end of a visit may take; each takes milliseconds
_END_WITHIN = 0.5  # seconds for what is under way when the demo ends, by itself or by Ctrl-C
_THREADS = 4

# Three pieces, together more than the adapters receive before they call an application.
_PIECES, _PIECE = 3, bytes(40_000)


def demo(_options: argparse.Namespace) -> int:
    """Run the command; return the exit status."""
    print("A WSGI application on uvicorn, through WsgiToAsgi", flush=True)
    try:
        import uvicorn  # noqa: PLC0415  an extra, without which the other half can be shown
    except ModuleNotFoundError as error:
        print(
            f"  is left out: {error.name} is not installed. This installs it: pip install 'wsgi-asgi-bridge[serve]'\n",
            flush=True,
        )
    else:
        half = _Half("uvicorn", ASGI, WSGI)
        with (
            WsgiToAsgi(traced_wsgi(wsgi_application, half.current), threads=_THREADS, shutdown_grace=0) as to_asgi,
            _on_uvicorn(uvicorn, traced_asgi(to_asgi, half.current)) as address,
        ):
            half.visit(address)

    print("An ASGI application on the standard library's WSGI server, through AsgiToWsgi", flush=True)
    half = _Half("the server", WSGI, ASGI)
    to_wsgi = AsgiToWsgi(
        traced_asgi(asgi_application, half.current), lifespan="off", shutdown_grace=_END_WITHIN, disconnect_grace=0
    )
    with to_wsgi, _on_wsgiref(traced_wsgi(to_wsgi, half.current)) as address:
        half.visit(address)
    return 0


class _Half:
    """One direction of the bridge. ``current`` is the trace of the visit that goes on."""

    def __init__(self, server: str, server_side: str, application_side: str) -> None:
        self._sides = (
            f"  {server_side:<6}  what {server} and the bridge tell each other\n"
            f"  {application_side:<6}  what the bridge and the application tell each other\n"
        )
        self._application_side = application_side
        self._trace = Trace(application_side)

    def current(self) -> Trace:
        """The trace to write to."""
        return self._trace

    def visit(self, address: tuple[str, int]) -> None:
        """Make every visit, and print each when it is over."""
        print(f"  at {address_of(*address)}\n{self._sides}", flush=True)
        for name, visit in _VISITS.items():
            self._trace = Trace(self._application_side)
            try:
                visit(address, self._trace)
            except OSError as error:
                raise CommandError(f"the demo stops at {name!r}: {named(error)}", status=REFUSED) from error
            is_over = self._trace.wait_until_over(WITHIN)
            print("\n".join([f"* {name}", *self._trace.lines(), ""]), flush=True)
            if not is_over:
                raise CommandError(f"the demo stops at {name!r}: it is not over after {WITHIN:g} s", status=REFUSED)


# ---- servers ---------------------------------------------------------------------------------------------------------


@contextmanager
def _on_uvicorn(uvicorn: Any, application: Any) -> Iterator[tuple[str, int]]:
    with listen("127.0.0.1", 0) as listener:
        server = uvicorn.Server(
            uvicorn.Config(
                application,
                lifespan="on",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=_END_WITHIN,
            )
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="demo-uvicorn", daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[:2]
        finally:
            server.should_exit = True
            thread.join(WITHIN)


@contextmanager
def _on_wsgiref(application: Any) -> Iterator[tuple[str, int]]:
    with listen("127.0.0.1", 0) as listener:
        server = ThreadedServer(listener, application, _THREADS)
        thread = threading.Thread(target=server.serve_forever, args=[0.05], name="demo-wsgiref", daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[:2]
        finally:
            server.take_no_more()
            server.shutdown()
            thread.join(WITHIN)
            server.wait_for_requests(_END_WITHIN)


# ---- the client ------------------------------------------------------------------------------------------------------


Address = tuple[str, int]


@contextmanager
def _request(address: Address, trace: Trace, head: str) -> Iterator[socket.socket]:
    """A connection on which a request's head has been sent."""
    with socket.create_connection(address, WITHIN) as connection:
        method_and_target, _, fields = head.partition("\n")
        trace.note(CLIENT, f"asks: {method_and_target}")
        lines = [f"{method_and_target} HTTP/1.1", "Host: localhost", "Connection: close", *fields.splitlines(), "", ""]
        connection.sendall("\r\n".join(lines).encode())
        yield connection


@contextmanager
def _answer(connection: socket.socket, trace: Trace) -> Iterator[http.client.HTTPResponse]:
    with http.client.HTTPResponse(connection) as response:
        response.begin()
        trace.note(CLIENT, f"gets: {response.status} {response.reason}")
        yield response


def _page(address: Address, trace: Trace) -> None:
    with _request(address, trace, "GET /a%2Fpage?lang=en") as connection, _answer(connection, trace) as response:
        trace.note(CLIENT, f"gets: {response.read().decode()!r}")


def _upload(address: Address, trace: Trace) -> None:
    whole = _PIECES * len(_PIECE)
    with _request(address, trace, f"POST /upload\nContent-Length: {whole}") as connection:
        for number in range(1, _PIECES + 1):
            trace.note(CLIENT, f"sends piece {number} of {_PIECES}, and waits until it has been read")
            connection.sendall(_PIECE)
            if not trace.wait_until_read(number * len(_PIECE), WITHIN):
                raise TimeoutError(f"piece {number} of the upload was not read while it came")
        with _answer(connection, trace) as response:
            trace.note(CLIENT, f"gets: {response.read().decode()!r}")


def _stream(address: Address, trace: Trace) -> None:
    with _request(address, trace, "GET /countdown") as connection, _answer(connection, trace) as response:
        while piece := response.readline():
            trace.note(CLIENT, f"gets: {piece.decode()!r}")


def _leave(address: Address, trace: Trace) -> None:
    with _request(address, trace, "GET /endless") as connection, _answer(connection, trace) as response:
        trace.note(CLIENT, f"gets: {response.readline().decode()!r}")
        trace.note(CLIENT, "leaves")


_VISITS: dict[str, Callable[[Address, Trace], None]] = {
    "A page": _page,
    "An upload, read while it comes": _upload,
    "A stream, sent while it is made": _stream,
    "A client that leaves in the middle of an endless stream": _leave,
}

"""SIGTERM under load, as a service manager sends it to a server that it replaces."""

from __future__ import annotations

import http.client
import select
import signal
import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.faults.held import FIRST, HOST, LAST, VARIABLE
from tests.harness import Gate
from tests.servers.kinds import KINDS as ASGI_SERVERS
from tests.servers.running import eventually, running
from tests.servers.wire import Wire, head
from tests.wsgi_servers.kinds import KINDS as WSGI_SERVERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.kinds import Kind
    from tests.servers.running import RunningServer

INSIDE_WITHIN = 10.0  # seconds
ANSWERS_WITHIN = 0.5  # else it does not accept; if it is only slow, the answer has to be whole all the same
ENDS_WITHIN = 10.0  # seconds from the last answer, or from the end of the grace
HELD = 3  # requests of each kind; the servers have eight threads

SERVERS = {kind.name: kind for kind in (*ASGI_SERVERS, *WSGI_SERVERS)}
UNDER_TEST = [
    pytest.param(
        SERVERS["uvicorn-httptools-uvloop"], "held:app", "--timeout-graceful-shutdown", id="uvicorn, WsgiToAsgi"
    ),
    pytest.param(SERVERS["gunicorn-gthread"], "held:application", "--graceful-timeout", id="gunicorn, AsgiToWsgi"),
]


class Client(threading.Thread):
    """Makes one request after another until the server answers no more.

    uvicorn refuses connections then; gunicorn's threaded worker lets them wait in the kernel's queue until it exits.
    """

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port
        self.whole = 0
        self.is_let_down = Gate("the server answers no more")
        self.broken = b""

    def run(self) -> None:
        while not self.is_let_down.is_open:
            seen = self.ask()
            if not seen:
                self.is_let_down.open()
            elif seen.startswith(b"HTTP/1.1 200") and FIRST in seen and LAST in seen:
                self.whole += 1
            else:
                self.broken = seen
                self.is_let_down.open()

    def ask(self) -> bytes:
        """Return all that came."""
        seen = b""
        with suppress(ConnectionError), socket.create_connection((HOST, self.port), INSIDE_WITHIN) as connection:
            connection.sendall(head("GET", "/quick", "Connection: close"))
            if not select.select([connection], [], [], ANSWERS_WITHIN)[0]:
                self.is_let_down.open()
            while piece := connection.recv(65_536):
                seen += piece
        return seen


@contextmanager
def full(
    kind: Kind, application: str, directory: Path
) -> Iterator[tuple[RunningServer, list[Wire], list[socket.socket]]]:
    """A server that holds requests of both kinds; with it their connections, and those by which they are let go."""
    with (
        socket.create_server((HOST, 0)) as listener,
        running(
            kind,
            application,
            directory,
            package="tests.faults",
            environment={VARIABLE: str(listener.getsockname()[1])},
        ) as server,
    ):
        listener.settimeout(INSIDE_WITHIN)
        wires: list[Wire] = []
        inside: list[socket.socket] = []
        try:
            for target in ("/whole", "/stream") * HELD:
                wires.append(Wire(server.port, within=INSIDE_WITHIN))
                wires[-1].send(head("GET", target))
                inside.append(listener.accept()[0])
            yield server, wires, inside
        finally:
            for wire in wires:
                wire.close()
            for connection in inside:
                connection.close()


@pytest.mark.parametrize(("kind", "application", "option"), UNDER_TEST)
def test_requests_under_way_finish(kind: Kind, application: str, option: str, tmp_path: Path) -> None:
    """W20, A10: what the server had begun is answered whole, the rest whole or with no byte, and it exits in time."""
    with full(kind, application, tmp_path) as (server, wires, inside):
        clients = [Client(server.port) for _ in range(2)]
        for client in clients:
            client.start()
        assert eventually(lambda: all(client.whole >= 10 for client in clients), INSIDE_WITHIN)
        server.process.send_signal(signal.SIGTERM)
        for client in clients:
            client.is_let_down.wait(INSIDE_WITHIN)
        released = time.monotonic()
        for connection in inside:
            connection.send(b"!")
        for wire in wires:
            answer = wire.answer()
            assert (answer.status, answer.body) == (200, FIRST + LAST)
            wire.close()  # gunicorn waits for that, a while
        server.process.wait(ENDS_WITHIN)
        assert time.monotonic() - released < ENDS_WITHIN
        for client in clients:
            client.join(INSIDE_WITHIN)
            assert not client.is_alive()
        assert [client.broken for client in clients] == [b"", b""]
        assert server.process.returncode in (0, -signal.SIGTERM)


@pytest.mark.parametrize(("kind", "application", "option"), UNDER_TEST)
def test_requests_that_outlast_the_grace(kind: Kind, application: str, option: str, tmp_path: Path) -> None:
    """W20, A10, B1: the server exits in time all the same, and no answer that broke off looks whole."""
    impatient = replace(kind, arguments=f"{kind.arguments} {option} 1")
    with full(impatient, application, tmp_path) as (server, wires, _):
        assert server.stop(1 + ENDS_WITHIN) < 1 + ENDS_WITHIN
        for wire in wires:
            assert not is_served(wire)


def is_served(wire: Wire) -> bool:
    """Whether a request was answered whole by the application."""
    try:
        return wire.answer().status == 200
    except (ConnectionError, http.client.HTTPException):
        return False

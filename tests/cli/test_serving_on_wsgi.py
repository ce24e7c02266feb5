"""`python -m bridge serve --wsgi`: an application on a WSGI server, from its first line to its end."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import ADDRESS, Running, running

SERVERS = ["wsgiref", "waitress", "gunicorn"]


def serve(*arguments: str) -> list[str]:
    """The arguments for Python."""
    return ["-m", "bridge", "serve", *arguments, "--port", "0"]


def asked(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> str:
    """What the server answers on a connection that is open, or opened for it."""
    connection.request(method, path, body)
    response = connection.getresponse()
    assert response.status == 200
    return response.read().decode()


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, directory: Path) -> Iterator[Running]:
    """The ASGI application on each server."""
    with running(*serve("cafe:application", "--wsgi", request.param), directory=directory) as started:
        yield started


@pytest.mark.parametrize("signal", ["interrupt", "terminate"])
def test_from_startup_to_shutdown(server: Running, signal: str) -> None:
    """A10: the lifespan runs, requests see its state; Ctrl-C and SIGTERM end it in order, quietly, with status 0."""
    connection = server.connection()
    assert asked(connection, "GET", "/a%2Fb") == "GET /a%2Fb 0 startup"
    assert asked(connection, "POST", "/form", b"x" * 100_000) == "POST /form 100000 startup"
    assert asked(connection, "GET", "/pieces") == "one two GET /pieces 0 startup"
    connection.close()
    getattr(server, signal)()
    output = server.rest()
    assert server.process.wait(10) == 0
    assert re.findall(r"^(?:startup|shutdown)$", output, re.MULTILINE) == ["startup", "shutdown"]
    assert "Traceback" not in output


def test_an_endless_stream_does_not_keep_it_running(server: Running) -> None:
    """A10: while a client reads an endless stream, Ctrl-C gives it the grace, then ends it, and the shutdown runs."""
    connection = server.connection()
    connection.request("GET", "/endless")
    with connection.getresponse() as stream:
        assert stream.readline() == b"again\n"
        started = time.monotonic()
        server.interrupt()
        output = server.rest()
        assert server.process.wait(10) == 0
        assert time.monotonic() - started < 8
    connection.close()
    assert output.index("the stream ended") < output.index("\nshutdown\n")


@pytest.mark.parametrize(
    ("target", "name", "line"),
    [
        ("cafe:application", [], "cafe:application (function) is ASGI; serving it on wsgiref through AsgiToWsgi"),
        ("cafe:create()", ["waitress"], "cafe:create() (function) is ASGI; serving it on waitress through AsgiToWsgi"),
        ("cafe:Twice", [], "cafe:Twice (type) is ASGI 2; serving it on wsgiref through AsgiToWsgi"),
        ("shop:instance", [], "shop:instance (shop.Instance) is WSGI; serving it on wsgiref as it is"),
        ("shop:instance", ["waitress"], "shop:instance (shop.Instance) is WSGI; serving it on waitress as it is"),
        ("shop:instance", ["gunicorn"], "shop:instance (shop.Instance) is WSGI; serving it on gunicorn as it is"),
    ],
)
def test_the_line_says_what_is_done(directory: Path, target: str, name: list[str], line: str) -> None:
    """One line tells the interface that was found, the server, whether an adapter is between, threads and address."""
    with running(*serve(target, "--threads", "7", "--wsgi", *name), directory=directory) as server:
        said = server.line("^bridge: ").string
        assert said.startswith(f"bridge: {line}, 7 threads, http://127.0.0.1:")
        port = int(said.rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        answer = asked(connection, "GET", "/")
        assert answer.startswith("GET / 0 startup" if target.startswith("cafe:") else "served by ")
        connection.close()
        server.interrupt()
        assert "Traceback" not in server.rest()
        assert server.process.wait(10) == 0


def test_a_wsgi_application_that_streams_is_left_behind(directory: Path) -> None:
    """Ctrl-C takes at most five seconds while a WSGI application of its own accord never ends its answer."""
    with running(*serve("shop:application", "--wsgi"), directory=directory) as server:
        connection = server.connection()
        connection.request("GET", "/blocked")
        with connection.getresponse() as stream:
            assert stream.readline() == b"blocked\n"
            started = time.monotonic()
            server.interrupt()
            assert server.process.wait(10) == 0
            assert time.monotonic() - started < 5
        connection.close()


LINGERS = """
import atexit, runpy, sys, time
atexit.register(time.sleep, 1)
atexit.register(print, "about to exit", flush=True)
sys.argv = ["bridge", "serve", "shop:application", "--wsgi", "waitress", "--port", "0"]
runpy.run_module("bridge", run_name="__main__")
"""


def test_waitress_says_nothing_at_its_end(directory: Path) -> None:
    """Its thread, which goes on until the process has ended, does not stumble over the listener that is closed."""
    with running("-c", LINGERS, directory=directory) as server:
        host, port = server.line(ADDRESS).groups()
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
            server.interrupt()
            server.line("^about to exit$")
            with contextlib.suppress(ConnectionError):  # it has closed the connection
                for _ in range(10):  # wake the thread, if it listens
                    connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    time.sleep(0.02)
            lines = server.rest().splitlines()[1:]
            # Its own word on a busy machine: a request came before there was a thread for it.
            assert [line for line in lines if "Task queue depth" not in line] == ["about to exit"]
            assert server.process.wait(10) == 0

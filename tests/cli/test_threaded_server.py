"""`--wsgi` without a name: what its server does on the wire, told by bytes on a socket (RFC 9112)."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bridge._types import Environ, StartResponse
from bridge.cli.threaded_server import ThreadedServer

WITHIN = 10.0
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

Application = Callable[[Environ, StartResponse], object]


def telling(environ: Environ, start_response: StartResponse) -> list[bytes]:
    """Read the declared body, then tell of the request."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))
    start_response("200 OK", [("Content-Type", "text/plain")])
    told = [environ[key] for key in ("REQUEST_METHOD", "PATH_INFO", "REQUEST_URI")]
    return [" ".join([*told, str(environ.get("HTTP_X_USER")), ""]).encode() + body]


@contextmanager
def serving(application: Application, threads: int = 4) -> Iterator[Callable[[], socket.socket]]:
    """Serve an application; what connects to it."""
    with served(application, threads) as (connect, _):
        yield connect


@contextmanager
def served(application: Application, threads: int = 4) -> Iterator[tuple[Callable[[], socket.socket], ThreadedServer]]:
    """The same, with the server."""
    sockets = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = ThreadedServer(listener, application, threads)  # type: ignore[arg-type]  # some break PEP 3333
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()

        def connect() -> socket.socket:
            sockets.append(socket.create_connection(listener.getsockname()[:2], WITHIN))
            return sockets[-1]

        try:
            yield connect, server
        finally:
            for connection in sockets:
                connection.close()
            server.shutdown()
            thread.join(WITHIN)
            assert server.wait_for_requests(WITHIN)


def exchanged(connect: Callable[[], socket.socket], request: bytes) -> tuple[int, bytes]:
    """Send a request; the status and the body of the answer, which ends with the connection."""
    with connect() as connection, connection.makefile("rb") as stream:
        connection.sendall(request)
        head, _, body = stream.read().partition(b"\r\n\r\n")
        return int(head.split()[1]), body


@pytest.mark.parametrize(
    ("request_bytes", "answer"),
    [
        (b"GET /a%2Fb?q=1 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /a/b /a%2Fb?q=1 None "),
        (b"POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=1", b"POST /form /form None a=1"),
        (b"GET / HTTP/1.0\r\nX-User: me\r\nX_User: you\r\n\r\n", b"GET / / me "),
    ],
)
def test_a_request_is_told_as_it_was_sent(request_bytes: bytes, answer: bytes) -> None:
    """A1, W3: the target is there as it was sent, and no field passes for one with another name."""
    with serving(telling) as connect:
        assert exchanged(connect, request_bytes) == (200, answer)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", 411),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 414),
        (b"GET / HTTP/9.9\r\n\r\n", 505),
    ],
)
def test_what_it_does_not_speak_is_refused(request_bytes: bytes, status: int) -> None:
    """A request whose end it would not find is answered with an error, and the next one is served."""
    with serving(telling) as connect:
        assert exchanged(connect, request_bytes)[0] == status
        assert exchanged(connect, GET)[0] == 200


def test_a_large_unread_body_does_not_cost_the_answer() -> None:
    """B1: the answer arrives although nobody reads the body that the client has sent."""

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [])
        return [b"answer"]

    with serving(application) as connect:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 600000\r\n\r\n"
        assert exchanged(connect, head + bytes(600_000)) == (200, b"answer")


def test_an_error_before_the_start_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    """An application that raises is answered 500, with its traceback in the log; the next is served."""

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        raise SystemExit("the reason")

    with serving(application) as connect:
        for _ in range(2):
            assert exchanged(connect, GET)[0] == 500
    assert caplog.text.count("SystemExit: the reason") == 2


def test_the_iterable_is_closed_when_the_client_leaves() -> None:
    """A client that leaves ends the iteration, and `close` runs once (PEP 3333, "Specification Details")."""
    closed = []

    class Endless:
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield bytes(100_000)

        def close(self) -> None:
            closed.append(threading.current_thread())

    def application(environ: Environ, start_response: StartResponse) -> Endless:
        start_response("200 OK", [])
        return Endless()

    with serving(application) as connect, connect() as connection:
        connection.sendall(GET)
        assert connection.recv(10)
    # `serving` has waited for the request's end.
    assert len(closed) == 1


def test_a_server_that_ends_begins_no_request() -> None:
    """Of a connection that was accepted before the end, a request that comes whole after it is answered 503.

    The application, or its adapter, may have ended already.
    """
    calls = []

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        calls.append(environ["PATH_INFO"])
        return telling(environ, start_response)

    with served(application) as (connect, server), connect() as late, late.makefile("rb") as stream:
        late.sendall(GET[:10])
        assert exchanged(connect, GET)[0] == 200
        server.take_no_more()
        late.sendall(GET[10:])
        assert b" 503 " in stream.readline()
    assert calls == ["/"]


@pytest.mark.parametrize(
    ("request_bytes", "line"),
    [
        (b"GET /a\x1b[2J HTTP/1.1\r\n\r\n", r'INFO "GET /a\x1b[2J HTTP/1.1" 200 '),
        (b"GET / HTTP/9.9\r\n\r\n", "WARNING code 505, "),
    ],
)
def test_requests_are_logged(request_bytes: bytes, line: str, caplog: pytest.LogCaptureFixture) -> None:
    """Each request is a record of the logger `wsgiref`, a refused one a warning; no byte of it steers a terminal."""
    with caplog.at_level(logging.INFO, "wsgiref"), serving(telling) as connect:
        exchanged(connect, request_bytes)
    told = [f"{record.levelname} {record.getMessage().partition(' - ')[2]}" for record in caplog.records]
    assert any(entry.startswith(line) for entry in told), told


def test_no_more_requests_at_once_than_threads() -> None:
    """With one thread, the second connection's request waits until the first one's answer is over."""
    entered, release = threading.Semaphore(0), threading.Event()
    running = []

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        running.append(environ["PATH_INFO"])
        entered.release()
        assert release.wait(WITHIN)
        start_response("200 OK", [])
        return [b"done"]

    with serving(application, threads=1) as connect:
        one, other = connect(), connect()
        one.sendall(GET)
        other.sendall(GET)
        assert entered.acquire(timeout=WITHIN)
        assert not entered.acquire(timeout=0.2)
        assert running == ["/"]
        release.set()
        for connection in (one, other):
            with connection.makefile("rb") as stream:
                assert stream.read().endswith(b"done")

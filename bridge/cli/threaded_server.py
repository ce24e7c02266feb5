"""The standard library's WSGI server, with a thread for each request.

It speaks HTTP/1.0 and closes the connection after each answer: enough to look at an application on a machine without
any other server, and for no more.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import IO, Any, cast
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer

from bridge._types import OptExcInfo, WSGIApplication

# Seconds that a client may be silent in the middle of its request, and that it may take for the next piece of its
# answer. As long as gunicorn, waitress and nginx keep a connection, within a factor of two.
SILENCE = 60
LINE_LIMIT = 65_536  # bytes of a request line, as in http.server
LINGER = 1.0  # seconds in which bytes that nobody read are taken, so that the answer arrives

logger = logging.getLogger("wsgiref")


class ThreadedServer(ThreadingMixIn, WSGIServer):
    """Serves one WSGI application on a listening socket.

    threads: how many requests the application handles at once; others wait.
    """

    daemon_threads = True

    def __init__(self, listener: socket.socket, application: WSGIApplication, threads: int) -> None:
        self.server_name, self.server_port = listener.getsockname()[:2]
        super().__init__((self.server_name, self.server_port), Connection, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.setup_environ()
        self.set_app(application)
        self.is_multithreaded = threads > 1
        self._free = threading.BoundedSemaphore(threads)
        self._running = 0
        self._takes_requests = True
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def one_request(self) -> Iterator[bool]:
        """Wait until the application may handle one more request, and count it; whether it is taken at all."""
        with self._changed:
            self._running += 1
        try:
            with self._free:
                yield self._takes_requests
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def take_no_more(self) -> None:
        """Refuse the requests that the application has not begun: their connections were accepted, nothing else."""
        self._takes_requests = False

    def wait_for_requests(self, within: float) -> bool:
        """Wait until no request is under way; whether that was so within this many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, within)


class Handler(ServerHandler):
    """One call of the application."""

    def log_exception(self, exc_info: OptExcInfo) -> None:
        """Log what the application raised."""
        logger.error("the application failed", exc_info=exc_info)


class Connection(WSGIRequestHandler):
    """One connection, in a thread of its own, and the one request on it."""

    default_request_version = "HTTP/1.0"  # of a line that is refused: HTTP/0.9 has no status
    timeout = SILENCE
    server: ThreadedServer  # pyright: ignore[reportIncompatibleVariableOverride]  it is the one that makes connections

    def handle(self) -> None:
        """Serve the request."""
        # An OSError here is the client's: it left, or was silent for too long. The application's are its request's.
        with contextlib.suppress(OSError):
            self.raw_requestline = self.rfile.readline(LINE_LIMIT + 1)
            if len(self.raw_requestline) > LINE_LIMIT:
                self.requestline = self.request_version = self.command = ""
                self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG)
            elif not self.parse_request():
                return
            elif "Transfer-Encoding" in self.headers:
                self.send_error(HTTPStatus.LENGTH_REQUIRED, explain="This server takes no chunked bodies.")
            else:
                with self.server.one_request() as is_taken:
                    if is_taken:
                        self._run_application()
                    else:
                        self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, explain="This server is about to end.")
            self._linger()

    def _run_application(self) -> None:
        handler: Any = Handler(
            cast("IO[bytes]", self.rfile),
            cast("IO[bytes]", self.wfile),
            self.get_stderr(),
            self.get_environ(),
            multithread=self.server.is_multithreaded,
        )
        handler.request_handler = self  # wsgiref's own way to have it logged
        application = self.server.get_app()
        assert application is not None
        handler.run(application)
        if handler.result is not None and handler.status is not None:
            # The client has left, or the application failed in the middle. wsgiref has closed the iterable, and leaves
            # out to log the request.
            self.log_request(handler.status.split(" ", 1)[0], handler.bytes_sent)

    def get_environ(self) -> dict[str, Any]:
        """Return wsgiref's environ with what it lacks: the target as it was sent, and the client's port.

        A field whose name has an underscore is left out: it would pass for the one with a dash.
        """
        for name in {name for name in self.headers if "_" in name}:
            del self.headers[name]
        return {
            **super().get_environ(),
            "REQUEST_URI": self.path,
            "REMOTE_PORT": str(self.client_address[1]),
        }

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  named so in http.server
        """Log a request; no character that a client sends ends the line or reaches a terminal as a command."""
        self._log(logging.INFO, format % args)

    def log_error(self, format: str, *args: Any) -> None:  # noqa: A002  as above
        """Log a request that was refused."""
        self._log(logging.WARNING, format % args)

    def _log(self, level: int, text: str) -> None:
        logger.log(level, "%s - %s", self.client_address[0], text.encode("unicode_escape").decode("ascii"))

    def _linger(self) -> None:
        """Take what the client still sends, for a moment.

        A connection that is closed with unread bytes is reset, and the client could lose the answer (RFC 9112, 9.6).
        """
        if "Content-Length" in (self.headers or {}) or "Transfer-Encoding" in (self.headers or {}):
            self.connection.shutdown(socket.SHUT_WR)
            until = time.monotonic() + LINGER
            self.connection.settimeout(LINGER)
            while time.monotonic() < until and self.connection.recv(65_536):
                pass

"""A server that gets everything wrong in good order, to see that the probes notice."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from tests.servers.kinds import HOST
from tests.servers.wire import END_OF_HEAD
from tests.wsgi_servers.diary import Diary

# Whole, valid, and never what was asked for: also where it ought to break off.
ANSWER = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1, b=2\r\nContent-Length: 5\r\n\r\n12345"


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, diary: Diary) -> None:
        super().__init__((HOST, 0), _Connection)
        self.diary = diary


class _Connection(socketserver.StreamRequestHandler):
    """Answers once, as soon as there is a head, and takes what follows for the body of that request."""

    server: _Server

    def handle(self) -> None:
        head = self.rfile.readline()
        while not head.endswith(END_OF_HEAD):
            line = self.rfile.readline()
            assert line, "there is no request"
            head += line
        target = head.split()[1].decode()
        for name in parse_qs(urlsplit(target).query).get("name", []):
            self.server.diary.write(name, "begun")
            if target.startswith("/upload"):
                self.server.diary.write(name, "whole")
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n" * (b"Expect:" in head) + ANSWER)
        self.connection.settimeout(0.3)  # nobody has to wait for long to see that nothing more comes
        try:
            while self.rfile.read1(1024):
                pass
        except OSError:
            pass


@contextmanager
def wrong_server(diary: Diary) -> Iterator[int]:
    """Its port, while the block runs."""
    with _Server(diary) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()

"""A client that decides about every byte: half-sent requests, interim responses, and ways to vanish."""

from __future__ import annotations

import http.client
import io
import select
import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from tests.servers.kinds import HOST
from tests.servers.running import ANSWERS_WITHIN, Answer

END_OF_HEAD = b"\r\n\r\n"
LINGER_ZERO = struct.pack("ii", 1, 0)  # close() then sends RST at once and drops what is queued


def chunked(*chunks: bytes) -> bytes:
    """The chunks in the chunked transfer coding, without the last-chunk that would end the body."""
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)


LAST_CHUNK = b"0\r\n\r\n"


def head(method: str, target: str, *fields: str) -> bytes:
    """A request line and its header section."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {HOST}", *fields]
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n"


class _OneReader(io.BufferedReader):
    """What reads several responses, each of which closes its reader."""

    def close(self) -> None:
        """The connection goes on."""


class Wire:
    """One connection to a server."""

    def __init__(self, port: int, receive_buffer: int | None = None, within: float = ANSWERS_WITHIN) -> None:
        self._socket = socket.socket()
        if receive_buffer is not None:
            # Before connect(): the window that is offered to the server depends on it.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        # A byte that is sent alone travels alone.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(within)
        try:
            self._socket.connect((HOST, port))
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    def send(self, *pieces: bytes) -> None:
        """Send every byte."""
        for piece in pieces:
            self._socket.sendall(piece)

    def readable(self, within: float) -> bool:
        """Whether anything (an end too) arrives in `within` seconds."""
        return bool(select.select([self._socket], [], [], within)[0])

    def take(self, size: int) -> bytes:
        """What is there, up to `size` bytes; waits for the first one."""
        return self._socket.recv(size)

    def take_head(self) -> bytes:
        """The next response head with its blank line, and not one byte of what follows it."""
        seen = b""
        while not seen.endswith(END_OF_HEAD):
            byte = self._socket.recv(1)
            assert byte, f"the connection ended in the middle of a head: {seen!r}"
            seen += byte
        return seen

    def response(self, method: str = "GET") -> http.client.HTTPResponse:
        """The next final response, its head read and its body not; interim responses are skipped."""
        response = http.client.HTTPResponse(self._socket, method=method)
        response.begin()
        return response

    def answer(self, method: str = "GET") -> Answer:
        """The next final response, whole."""
        response = self.response(method)
        return Answer(response.status, response.getheaders(), response.read())

    def answers(self, *methods: str) -> Iterator[Answer]:
        """The next final responses to requests that were sent at once, so that they may come in one packet.

        None comes after one that says that it is the last.
        """
        reader = _OneReader(socket.SocketIO(self._socket, "r"))
        for method in methods:
            response = http.client.HTTPResponse(self._socket, method=method)
            response.fp.close()
            response.fp = reader
            response.begin()
            yield Answer(response.status, response.getheaders(), response.read())
            if response.will_close:
                return

    def end(self) -> None:
        """Shut the sending side down: the server reads to an end, and can still answer."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Vanish as a killed process does: with RST."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
        self._socket.close()

    def close(self) -> None:
        """Vanish as a browser does: with FIN, nothing more read."""
        self._socket.close()

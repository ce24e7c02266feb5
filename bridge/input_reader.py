"""Reading ``wsgi.input`` in pieces, never beyond the body (PEP 3333, "Input and Error Streams").

What "the body" is depends on the server. Where ``wsgi.input_terminated`` is set, the input ends where the body ends.
Elsewhere it may be the bare socket, on which a read beyond CONTENT_LENGTH waits for the client's next request, so there
is no body without one.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from bridge._types import Environ
from bridge.errors import ClientDisconnected, ServerError
from bridge.input import Input
from bridge.translation.headers import length_from_text

# Bytes. A server whose input has no read1 waits until as many are there, or the body's end.
PIECE_SIZE = 65_536
# A client that fills a piece so fast (seconds; 13 MB per second) is asked for twice as much, up to the largest piece: a
# hand-off between threads costs as much as the piece itself.
_IS_FAST = 0.005
_LARGEST_PIECE = 262_144


class InputReader:
    """The body of one request, piece by piece.

    ``declared`` is its length as CONTENT_LENGTH has it, None without one; ``is_complete`` tells whether it was read to
    its end.
    """

    __slots__ = ("_input", "_is_terminated", "_read", "_readline", "_remaining", "_size", "declared", "is_complete")

    def __init__(self, environ: Environ) -> None:
        self._input: Any = environ.get("wsgi.input")
        self._read: Callable[[int], Any] | None = None
        self._readline: Callable[[int], Any] | None = None
        self._size = PIECE_SIZE
        self._is_terminated = bool(environ.get("wsgi.input_terminated"))
        length = environ.get("CONTENT_LENGTH")
        self.declared = length_from_text(length) if length else None
        self._remaining = self.declared
        self.is_complete = not self._remaining and (not self._is_terminated or self._input is None)

    def read_piece(self, *, lines: bool = False) -> bytes:
        """Return the next piece; ``is_complete`` is set with the last one, which may be empty.

        lines: an answer is under way, so that the client may be waiting for it before it sends more: where the input
            does not give what is there (``read1``), ask it for a line instead of a whole piece.

        Raises ClientDisconnected if the input ends before the body does; what the input raises; ServerError if it gives
        something else than bytes.
        """
        read = self._read
        if read is None:
            read = self._find_read()
        if lines and self._readline is not None:
            read = self._readline
        size = self._size
        remaining = self._remaining
        if remaining is not None and not self._is_terminated and remaining < size:
            size = remaining
        began = monotonic()
        piece = read(size)
        if type(piece) is not bytes:
            piece = _as_bytes(piece)
        if monotonic() - began > _IS_FAST:
            self._size = PIECE_SIZE
        elif len(piece) == self._size < _LARGEST_PIECE:
            self._size *= 2
        if not piece:
            # The other adapter's input raises if its client is gone, so its end is the end, whatever was declared.
            if remaining and not isinstance(self._input, Input):
                raise ClientDisconnected(f"the body ended {remaining} bytes before its declared length")
            self.is_complete = True
            return piece
        if remaining is None:
            return piece
        remaining -= len(piece)
        if remaining > 0:
            self._remaining = remaining
        elif not self._is_terminated:
            self._remaining = 0
            self.is_complete = True
        else:
            # All that was declared is here: the end is asked for at once, so that the application need not.
            self._remaining = None
            try:
                rest = _as_bytes(read(1))
            except OSError:
                rest = b""  # the client is gone, and its body is whole
            self.is_complete = not rest
            piece += rest
        return piece

    def _find_read(self) -> Callable[[int], Any]:
        source = self._input
        if source is None:
            raise ServerError("the server gave no wsgi.input, although a body is declared (CONTENT_LENGTH)")
        read: Callable[[int], Any]
        if hasattr(source, "read1"):
            read = source.read1
        else:
            read = source.read
            self._readline = getattr(source, "readline", None)
        self._read = read
        return read


def _as_bytes(piece: object) -> bytes:
    if not isinstance(piece, (bytes, bytearray, memoryview)):
        raise ServerError(f"the server's wsgi.input gave {type(piece).__name__}, not bytes")
    return bytes(piece)

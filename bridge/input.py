"""``wsgi.input``: the body of a request as a binary file (PEP 3333, "Input and Error Streams").

Only the file is here, not where its pieces come from: ``take`` returns the next one, ``b""`` at the end, and may raise.

PEP 3333 asks for ``read(size)``, ``readline()``, ``readlines(hint)`` and iteration. Frameworks ask for more: they wrap
the input in ``io.BufferedReader`` and ``io.TextIOWrapper``, call ``readinto`` and ``read1``, and look at
``readable()`` and ``closed``.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Input:
    """A readable binary file, buffered by the pieces that it is fed with.

    ``read(n)`` waits until there are n bytes or the end, as a buffered file does; ``read1`` and ``readinto`` wait for
    one piece at most. Every piece is looked at once, so a body that comes in many pieces costs no more than its length.
    """

    __slots__ = ("_at_end", "_closed", "_piece", "_position", "_take")

    def __init__(self, take: Callable[[], bytes]) -> None:
        self._take = take
        self._piece = b""
        self._position = 0
        self._at_end = False
        self._closed = False

    # ---- reading -----------------------------------------------------------------------------------------------------

    def read(self, size: int | None = -1, /) -> bytes:
        """Return size bytes, fewer only at the end; with None or a negative size all that is left."""
        self._check_open()
        if size is None or size < 0:
            parts = [self._rest()]
            while self._next_piece(parts):
                parts.append(self._rest())
            return b"".join(parts)
        if size <= len(self._piece) - self._position:
            return self._cut(size)
        parts = []
        while size > 0 and (self._position < len(self._piece) or self._next_piece(parts)):
            part = self._cut(size)
            size -= len(part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read1(self, size: int | None = -1, /) -> bytes:
        """Return what is there, at most size bytes; wait for one piece if nothing is there. ``b""`` is the end."""
        self._check_open()
        if size == 0 or (self._position >= len(self._piece) and not self._next_piece([])):
            return b""
        return self._rest() if size is None or size < 0 else self._cut(size)

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill buffer with what is there and return how many bytes that was; wait for one piece. 0 is the end."""
        self._check_open()
        with memoryview(buffer) as view, view.cast("B") as target:
            if target.readonly:
                raise TypeError(f"readinto needs a buffer that can be written to, not {type(buffer).__name__}")
            part = self.read1(len(target))
            target[: len(part)] = part
        return len(part)

    readinto1 = readinto

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return the next line with its line feed, at most size bytes of it (size may be None: no limit)."""
        self._check_open()
        limit = -1 if size is None or size < 0 else size
        parts: list[bytes] = []
        while limit != 0 and (self._position < len(self._piece) or self._next_piece(parts)):
            start = self._position
            end = self._piece.find(b"\n", start, len(self._piece) if limit < 0 else start + limit)
            part = self._cut(end + 1 - start) if end >= 0 else (self._rest() if limit < 0 else self._cut(limit))
            parts.append(part)
            if end >= 0:
                break
            if limit > 0:
                limit -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readlines(self, hint: int | None = -1, /) -> list[bytes]:
        """Return lines until the end, or until they hold hint bytes or more (None, 0 and negative: no limit)."""
        lines: list[bytes] = []
        size = 0
        while True:
            try:
                line = self.readline()
            except BaseException:
                self._put_back(lines)
                raise
            if not line:
                return lines
            lines.append(line)
            size += len(line)
            if hint is not None and 0 < hint <= size:
                return lines

    def __iter__(self) -> Self:
        self._check_open()
        return self

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def _cut(self, size: int) -> bytes:
        """Return up to size bytes of the piece at hand."""
        start = self._position
        if start == 0 and size >= len(self._piece):
            return self._rest()
        part = self._piece[start : start + size]
        self._position = start + len(part)
        return part

    def _rest(self) -> bytes:
        part = self._piece[self._position :] if self._position else self._piece
        self._piece = b""
        self._position = 0
        return part

    def _next_piece(self, taken: list[bytes]) -> bool:
        """Wait for the next piece. Return False at the end.

        taken: what the call at hand has taken so far. If the wait fails, it is put back: a reader that tries again
        after a time limit misses nothing.
        """
        if self._at_end:
            return False
        self._piece = b""
        self._position = 0
        try:
            self._piece = self._take()
        except BaseException:
            self._put_back(taken)
            raise
        self._at_end = not self._piece
        return not self._at_end

    def _put_back(self, taken: list[bytes]) -> None:
        self._piece = b"".join([*taken, self._piece[self._position :]])
        self._position = 0

    # ---- the rest of a file ------------------------------------------------------------------------------------------

    def readable(self) -> bool:
        """Tell that this file can be read."""
        self._check_open()
        return True

    def writable(self) -> bool:
        """Tell that this file cannot be written."""
        self._check_open()
        return False

    def seekable(self) -> bool:
        """Tell that this file has no position that could be set."""
        self._check_open()
        return False

    def isatty(self) -> bool:
        """Tell that this file is no terminal."""
        self._check_open()
        return False

    def fileno(self) -> int:
        """Raise io.UnsupportedOperation: there is no descriptor behind the body."""
        raise io.UnsupportedOperation("wsgi.input has no file descriptor")

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Raise io.UnsupportedOperation."""
        raise io.UnsupportedOperation("wsgi.input cannot seek: the body is read as it comes")

    def tell(self) -> int:
        """Raise io.UnsupportedOperation."""
        raise io.UnsupportedOperation("wsgi.input cannot tell a position: the body is read as it comes")

    def detach(self) -> None:
        """Raise io.UnsupportedOperation: there is no raw file behind the body."""
        raise io.UnsupportedOperation("wsgi.input has no raw file")

    def truncate(self, size: int | None = None, /) -> int:
        """Raise io.UnsupportedOperation."""
        raise io.UnsupportedOperation("wsgi.input cannot be written")

    def write(self, data: Buffer, /) -> int:
        """Raise io.UnsupportedOperation."""
        raise io.UnsupportedOperation("wsgi.input cannot be written")

    def writelines(self, lines: Iterable[Buffer], /) -> None:
        """Raise io.UnsupportedOperation."""
        raise io.UnsupportedOperation("wsgi.input cannot be written")

    def flush(self) -> None:
        """Do nothing, as a file that is only read."""
        self._check_open()

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    def close(self) -> None:
        """Close the file; what is left of the body cannot be read any more."""
        self._closed = True
        self._piece = b""
        self._position = 0

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError("I/O operation on closed file: wsgi.input was closed")


# Code that asks ``isinstance(stream, io.IOBase)`` gets the answer that is true of every method above.
io.BufferedIOBase.register(Input)

"""The server's `wsgi.input`: a body that comes piece by piece, and that knows who reads it and how."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tests.harness.gates import Gate
from tests.harness.violations import Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Item = bytes | Gate | BaseException


class ScriptedInput:
    """Gives the items of a script: pieces of the body, gates that a read waits for, exceptions that it raises.

    `read(size)` waits for so many bytes or for the end, as a buffered socket does. `readable` is how many bytes may be
    asked for (PEP 3333: not beyond CONTENT_LENGTH, where the server does not end the input itself), None for any.
    """

    def __init__(self, script: Sequence[Item], readable: int | None, complain: Callable[[str], Violation]) -> None:
        self._script = list(script)
        self._readable = readable
        self._complain = complain
        self._rest = b""
        self._owner = threading.get_ident()
        self.over = False
        self.reading = Gate("a read waits for the client")
        self.calls: list[tuple[str, int]] = []
        self.given = 0

    def belong_to_this_thread(self) -> None:
        """Be read in this thread only."""
        self._owner = threading.get_ident()

    def read(self, size: int = -1) -> bytes:
        """Wait for `size` bytes or the end."""
        self._check("read", size)
        taken = b""
        while len(taken) < size and (piece := self._piece(size - len(taken))):
            taken += piece
        return self._taken(taken)

    def readline(self, size: int = -1) -> bytes:
        """Wait for the end of a line, `size` bytes or the end."""
        self._check("readline", size)
        taken = b""
        while len(taken) < size and not taken.endswith(b"\n") and (piece := self._piece(size - len(taken))):
            line, newline, rest = piece.partition(b"\n")
            taken += line + newline
            self._rest = rest + self._rest
        return self._taken(taken)

    def readlines(self, hint: int = -1) -> list[bytes]:
        """Refuse: all lines at once are the whole body."""
        raise self._complain("wsgi.input.readlines() is no way to read a body for ASGI")

    def __iter__(self) -> Iterator[bytes]:
        """Refuse: the length of a line is not bounded."""
        raise self._complain("iterating over wsgi.input is no way to read a body for ASGI")

    def _check(self, name: str, size: Any) -> None:
        self.calls.append((name, size))
        if threading.get_ident() != self._owner:
            raise self._complain(f"wsgi.input.{name}() in {threading.current_thread().name}, not the request's thread")
        if self.over:
            raise self._complain(f"wsgi.input.{name}() after the iterable was closed")
        if type(size) is not int or size < 1:
            raise self._complain(f"wsgi.input.{name}({size!r}): may wait for the end of a connection that stays open")
        if self._readable is not None and self.given + size > self._readable:
            raise self._complain(f"wsgi.input.{name}({size}) after {self.given} of {self._readable} bytes")

    def _piece(self, size: int) -> bytes:
        """Return what is there, at most `size` bytes; wait if nothing is."""
        while not self._rest and self._script:
            item = self._script.pop(0)
            if isinstance(item, Gate):
                self.reading.open()
                item.wait()
                self.reading = Gate("a read waits for the client")
            elif isinstance(item, bytes):
                self._rest = item
            else:
                raise item
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece

    def _taken(self, piece: bytes) -> bytes:
        self.given += len(piece)
        return piece


class ScriptedInputWithRead1(ScriptedInput):
    """The same, with the `read1` that some servers have."""

    def read1(self, size: int = -1) -> bytes:
        """Return what is there, and wait only if nothing is."""
        self._check("read1", size)
        return self._taken(self._piece(size))

"""The client of one request: it takes the body of the response, and may leave after any byte of it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tests.harness.gates import Gate
from tests.harness.limits import LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable


class Client:
    """Takes what a server writes; leaves once it has `leaves_after` bytes, and when the server is told so by `leave`.

    It leaves at the first piece that reaches the mark, also when the mark is 0; a shorter body lets it stay.
    """

    patience = LIMIT

    def __init__(self, leaves_after: int | None = None) -> None:
        self.body = b""
        self.has_left = False
        self.took_its_share = False
        self.on_leaving: Callable[[], None] = lambda: None
        self._leaves_after = leaves_after
        self._lock = threading.Lock()
        self._gates: list[tuple[int, Gate]] = []

    def take(self, piece: bytes) -> None:
        """Take a piece that is not empty."""
        if self.has_left:
            return
        mark = self._leaves_after
        self.body = (self.body + piece)[:mark]
        if mark is not None and len(self.body) >= mark:
            self.took_its_share = True
            self.leave()
        self._open_gates()

    def leave(self) -> None:
        """Go away."""
        if not self.has_left:
            self.has_left = True
            self.on_leaving()
        self._open_gates()

    def wait(self, size: int) -> None:
        """Wait in a thread until the client has so many bytes, or has left."""
        if not self._is_at(size):
            self._gate(size).wait(self.patience)

    async def waited(self, size: int) -> None:
        """Wait in a coroutine, without suspending if there is nothing to wait for."""
        if not self._is_at(size):
            await self._gate(size).passed(self.patience)

    def _is_at(self, size: int) -> bool:
        return self.has_left or len(self.body) >= size

    def _gate(self, size: int) -> Gate:
        gate = Gate(f"the client has {size} bytes")
        with self._lock:
            self._gates.append((size, gate))
        self._open_gates()
        return gate

    def _open_gates(self) -> None:
        with self._lock:
            passed = [(size, gate) for size, gate in self._gates if self._is_at(size)]
            self._gates = [pair for pair in self._gates if pair not in passed]
        for _, gate in passed:
            gate.open()

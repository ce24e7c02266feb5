"""A gate that threads and coroutines of any loop wait for, and that any thread opens.

It orders what happens in a loop and in the worker threads of an adapter, so that no test needs to sleep.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Any

import anyio

from tests.harness.limits import LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable


class Gate:
    """Shut until `open()` is called, open for ever after."""

    def __init__(self, name: str = "gate") -> None:
        self.name = name
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._wakers: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        return f"<Gate {self.name}: {'open' if self.is_open else 'shut'}>"

    @property
    def is_open(self) -> bool:
        """Whether it has been opened."""
        return self._event.is_set()

    def open(self) -> None:
        """Let everybody through; from any thread."""
        with self._lock:
            self._event.set()
            wakers, self._wakers = self._wakers, []
        for wake in wakers:
            wake()

    def wait(self, limit: float = LIMIT) -> None:
        """Wait in a thread."""
        if not self._event.wait(limit):
            raise TimeoutError(f"{self.name} was not opened within {limit:g} s")

    async def passed(self, limit: float = LIMIT) -> None:
        """Wait in a coroutine."""
        with anyio.move_on_after(limit):
            await first_of(self)
        if not self.is_open:
            raise TimeoutError(f"{self.name} was not opened within {limit:g} s")

    def add_waker(self, wake: Callable[[], None]) -> None:
        """Have `wake` called when the gate opens, or now if it is open."""
        with self._lock:
            if not self.is_open:
                self._wakers.append(wake)
                return
        wake()

    def remove_waker(self, wake: Callable[[], None]) -> None:
        """Forget what `add_waker` was given."""
        with self._lock, contextlib.suppress(ValueError):
            self._wakers.remove(wake)


async def first_of(*gates: Gate) -> None:
    """Wait in a coroutine until one of the gates is open; without suspending if one is."""
    if any(gate.is_open for gate in gates):
        return
    event, wake = event_with_waker()
    for gate in gates:
        gate.add_waker(wake)
    try:
        await event.wait()
    finally:
        for gate in gates:
            gate.remove_waker(wake)


def event_with_waker() -> tuple[Any, Callable[[], None]]:
    """Return an event of the loop that runs here, and a function for any thread that sets it."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        trio = sys.modules["trio"]
        trio_event = trio.Event()
        token = trio.lowlevel.current_trio_token()

        def wake_trio() -> None:
            with contextlib.suppress(trio.RunFinishedError):
                token.run_sync_soon(trio_event.set)

        return trio_event, wake_trio
    event = asyncio.Event()

    def wake_asyncio() -> None:
        # A loop that has been closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(event.set)

    return event, wake_asyncio

"""A wait of one thread, ended by another."""

from __future__ import annotations

import threading


class Baton:
    """One thread waits; any thread wakes it.

    Like a binary semaphore: a ``wake`` that comes before the ``wait`` is kept, and several are kept as one. So whoever
    waits looks at what it waits for first, waits, and looks again::

        while not ready():
            baton.wait(timeout)

    A bare lock is the cheapest wait that CPython has; ``threading.Event`` builds two more objects on top of it.
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def wait(self, timeout: float = -1) -> bool:
        """Wait for a wake, at most timeout seconds (-1: without a limit). Return False if none came."""
        return self._lock.acquire(True, timeout)

    def wake(self) -> None:
        """End the wait, or the next one if nobody waits now."""
        try:
            self._lock.release()
        except RuntimeError:
            pass  # it was woken before and has not gone back to waiting: one wake is enough

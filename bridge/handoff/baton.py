"""A wait of one thread, ended by another."""

from __future__ import annotations

import sys
import threading
from typing import Any


class _GreenletLock:
    """What ``Baton`` needs of a lock, for a greenlet that a thread outside gevent's hub wakes.

    The lock that gevent puts in place of ``threading.Lock`` forgets the hub of a greenlet that just begins to wait, if
    another thread releases it in that moment; its ``Semaphore`` does not.
    """

    __slots__ = ("_semaphore",)

    def __init__(self) -> None:
        self._semaphore: Any = sys.modules["gevent.lock"].Semaphore(0)

    def acquire(self, blocking: bool, timeout: float) -> bool:
        return bool(self._semaphore.acquire(blocking, None if timeout < 0 else timeout))

    def release(self) -> None:
        if not self._semaphore.ready():
            self._semaphore.release()  # twice, if two threads come at once: whoever waits looks again


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
        self._lock: threading.Lock | _GreenletLock = threading.Lock()
        if type(self._lock).__module__ == "_thread":
            self._lock.acquire()
        else:
            self._lock = _GreenletLock()

    def wait(self, timeout: float = -1) -> bool:
        """Wait for a wake, at most timeout seconds (-1: without a limit). Return False if none came."""
        return self._lock.acquire(True, timeout)

    def wake(self) -> None:
        """End the wait, or the next one if nobody waits now."""
        try:
            self._lock.release()
        except RuntimeError:
            pass  # it was woken before and has not gone back to waiting: one wake is enough

"""What wakes one of asyncio's own loops on Linux: an eventfd, in place of the socket of ``call_soon_threadsafe``.

Theory. asyncio wakes its loop by a byte on a socket, which the loop then reads until there is nothing more: three
system calls, together 7 µs. An eventfd is read once, and needs no look at whether more is there: two calls, 1.2 µs. One
request at a time, that is a tenth of all that a hand-off takes; uvloop does the same by itself.

There is one for a loop, whoever needs it, and it ends with the loop.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextvars import Context

from bridge.handoff.monkey import is_under_gevent

_HAS_EVENTFD = hasattr(os, "eventfd")  # Linux


class _Registration:
    """What a loop's selector holds, and nobody else: its end is the loop's."""

    __slots__ = ("__weakref__", "_fd")

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        return self._fd


class Doorbell:
    """Has calls made in one loop; made in that loop. A call may be made twice, if a signal handler raises just then.

    Raises OSError if the system gives no descriptor.
    """

    __slots__ = ("__weakref__", "_calls", "_fd", "_has_ended", "_loop", "_mutex")

    # No call is lost. A thread and the loop do, each in this order:
    #
    #   ring (any thread)                answer (loop)
    #   1. append the call               a. read the eventfd, which resets it
    #   2. write to the eventfd          b. make the calls that are there now
    #
    # If 2 comes before (a), so does 1, and (b) sees the call. If it comes after, the loop finds the eventfd readable
    # again and answers once more. With 2 before 1, or (b) before (a), a call could stay there with nobody to come.

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._loop = weakref.ref(loop)
        self._calls: deque[Callable[[], None]] = deque()
        self._has_ended = False
        self.forget_threads()
        registration = _Registration(self._fd)
        # By a weak reference: calls lead to the loop, and nothing that outlives that may lead to them. Not at the
        # interpreter's exit: threads may still ring.
        weakref.finalize(registration, _end, weakref.ref(self), self._fd).atexit = False
        # In a context of nobody's, see ``AsyncioLoop``. With this object, so that the loop keeps it.
        Context().run(loop.add_reader, registration, _answer_in_loop, self._fd, self._calls, self)

    def forget_threads(self) -> None:
        """Begin anew in a process that was forked: another thread may have held the lock."""
        # Held while somebody writes: the number of a closed descriptor may be another file's. Reentrant: a signal
        # handler may ring in a thread that rings.
        self._mutex = threading.RLock()

    def ring(self, call: Callable[[], None]) -> bool:
        """Have a call made in the loop soon, from any thread. Return False if nobody answers any more."""
        try:
            with self._mutex:
                loop = self._loop()
                if self._has_ended or loop is None or loop.is_closed():
                    return False
                self._calls.append(call)  # 1
                os.eventfd_write(self._fd, 1)  # 2
                return True
        except OSError:
            return False  # somebody has closed a descriptor that was not theirs

    def end(self) -> None:
        """Let go of the descriptor: the loop was closed, or somebody has taken all readers out of it."""
        with self._mutex:
            self._has_ended = True
            os.close(self._fd)
        calls = [*self._calls]
        self._calls.clear()
        loop = self._loop()
        if loop is not None and not loop.is_closed():
            for call in calls:
                loop.call_soon_threadsafe(call, context=Context())


def _end(reference: weakref.ref[Doorbell], fd: int) -> None:
    doorbell = reference()
    if doorbell is None:
        os.close(fd)
    else:
        doorbell.end()


def _answer_in_loop(fd: int, calls: deque[Callable[[], None]], _doorbell: Doorbell | None = None) -> None:
    call: Callable[[], None] | None = None
    try:
        try:
            os.eventfd_read(fd)  # a
        except BlockingIOError:
            pass  # a process that was forked while the loop ran has read it, and what it has read is for both
        for _ in range(len(calls)):  # b
            # Looked at first: a signal handler may raise as popleft returns.
            call = calls[0]
            calls.popleft()
            call()
    except BaseException:
        # Ctrl-C (calls keep their own errors). It goes on to the loop; this call, which may not have begun, and those
        # behind it are made later.
        if call is not None:
            calls.appendleft(call)
        os.eventfd_write(fd, 1)
        raise


_doorbells: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.ref[Doorbell]] = weakref.WeakKeyDictionary()


def doorbell_of(loop: asyncio.AbstractEventLoop) -> Doorbell | None:
    """Return the doorbell of a loop; in that loop. None for loops that have to be woken in their own way."""
    # A lock of gevent's lets other greenlets run, and may stay held where a signal handler has raised.
    if not (_HAS_EVENTFD and isinstance(loop, asyncio.SelectorEventLoop)) or is_under_gevent():
        return None
    reference = _doorbells.get(loop)
    doorbell = None if reference is None else reference()
    if doorbell is None:
        try:
            doorbell = Doorbell(loop)
        except Exception:  # noqa: BLE001  no descriptor is left, or it is a loop of somebody's that takes no readers
            return None
        _doorbells[loop] = weakref.ref(doorbell)
    return doorbell


def _forget_in_child() -> None:
    for reference in _doorbells.values():
        doorbell = reference()
        if doorbell is not None:
            doorbell.forget_threads()


if _HAS_EVENTFD:
    os.register_at_fork(after_in_child=_forget_in_child)

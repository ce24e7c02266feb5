"""A wait of one asyncio task that goes on within the very call that ends it.

Theory. A task that awaits a future goes on one turn of the loop after the future has its result: the result schedules
a call, and before that call the loop asks its selector for news, for which it gives the interpreter's lock away and
has to get it back. Where a call from another thread has just woken the loop (``Wakeups``), and does nothing but end one
task's wait, the task may as well go on then and there. One request at a time, that is a fourth of its time.

asyncio asks little of what a task awaits: an attribute ``_asyncio_future_blocking``, which is what makes an object
"future-like" (``asyncio.isfuture``), and ``get_loop``, ``add_done_callback``, ``cancel`` and ``result``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any


class Turn:
    """A wait of one task, ended once, in the loop: a ``Slot`` that can also be ended at once.

    ``resume`` may be called by a call that the loop makes (``call_soon``, a timer, ``Wakeups``); called by a task it is
    ``set_result``.
    """

    __slots__ = ("_asyncio_future_blocking", "_is_done", "_loop", "_message", "_waits", "_was_cancelled")

    _message: object

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # What lets the task go on, and in which context; not kept a moment longer, for it leads to all that waits.
        self._waits: tuple[Callable[[Turn], object], Context] | None = None
        self._is_done = False
        self._was_cancelled = False
        self._asyncio_future_blocking = False

    def __await__(self) -> Generator[Any, Any, None]:
        if not self._is_done:
            self._asyncio_future_blocking = True
            yield self

    def done(self) -> bool:
        """Tell whether the wait was ended."""
        return self._is_done

    def resume(self) -> None:
        """End the wait; the task goes on before this returns."""
        if self._is_done:
            return
        waits = self._waits
        # Two tasks cannot run at a time.
        if waits is None or asyncio.current_task(self._loop) is not None:
            self.set_result(None)
            return
        self._is_done = True
        self._waits = None
        try:
            waits[1].run(waits[0], self)
        finally:
            # A task that ends with an error holds its traceback, and that this frame: it would be a cycle.
            del waits

    def set_result(self, _result: None, /) -> None:
        """End the wait; the task goes on in the loop's next turn."""
        self._is_done = True
        waits, self._waits = self._waits, None
        if waits is not None:
            self._loop.call_soon(waits[0], self, context=waits[1])

    # ---- what a task asks of it --------------------------------------------------------------------------------------

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop of the task that may wait."""
        return self._loop

    def add_done_callback(self, callback: Callable[[Turn], object], /, *, context: Context) -> None:
        """Keep what lets the task go on; a task calls this as it begins to wait."""
        self._waits = callback, context

    def cancel(self, msg: object = None) -> bool:
        """End the wait by a CancelledError. Return False if it was ended before."""
        if self._is_done:
            return False
        self._was_cancelled = True
        self._message = msg
        self.set_result(None)
        return True

    def result(self) -> None:
        """Raise CancelledError if the wait was cancelled."""
        if self._was_cancelled:
            raise asyncio.CancelledError(*(() if self._message is None else (self._message,)))

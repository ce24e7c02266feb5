"""An event loop that is one thread of a run: it does one call after the other, and waits for calls from others.

It is a `Loop` as bridge asks for one, with as much of asyncio's rules as matter here: who waits on a slot goes on in a
later turn, calls run in the order in which they came, timers are left to the test.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import TYPE_CHECKING, Any

from bridge.handoff.loops import end_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from contextvars import Context

    from tests.races.chain import Chain


class StepSlot:
    """A wait of one task."""

    def __init__(self, loop: StepLoop) -> None:
        self._loop = loop
        self._is_done = False
        self.task: StepTask | None = None

    def done(self) -> bool:
        return self._is_done

    def set_result(self, _result: None, /) -> None:
        self._is_done = True
        if self.task is not None:
            self._loop.call_soon(self.task.go_on)
            self.task = None

    def resume(self) -> None:
        if not self._is_done:
            self._is_done = True
            if self.task is not None:
                task, self.task = self.task, None
                task.go_on()

    def __await__(self) -> Generator[Any, Any, None]:
        while not self._is_done:
            yield self


class StepTask:
    """A coroutine of the loop."""

    def __init__(
        self, loop: StepLoop, coroutine: Coroutine[Any, Any, None], ended: Callable[[], None], context: Context
    ) -> None:
        self._loop = loop
        self._coroutine = coroutine
        self._ended = ended
        self._context = context
        self._slot: StepSlot | None = None
        self._cancel = False
        self.is_over = False

    def cancel(self) -> None:
        """Raise CancelledError where it waits."""
        if not self.is_over:
            self._cancel = True
            if self._slot is not None and self._slot.task is self:
                self._slot.task = None
                self._loop.call_soon(self.go_on)

    def go_on(self) -> None:
        """Run until it waits."""
        if self.is_over:
            return
        self._slot = None
        try:
            if self._cancel:
                self._cancel = False
                waits_for = self._context.run(self._coroutine.throw, asyncio.CancelledError())
            else:
                waits_for = self._context.run(self._coroutine.send, None)
        except (StopIteration, asyncio.CancelledError):
            self.is_over = True
            self._ended()
            return
        if waits_for is None:  # asyncio.sleep(0)
            self._loop.call_soon(self.go_on)
        else:
            self._slot = waits_for
            waits_for.task = self


class Timer:
    """A call that the test lets happen, or not."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class StepLoop:
    """The loop; its thread is `run_all`."""

    asyncio_loop = None

    def __init__(self, run: Chain) -> None:
        self._run = run
        self._calls: deque[Callable[[], object]] = deque()
        self._is_over = False
        self.pid = os.getpid()
        self.timers: list[Timer] = []
        self.tasks: list[StepTask] = []

    # ---- what bridge asks for ----------------------------------------------------------------------------------------

    def put(self, call: Callable[[], None]) -> None:
        """Run a call soon, from any thread."""
        if not self._run.is_over:  # else what the end of a run frees: an answer that nobody closed
            self._run.step()
            self._calls.append(call)

    def call_soon(self, call: Callable[[], object]) -> None:
        """Run a call soon, in the loop."""
        self._calls.append(call)

    def slot(self) -> StepSlot:
        return StepSlot(self)

    go_on = staticmethod(end_wait)

    async def outlast(self, slot: StepSlot, seconds: float) -> asyncio.CancelledError | None:
        await slot
        return None

    async def step_back(self) -> None:
        """Nothing: calls run in the order in which they came."""

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(call))
        return self.timers[-1]

    def spawn(
        self, run: Callable[[], Coroutine[Any, Any, None]], ended: Callable[[], None], context: Context
    ) -> StepTask:
        task = StepTask(self, run(), ended, context)
        self.tasks.append(task)
        self.call_soon(task.go_on)
        return task

    def is_closed(self) -> bool:
        return False

    # ---- for the test ------------------------------------------------------------------------------------------------

    async def turn(self) -> None:
        """Suspend for one turn, as a server's `send` and `receive` do."""
        slot = self.slot()
        self.call_soon(lambda: slot.set_result(None))
        await slot

    def run_all(self) -> None:
        """Be the loop's thread."""
        while True:
            self._run.step(lambda: bool(self._calls) or self._is_over)
            if not self._calls:
                return
            self._calls.popleft()()

    def end(self) -> None:
        """Let the thread end when there is nothing left to do."""
        self._is_over = True


def nothing() -> None:
    """Do nothing, where something may be called."""

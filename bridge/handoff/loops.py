"""What bridge needs of an event loop, for asyncio (and uvloop) and for trio.

Five things: run a call from another thread (``put``), let a coroutine wait for such a call (``slot``), run a call
later, run a coroutine beside the current one, and tell whether the loop has ended. Everything else is the same for
both.

trio is never imported here unless the program did: ``sys.modules`` knows.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from functools import partial
from typing import Any, Protocol, cast

from bridge.handoff.doorbell import Doorbell, doorbell_of
from bridge.handoff.turns import go_on
from bridge.handoff.wakeups import Wakeups

logger = logging.getLogger("bridge")


class Slot(Protocol):
    """A wait of one coroutine, ended once, in the loop.

    ``await slot`` waits; ``slot.set_result(None)``, unless it is ``done()``, ends that.
    """

    def __await__(self) -> Generator[Any, Any, None]: ...

    def done(self) -> bool:
        """Tell whether the wait was ended."""
        ...

    def set_result(self, result: None, /) -> None:
        """End the wait."""


def end_wait(slot: Slot | None) -> None:
    """End the wait on a slot, in the loop, if there is one and it was not ended before."""
    if slot is not None and not slot.done():
        slot.set_result(None)


class Cancellable(Protocol):
    """Something that goes on by itself and can be told to stop, in the loop."""

    def cancel(self) -> object:
        """Stop it, unless it is over."""


class Loop(Protocol):
    """One running event loop."""

    asyncio_loop: asyncio.AbstractEventLoop | None  # None under trio
    pid: int

    @property
    def put(self) -> Callable[[Callable[[], None]], None]:
        """Run a call in the loop soon, from any thread; raises RuntimeError once the loop is closed."""
        ...

    @property
    def slot(self) -> Callable[[], Slot]:
        """Make a slot."""
        ...

    @property
    def go_on(self) -> Callable[[Slot], None]:
        """End the wait on a slot, in a call that was ``put``; its coroutine goes on within it, where it may."""
        ...

    def call_later(self, seconds: float, call: Callable[[], None]) -> Cancellable:
        """Run a call in the loop after some seconds."""
        ...

    def spawn(
        self, run: Callable[[], Coroutine[Any, Any, None]], ended: Callable[[], None], context: Context
    ) -> Cancellable:
        """Run a coroutine beside the current one, in a context; call ended once it has ended, however that happens."""
        ...

    async def outlast(self, slot: Slot, seconds: float) -> asyncio.CancelledError | None:
        """Wait on a slot that another thread ends at once, as if this took no time.

        The task does not look as if it was blocked (trio's and anyio's ``wait_all_tasks_blocked``), and a scope that
        cancels it meanwhile does so where it waits next. A cancellation of asyncio's own, which comes but once, is
        returned.

        seconds: how long at most; then it waits as anybody does.
        """
        ...

    async def step_back(self) -> None:
        """Let those go on who were woken by what this task has just done."""
        ...

    @property
    def is_closed(self) -> Callable[[], bool]:
        """Tell whether the loop will never run anything again; from any thread."""
        ...


async def wait_at_most(loop: Loop, slot: Slot, seconds: float) -> None:
    """Wait on a slot, at most some seconds."""
    timer = loop.call_later(seconds, partial(end_wait, slot))
    try:
        await slot
    finally:
        timer.cancel()


# Seconds in which another thread answers that has nothing else to do, and room; a task that stays ready to run so long
# costs its loop some turns.
_AT_ONCE = 0.1

# A scope of anyio's goes on cancelling a task for as long as the task is in it, and counts how often it did.
_OF_ANYIO = ("Cancelled via cancel scope ", "Cancelled by cancel scope ")


def _ring(wake: Callable[[Callable[[], None]], object], doorbell: Doorbell, call: Callable[[], None]) -> None:
    if not doorbell.ring(call):
        wake(call)


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


class AsyncioLoop:
    """An asyncio or uvloop loop. Made in that loop it wakes it faster, where it can."""

    __slots__ = ("_context", "_loop", "_tasks", "asyncio_loop", "go_on", "is_closed", "pid", "put", "slot")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.asyncio_loop: asyncio.AbstractEventLoop | None = loop
        self.pid = os.getpid()
        # Calls run in a context of nobody's: asyncio would copy that of whoever happens to call first, and one
        # request's variables would be seen in another's.
        self._context = Context()
        doorbell = doorbell_of(loop) if _runs_here(loop) else None
        schedule: Callable[[Callable[[], None]], object] = partial(loop.call_soon_threadsafe, context=self._context)
        if doorbell is not None:
            schedule = partial(_ring, schedule, doorbell)
        self.put = Wakeups(schedule, loop.is_closed).put
        self.slot = loop.create_future
        self.go_on: Any = go_on
        self.is_closed = loop.is_closed
        self._tasks: set[asyncio.Task[None]] = set()  # asyncio itself keeps tasks weakly

    def call_soon(self, call: Callable[[], None]) -> None:
        """Run a call after the current step of the loop; in the loop."""
        self._loop.call_soon(call, context=self._context)

    def call_later(self, seconds: float, call: Callable[[], None]) -> Cancellable:
        """Run a call in the loop after some seconds."""
        return self._loop.call_later(seconds, call, context=self._context)

    def spawn(
        self, run: Callable[[], Coroutine[Any, Any, None]], ended: Callable[[], None], context: Context
    ) -> Cancellable:
        """Run a coroutine beside the current one, in a context; call ended once it has ended, however that happens."""
        task = self._loop.create_task(run(), context=context)
        self._tasks.add(task)

        # Not in a finally of the coroutine: a task that is cancelled before its first step never enters it.
        def end(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            ended()

        task.add_done_callback(end, context=self._context)
        return task

    async def outlast(self, slot: Slot, seconds: float) -> asyncio.CancelledError | None:
        """Wait on a slot that another thread ends at once, as if this took no time."""
        own: asyncio.CancelledError | None = None
        last: asyncio.CancelledError | None = None
        began = time.monotonic()
        try:
            while not slot.done():
                waited = time.monotonic() - began
                if last is not None and waited >= seconds:
                    raise own or last
                try:
                    if waited < _AT_ONCE:
                        await asyncio.sleep(0)
                    else:
                        # Not the slot itself, which would be cancelled along with the wait.
                        future = cast("asyncio.Future[None]", slot)
                        await asyncio.wait([future], timeout=None if last is None else seconds - waited)
                except asyncio.CancelledError as error:
                    last = error
                    if not str(error).startswith(_OF_ANYIO):
                        own = error
            return own
        finally:
            del own, last  # with the traceback it would be a cycle

    async def step_back(self) -> None:
        """Do nothing: they go on before all that comes later."""


class _TrioSlot:
    __slots__ = ("_done", "_task", "_trio")

    def __init__(self, trio: Any) -> None:
        self._trio = trio
        self._task: Any = None
        self._done = False

    def done(self) -> bool:
        return self._done

    def set_result(self, _result: None, /) -> None:
        self._done = True
        if self._task is not None:
            task, self._task = self._task, None
            self._trio.lowlevel.reschedule(task)

    def _abort(self, _raise_cancel: object) -> Any:
        self._task = None
        return self._trio.lowlevel.Abort.SUCCEEDED

    def __await__(self) -> Generator[Any, Any, None]:
        if self._done:
            return
        self._task = self._trio.lowlevel.current_task()
        yield from self._trio.lowlevel.wait_task_rescheduled(self._abort).__await__()


class _TrioTask:
    """A coroutine in a system task of trio, whose errors would end the whole run: none gets out."""

    __slots__ = ("_ended", "_run", "_scope")

    def __init__(self, trio: Any, run: Callable[[], Awaitable[None]], ended: Callable[[], None]) -> None:
        self._run = run
        self._ended = ended
        self._scope = trio.CancelScope()

    def cancel(self) -> None:
        self._scope.cancel()

    async def __call__(self) -> None:
        with self._scope:
            try:
                await self._run()
            except Exception:
                logger.exception("bridge: a task failed; this is a bug in bridge")
            finally:
                self._ended()


class TrioLoop:
    """A run of trio."""

    __slots__ = ("_closed", "_token", "_trio", "asyncio_loop", "go_on", "pid", "put")

    def __init__(self, trio: Any, token: Any) -> None:
        self._trio = trio
        self._token = token
        self._closed = False
        self.asyncio_loop: asyncio.AbstractEventLoop | None = None
        self.pid = os.getpid()
        self.put = Wakeups(self._schedule, self._is_known_to_be_closed).put
        self.go_on: Any = end_wait  # trio lets no task go on within a call

    def _is_known_to_be_closed(self) -> bool:
        return self._closed  # not is_closed(), which would wake the loop to find out

    def _schedule(self, call: Callable[[], None]) -> None:
        try:
            self._token.run_sync_soon(call)
        except RuntimeError:  # trio.RunFinishedError is one
            self._closed = True
            raise

    def slot(self) -> Slot:
        """Make a slot."""
        return _TrioSlot(self._trio)

    def call_later(self, seconds: float, call: Callable[[], None]) -> Cancellable:
        """Run a call in the loop after some seconds."""

        async def wait_and_call() -> None:
            await self._trio.sleep(seconds)
            call()

        return self.spawn(wait_and_call, _nothing, Context())

    def spawn(
        self, run: Callable[[], Coroutine[Any, Any, None]], ended: Callable[[], None], context: Context
    ) -> Cancellable:
        """Run a coroutine beside the current one, in a context; call ended once it has ended, however that happens."""
        task = _TrioTask(self._trio, run, ended)
        self._trio.lowlevel.spawn_system_task(task, context=context)
        return task

    async def outlast(self, slot: Slot, seconds: float) -> asyncio.CancelledError | None:
        """Wait on a slot that another thread ends at once, as if this took no time."""
        began = time.monotonic()
        while not slot.done() and time.monotonic() - began < _AT_ONCE:
            await self._trio.lowlevel.cancel_shielded_checkpoint()
        if not slot.done():
            with self._trio.CancelScope(shield=True, deadline=self._trio.current_time() + seconds):
                await slot
        if not slot.done():
            await slot
        return None

    async def step_back(self) -> None:
        """Let those go on who were woken by what this task has just done."""
        # They are in trio's next batch of tasks, and so is this one after its first step back: in an order of chance.
        for _ in range(2):
            await self._trio.lowlevel.cancel_shielded_checkpoint()

    def is_closed(self) -> bool:
        """Tell whether the run has finished."""
        if not self._closed:
            try:
                self._token.run_sync_soon(int)
            except RuntimeError:
                self._closed = True
        return self._closed


def _nothing() -> None:
    pass


def running_loop_key() -> tuple[object, Any]:
    """Return what identifies the running loop, and the trio module if it is trio's.

    Raises RuntimeError if no loop runs in this thread.
    """
    trio = sys.modules.get("trio")
    if trio is not None:
        # First: in guest mode trio runs on top of an asyncio loop, which answers too.
        try:
            trio.lowlevel.current_task()
        except (RuntimeError, AttributeError):  # AttributeError: trio is just being imported by another thread
            pass
        else:
            return trio.lowlevel.current_trio_token(), trio
    return asyncio.get_running_loop(), None


def forget_async_library() -> None:
    """Let the code of this context find out by itself which library's loop it runs in.

    anyio and trio note it in a context variable, and this context was copied from where another one may run, or none.
    """
    sniffio = sys.modules.get("sniffio")
    if sniffio is not None:
        noted = getattr(sniffio, "current_async_library_cvar", None)  # None: just being imported by another thread
        if noted is not None and noted.get() is not None:
            noted.set(None)


def make_loop(key: Any, trio: Any) -> Loop:
    """Return the Loop for a key from ``running_loop_key``."""
    return AsyncioLoop(key) if trio is None else TrioLoop(trio, key)

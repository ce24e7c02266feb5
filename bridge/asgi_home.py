"""What one ``AsgiToWsgi`` has in one process: its loop, its application's lifespan, and its requests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from bridge._types import ASGIApplication
from bridge.application_lifespan import ApplicationLifespan, Phase
from bridge.errors import AdapterClosed, ApplicationError, Overloaded, UsageError
from bridge.handoff.changes import Changes
from bridge.handoff.loop_thread import LoopFactory, LoopThread, borrow_loop_thread, give_back_loop_thread
from bridge.handoff.loops import AsyncioLoop, Cancellable
from bridge.handoff.process_end import end_with_process, forget_ender
from bridge.handoff.workers import WorkerPool
from bridge.hooks import Outcome
from bridge.whereabouts import place_in_thread

logger = logging.getLogger("bridge")

# Threads for thread-sensitive calls of background work: as many of those run side by side, the others wait.
_BACKGROUND_THREADS = 8

# Seconds. What the interpreter's exit gives to requests whose server is gone, what an application gets to end after it
# was cancelled, and what a thread that waits for the end of it all allows for the rest.
_EXIT_GRACE = 0.5
_ENDS_WITHIN = 1.0
_MARGIN = 5.0
_EXIT_PATIENCE = 1.5  # for a loop that does not react
_BLOCKED_AFTER = 10.0  # for a loop that does nothing, before it is told where it is
_LOOK_UP = 1.0  # a thread that waits for the startup looks whether the loop still runs


@dataclass(frozen=True, slots=True)
class Options:
    """What ``AsgiToWsgi`` was made with; its docstring tells the units."""

    app: ASGIApplication
    lifespan: Literal["auto", "on", "off"]
    loop: asyncio.AbstractEventLoop | None
    loop_factory: LoopFactory | None
    startup_timeout: float
    startup_retry: float
    disconnect_grace: float | None
    shutdown_grace: float
    prefetch_size: int
    write_buffer: int
    dropped_headers: Callable[[Iterable[str]], None]


class Request(Protocol):
    """What this file needs of a request."""

    is_stuck: bool

    @property
    def is_answered(self) -> bool: ...
    @property
    def thread_id(self) -> int: ...
    def describe(self) -> str: ...
    def let_go_if_answered_in_loop(self) -> None: ...
    def refuse_in_loop(self, error: BaseException, *, wake: bool = True) -> None: ...
    def cancel_in_loop(self) -> None: ...
    def release(self, error: BaseException) -> None: ...


class Home:
    """One adapter in one process, from its first request to its end.

    Raises UsageError if the user's loop does not run, RuntimeError if the system gives no thread for a loop of our own.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.pid = os.getpid()
        self._thread: LoopThread | None = None
        if options.loop is None:
            self._thread = borrow_loop_thread(options.loop_factory, self)
            self.loop = self._thread.loop
        else:
            self.loop = AsyncioLoop(options.loop)
        self.pool = WorkerPool(_BACKGROUND_THREADS, name="bridge-background")
        self.completed = 0
        self.failed = 0
        self.disconnected = 0
        self.is_ready = options.lifespan == "off"
        self.state: dict[str, Any] | None = None
        self._mutex = threading.Lock()
        self._requests: set[Request] = set()
        self._changes: Changes | None = None  # of the requests, until somebody waits for their end
        self._lifespan: ApplicationLifespan | None = None
        self._is_exiting = False
        self._is_closing = False
        self._is_unattended = False
        self._has_ended = threading.Event()
        self._end_task: Cancellable | None = None
        self._asked_at: float | None = None  # whether the loop reacts
        end_with_process(self)

    # ---- the loop, from any thread -----------------------------------------------------------------------------------

    def put(self, call: Callable[[], None]) -> None:
        """Run a call in the loop.

        Raises UsageError or ApplicationError if it runs no more.
        """
        try:
            self.loop.put(call)
        except RuntimeError as error:
            raise self._loop_error() from error

    def check_loop(self) -> None:
        """Raise UsageError or ApplicationError if the loop runs no more."""
        if not self.has_loop():
            raise self._loop_error()

    def look_for_block(self) -> None:
        """Warn if the loop has not reacted for long, and tell where it is; asked now and then by threads that wait."""
        asked_at = self._asked_at
        if asked_at is None:
            self._asked_at = time.monotonic()
            self.put(self._react_in_loop)
        elif time.monotonic() - asked_at > _BLOCKED_AFTER:
            self._asked_at = math.inf  # once
            place = place_in_thread(self._thread.ident) if self._thread is not None else ""
            logger.warning(
                "bridge: the event loop has not reacted for over %g seconds, and all requests wait for it%s; "
                "code that waits belongs in a thread (asyncio.to_thread)",
                _BLOCKED_AFTER,
                f"; it is in {place}" if place else "",
            )

    def _react_in_loop(self) -> None:
        self._asked_at = None

    def has_loop(self) -> bool:
        """Tell whether the loop still runs."""
        if self._thread is not None:
            return not self._thread.is_closed()
        asyncio_loop = self.options.loop
        return asyncio_loop is not None and asyncio_loop.is_running()

    def _loop_error(self) -> Exception:
        if self._has_ended.is_set():
            return AdapterClosed("this adapter was closed; make a new one")
        if self._thread is None:
            return UsageError(
                "the event loop that AsgiToWsgi was given (loop=) does not run: start it before the first request and "
                "stop it after the adapter's close(), or leave loop= out for a loop of bridge's own"
            )
        return ApplicationError("the background loop ended under this request; see the log for what broke it")

    @property
    def has_own_thread(self) -> bool:
        """Whether the loop is bridge's."""
        return self._thread is not None

    def is_in_loop(self) -> bool:
        """Tell whether the calling thread is the one that runs the loop."""
        if self._thread is not None:
            return self._thread.ident == threading.get_ident()
        return asyncio._get_running_loop() is self.options.loop  # noqa: SLF001  public by asyncio.events.__all__

    # ---- requests, in the loop ---------------------------------------------------------------------------------------

    def enter_in_loop(self, request: Request) -> bool:
        """Take in a request. Return False if it comes too late."""
        if self._is_closing:
            return False
        self._requests.add(request)
        return True

    def count_in_loop(self, outcome: Outcome) -> None:
        """Count what has become of a request."""
        if outcome == "completed":
            self.completed += 1
        elif outcome == "failed":
            self.failed += 1
        else:
            self.disconnected += 1

    def leave_in_loop(self, request: Request) -> None:
        """Let go of a request: its application is done."""
        self._requests.discard(request)
        if self._changes is not None:
            self._changes.tell()

    def requests(self) -> list[Request]:
        """Return the requests whose application runs; from any thread."""
        while True:
            try:
                return list(self._requests)
            except RuntimeError:  # it changed meanwhile
                continue

    # ---- the start ---------------------------------------------------------------------------------------------------

    def make_ready(self) -> None:
        """Wait for the application's startup; begin one if there was none, or if the last one failed long enough ago.

        Raises Overloaded if it takes longer than ``startup_timeout``, ApplicationError if it failed.
        """
        options = self.options
        with self._mutex:
            lifespan = self._lifespan
            if lifespan is None or (
                lifespan.phase is Phase.FAILED and time.monotonic() - lifespan.decided_at >= options.startup_retry
            ):
                if lifespan is not None:
                    self.put(lifespan.cancel_in_loop)  # it may be waiting for a shutdown that will not come
                lifespan = ApplicationLifespan(options.app, self.loop, required=options.lifespan == "on")
                self._lifespan = lifespan
                self.put(lifespan.begin_in_loop)
        deadline = lifespan.began_at + options.startup_timeout
        while not lifespan.decided.wait(max(0.0, min(deadline - time.monotonic(), _LOOK_UP))):
            self.check_loop()
            if time.monotonic() >= deadline:
                raise Overloaded(f"the application's startup takes longer than {options.startup_timeout} seconds")
        if self._has_ended.is_set() or self._is_closing:
            raise AdapterClosed("the adapter was closed while the application started")
        if lifespan.phase is Phase.FAILED:
            raise ApplicationError("the application's startup failed") from lifespan.failure
        if lifespan.phase is Phase.UP and self._thread is not None:
            self._keep_threads(self._thread)
        self.state = lifespan.state
        self.is_ready = True

    def _keep_threads(self, thread: LoopThread) -> None:
        """Let the application's shutdown find the threads that it may need while the interpreter exits."""
        kept = threading.Event()

        def keep_in_loop() -> None:
            self.loop.spawn(thread.keep_threads, kept.set, Context())

        self.put(keep_in_loop)
        kept.wait(_LOOK_UP)

    # ---- the end -----------------------------------------------------------------------------------------------------

    def begin_to_end(self) -> None:
        """Begin to end because the process does: nobody is served any more."""
        self._is_exiting = True
        self._begin_end()

    def finish_ending(self) -> None:
        """Wait for the end, and end the loop."""
        grace = self.options.shutdown_grace
        now = time.monotonic()
        deadline = now + grace * 2 + _MARGIN
        # An application that blocks the loop keeps everything from ending.
        must_begin = now + (_EXIT_PATIENCE if self._is_exiting else grace)
        while not self._has_ended.wait(0.5) and now < deadline and self.has_loop():
            now = time.monotonic()
            if self._end_task is None and now > must_begin:
                logger.error("bridge: the background loop is blocked by an application and cannot be ended in order")
                self._release_threads()
                self._let_go(patience=0.0)
                return
        self._let_go()

    def _release_threads(self) -> None:
        for request in self.requests():
            if not self._is_exiting or _is_waited_for(request.thread_id):
                request.release(_closed_under(request))

    def end(self) -> None:
        """End in order: requests within ``shutdown_grace``, then background work, then the application's shutdown."""
        self._begin_end()
        self.finish_ending()

    def end_unattended(self) -> None:
        """End as ``end`` does, for an adapter that nobody holds any more; waits for nothing, from any thread."""
        self._is_unattended = True
        self._begin_end()

    def _end_is_done_in_loop(self) -> None:
        self._has_ended.set()
        if self._is_unattended:
            # Not here: it takes a lock that a thread may hold for long, and ends this very loop.
            with contextlib.suppress(RuntimeError):  # no thread to be had: the process is about to end
                threading.Thread(target=self._let_go, name="bridge-end", daemon=True).start()

    def _let_go(self, patience: float = _ENDS_WITHIN) -> None:
        forget_ender(self)
        self._has_ended.set()
        self.pool.retire(for_good=True)  # what outlives the end may still call, and leaves no thread behind
        if self._thread is not None:
            give_back_loop_thread(self._thread, self, patience)

    def forget(self) -> None:
        """Let go of a loop that has ended by itself."""
        self._let_go(patience=0.0)

    def waiting_threads(self) -> set[int]:
        """Return the threads that wait for an answer, by their idents."""
        return {request.thread_id for request in self.requests() if not request.is_answered}

    def _begin_end(self) -> None:
        try:
            self.loop.put(self._spawn_end_in_loop)
        except RuntimeError:
            self._has_ended.set()  # the loop is closed

    def _spawn_end_in_loop(self) -> None:
        if self._end_task is None:
            self._end_task = self.loop.spawn(self._end, self._end_is_done_in_loop, Context())

    async def _end(self) -> None:
        grace = self.options.shutdown_grace
        deadline = time.monotonic() + grace
        for request in self._requests:
            # A server that has an answer may never close it.
            request.let_go_if_answered_in_loop()
        if not self._is_exiting:
            await self._drain(self._requests, grace)
        self._is_closing = True
        unanswered = {request for request in self._requests if not request.is_answered}
        background = self._requests - unanswered
        for request in unanswered:
            wake = not self._is_exiting or _is_waited_for(request.thread_id)
            request.refuse_in_loop(_closed_under(request), wake=wake)
        await self._drain(unanswered, _EXIT_GRACE)
        for request in unanswered:
            request.cancel_in_loop()
        await self._drain(background, deadline - time.monotonic())
        for request in background:
            request.cancel_in_loop()
        await self._drain(self._requests, _ENDS_WITHIN)
        if self._lifespan is not None:
            await self._lifespan.shut_down_in_loop(grace)

    async def _drain(self, requests: set[Request], seconds: float) -> None:
        """Wait until the applications of some requests are done, at most some seconds."""
        deadline = time.monotonic() + seconds
        changes = self._changes = self._changes or Changes(self.loop)
        while not requests.isdisjoint(self._requests) and (left := deadline - time.monotonic()) > 0:
            await changes.wait(left)


def _closed_under(request: Request) -> AdapterClosed:
    return AdapterClosed(f"the adapter was closed while {request.describe()} was running")


def _is_waited_for(thread_id: int) -> bool:
    """Tell whether the interpreter's exit waits for a thread."""
    return any(thread.ident == thread_id and not thread.daemon for thread in threading.enumerate())

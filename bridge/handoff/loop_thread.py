"""The dedicated background loop: an asyncio loop in a thread of its own, for code that has none.

There is one for each loop factory in a process. It is started by its first borrower and ends with its last one. Nothing
of it survives a fork: a child has no thread, and must not touch the parent's loop either, whose selector both processes
would share; the child keeps it as it is, unused, and starts its own when it needs one.

Under gevent's monkey patching, "threads" are greenlets of one operating-system thread. asyncio allows one running loop
for each of those, so the loop gets a real thread, of gevent's own pool. In it gevent's selector and locks work as they
do in the main one, and what runs in executors (``asyncio.to_thread``) are greenlets beside the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from bridge.errors import Overloaded, UsageError
from bridge.handoff.loops import AsyncioLoop, end_wait
from bridge.handoff.monkey import is_under_gevent

logger = logging.getLogger("bridge")

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

# Seconds. A loop that does not run by then never will; tasks that go on after they were cancelled are left alone then.
_STARTS_WITHIN = 30.0
_TASKS_END_WITHIN = 1.0
_ENDS_WITHIN = 5.0

_MANY = 1000  # threads that gevent's pool may have; it starts them when they are needed


class _LoopExecutor(ThreadPoolExecutor):
    """The default executor of a loop, for which a thread is enough while no new one can be had.

    While the interpreter exits no thread can be started (since 3.12), and what an application does at its shutdown may
    want some: ``asyncio.to_thread``, the look-up of a name. What is submitted then waits for a thread that is there.
    """

    def _adjust_thread_count(self) -> None:
        try:
            super()._adjust_thread_count()
        except RuntimeError:
            if not self._threads:
                raise


def lock_at_first_use(owner: object) -> AbstractContextManager[bool]:
    """Return an object's reentrant lock, which is made now if it was not asked for before.

    gunicorn's gevent worker patches ``threading`` after it has loaded and forked (with ``--preload``). A lock that was
    made before that is not gevent's: it would not keep one greenlet out while another waits inside.
    """
    # setdefault is one step: of two threads that come first, both get the same lock.
    lock: AbstractContextManager[bool] = owner.__dict__.setdefault("_lock", threading.RLock())
    return lock


class LoopThread:
    """One thread that runs one loop until the last borrower gives it back.

    factory: makes the loop, in the thread; None: asyncio's own.
    gevent_pool: returns the pool of real threads for use under gevent.

    Raises what factory raises, and RuntimeError if the system gives no thread.
    """

    __slots__ = (
        "_borrowers",
        "_ended",
        "_failure",
        "_has_ended",
        "_is_stopping",
        "_is_under_gevent",
        "_ready",
        "_stopped",
        "ident",
        "loop",
    )

    loop: AsyncioLoop

    def __init__(self, factory: LoopFactory | None, gevent_pool: Callable[[], Any]) -> None:
        self._borrowers: set[Hashable] = set()
        self._ready = threading.Event()
        self._ended = threading.Event()
        self._has_ended = False  # the same, and asked for by every request
        self._is_stopping = False
        self._stopped: asyncio.Future[None] | None = None
        self._failure: BaseException | None = None
        self._is_under_gevent = is_under_gevent()
        self.ident = 0
        self._start_thread(partial(self._run, factory or asyncio.new_event_loop), gevent_pool)
        if not self._ready.wait(_STARTS_WITHIN):
            self._is_stopping = True  # it does not run for nobody if it starts after all
            raise RuntimeError(f"the background loop did not start within {_STARTS_WITHIN:.0f} seconds")
        if self._failure is not None:
            raise self._failure

    def _start_thread(self, run: Callable[[], None], gevent_pool: Callable[[], Any]) -> None:
        if self._is_under_gevent:
            gevent_pool().spawn(run)
        else:
            # A daemon: it must not keep the interpreter from exiting; who lives on it is ended by ``process_end``.
            threading.Thread(target=run, name="bridge-loop", daemon=True).start()

    def _run(self, factory: LoopFactory) -> None:
        try:
            loop = factory()
            self.ident = threading.get_ident()
            loop.set_default_executor(_LoopExecutor(thread_name_prefix="bridge-executor"))
            main = loop.create_task(self._wait_for_stop(loop))
        except BaseException as error:  # noqa: BLE001  raised to who wanted the loop
            self._failure = error
            self._ready.set()
            return
        try:
            if self._run_to_end(loop, main):
                self._end_tasks(loop)
            for task in asyncio.all_tasks(loop):
                # It was told in the log by whose request it is; asyncio would tell it again, of the very end.
                with contextlib.suppress(AttributeError):
                    task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
            loop.close()
        except Exception as error:  # a loop whose selector somebody has closed cannot even be closed
            logger.warning("bridge: the background loop did not end in order", exc_info=error)
        finally:
            self._has_ended = True
            self._ended.set()

    async def _wait_for_stop(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            self.loop = AsyncioLoop(loop)
        except BaseException as error:
            self._failure = error
            raise
        finally:
            self._ready.set()
        while not self._is_stopping:
            self._stopped = loop.create_future()
            try:
                await self._stopped
            except asyncio.CancelledError:
                logger.error("bridge: the application cancelled every task it found; the background loop goes on")  # noqa: TRY400

    def _run_to_end(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> bool:
        """Run the loop until a task is done, whatever the application does to it. Return False if it is broken."""
        # Not run_forever: by a main task anyio knows the loop as one that lives on, and keeps its worker threads, which
        # it would end with each request's task otherwise (FastAPI's `def` endpoints would start a thread for each).
        while not task.done():
            try:
                loop.run_until_complete(task)
            except (SystemExit, KeyboardInterrupt) as error:
                # asyncio lets these out of a task. They would end a program's only loop; here they are one request's.
                logger.error("bridge: a task raised %r; the background loop goes on", error)  # noqa: TRY400
            except BaseException as error:
                if not isinstance(error, RuntimeError) or loop.is_closed():
                    # Its selector was closed by somebody, say: whoever uses the loop sees that it has ended.
                    logger.exception("bridge: the background loop failed and ends; the next request starts a new one")
                    return False
                # The application has called loop.stop().
                logger.error("bridge: the application stopped the background loop (%s); it goes on", error)  # noqa: TRY400
        return True

    def _end_tasks(self, loop: asyncio.AbstractEventLoop) -> None:
        tasks = asyncio.all_tasks(loop)
        # One that is being cancelled was waited for already.
        to_cancel = [task for task in tasks if not task.cancelling()]
        for task in to_cancel:
            task.cancel()
        if to_cancel:
            self._run_to_end(loop, loop.create_task(asyncio.wait(to_cancel, timeout=_TASKS_END_WITHIN)))
        steps = [loop.shutdown_asyncgens()]
        if self._is_under_gevent:
            # The executor's threads are greenlets of this thread, and run no more once it has ended: the interpreter's
            # exit would wait for them in vain.
            steps.append(loop.shutdown_default_executor())
        for step in steps:
            task = loop.create_task(asyncio.wait_for(step, _TASKS_END_WITHIN))
            if self._run_to_end(loop, task) and not task.cancelled() and (error := task.exception()) is not None:
                logger.warning("bridge: the background loop did not end in order", exc_info=error)

    async def keep_threads(self) -> None:
        """Have the loop's executor and anyio's keep a thread each, for a time when no new one can be had."""
        if self._is_under_gevent:
            return  # greenlets can always be had, and anyio's may share what was meant for one thread (--preload)
        with contextlib.suppress(RuntimeError):
            await asyncio.get_running_loop().run_in_executor(None, int)
            anyio_threads: Any = sys.modules.get("anyio.to_thread")
            if anyio_threads is not None:
                await anyio_threads.run_sync(int)

    def is_current(self) -> bool:
        """Tell whether the calling thread is the loop's own."""
        return self.ident == threading.get_ident()

    def _stop(self, patience: float) -> None:
        with contextlib.suppress(RuntimeError):  # closed already
            self.loop.put(self._stop_in_loop)
        if not self.is_current() and not self._ended.wait(patience):
            logger.warning("bridge: the background loop is blocked by an application and was left behind")

    def _stop_in_loop(self) -> None:
        self._is_stopping = True
        end_wait(self._stopped)

    def is_closed(self) -> bool:
        """Tell whether the loop will never run anything again; from any thread."""
        return self._has_ended or self.loop.is_closed()


class _Threads:
    """The loop threads of one process."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.by_factory: dict[LoopFactory | None, LoopThread] = {}
        self._gevent_pool: Any = None

    @property
    def mutex(self) -> AbstractContextManager[bool]:
        """The lock on all this."""
        return lock_at_first_use(self)

    def gevent_pool(self) -> Any:
        """Return gevent's pool of real threads for loops: one for all, which uses the threads of ended ones again.

        A pool for each loop would have to be killed with it, and that crashes while greenlets of anyio's wait in it.
        """
        if self._gevent_pool is None:
            self._gevent_pool = importlib.import_module("gevent.threadpool").ThreadPool(_MANY)
        return self._gevent_pool


_threads = _Threads()
_inherited: list[_Threads] = []  # of parent processes: kept, for collecting a loop closes it, in the parent as well


def _threads_of_this_process() -> _Threads:
    # Not only by the hook below: a server in C may fork without Python's knowing (uWSGI does by default).
    if _threads.pid != os.getpid():
        _begin_anew()
    return _threads


def _begin_anew() -> None:
    global _threads  # noqa: PLW0603  there is one process
    _inherited.append(_threads)
    _threads = _Threads()


def borrow_loop_thread(factory: LoopFactory | None, borrower: Hashable) -> LoopThread:
    """Return this process's loop thread for a factory (None: asyncio's own loop); start it if there is none.

    Raises UsageError for a factory that cannot make a loop, Overloaded if the system gives no descriptors for one,
    RuntimeError if it gives no thread.
    """
    threads = _threads_of_this_process()
    with threads.mutex:
        thread = threads.by_factory.get(factory)
        if thread is None or thread.is_closed():
            try:
                thread = LoopThread(factory, threads.gevent_pool)
            except (RuntimeError, MemoryError):
                raise
            except Exception as error:
                if factory is None and isinstance(error, OSError):
                    raise Overloaded(f"the system gives nothing for an event loop: {error}") from error
                raise UsageError(f"loop_factory {factory!r} makes no event loop: {error!r}") from error
            threads.by_factory[factory] = thread
        thread._borrowers.add(borrower)  # noqa: SLF001  the function and the class are one machine
        return thread


def give_back_loop_thread(thread: LoopThread, borrower: Hashable, patience: float = _ENDS_WITHIN) -> None:
    """Take back ``borrow_loop_thread``; with the last borrower the thread ends, which is waited for.

    patience: how many seconds.
    """
    threads = _threads_of_this_process()
    with threads.mutex:
        thread._borrowers.discard(borrower)  # noqa: SLF001
        if thread._borrowers or thread not in threads.by_factory.values():  # noqa: SLF001
            return
        for factory, other in list(threads.by_factory.items()):
            if other is thread:
                del threads.by_factory[factory]
    thread._stop(patience)  # noqa: SLF001


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)

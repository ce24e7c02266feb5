"""Calls that belong into one thread: the one that serves a request, and after that one of a pool.

``ServingThread`` is an executor for asgiref's thread-sensitive calls, as far as asgiref and asyncio need one: they call
``submit`` in the loop. While the serving thread is there, it runs what was submitted whenever it comes by
(``run_calls``); when it leaves, a ``PoolThread`` goes on.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from bridge.errors import Overloaded
from bridge.handoff.workers import Worker, WorkerPool, current_worker


class _Call:
    """One call and the future of its outcome."""

    __slots__ = ("_arguments", "_call", "future")

    def __init__(self, call: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._call = call
        self._arguments = arguments
        self.future: Future[Any] = Future()

    def run(self) -> BaseException | None:
        """Run it, unless it was cancelled. Return what it raised."""
        future = self.future
        if not future.set_running_or_notify_cancel():
            return None
        try:
            result = self._call(*self._arguments)
        except BaseException as error:  # noqa: BLE001  it goes to who awaits the call
            future.set_exception(error)
            return error
        future.set_result(result)
        return None


class PoolThread:
    """Runs the calls of one owner one at a time, in order, and all of them in the same thread of a pool.

    The thread is shared with other owners, call by call, and stays alive for this one until ``finish``: what a call
    leaves in it (a database connection) is there for the next.
    """

    __slots__ = ("_calls", "_finished", "_mutex", "_pool", "_running", "_worker")

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool
        self._calls: deque[_Call] = deque()
        self._mutex = threading.Lock()
        self._running = False
        self._finished = False
        self._worker: Worker | None = None  # announced to its pool

    def put(self, call: _Call) -> None:
        """Run a call after those that were put before; if no thread is to be had its future says so."""
        with self._mutex:
            self._calls.append(call)
            if self._running:
                return
            self._running = True
            worker = self._worker
        if worker is not None:
            self._pool.submit_to(worker, self._run_in_worker)
            return
        try:
            self._pool.submit(self._run_in_worker)
        except Overloaded as error:
            with self._mutex:
                self._running = False
                calls = list(self._calls)
                self._calls.clear()
            for refused in calls:
                if refused.future.set_running_or_notify_cancel():
                    refused.future.set_exception(error)

    def _run_in_worker(self) -> None:
        worker = current_worker()
        assert worker is not None  # it is a pool's job
        self._pool.announce(worker)
        while True:
            with self._mutex:
                self._worker = worker
                if not self._calls:
                    self._running = False
                    if self._finished:
                        self._let_go()
                    return
                call = self._calls.popleft()
            call.run()
            del call  # not to be kept until the next one comes

    def finish(self) -> None:
        """Keep the thread for nobody from now on; calls that come all the same are run."""
        with self._mutex:
            self._finished = True
            if not self._running:
                self._let_go()

    def _let_go(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            self._pool.renounce(worker)


# Of a request that has made no calls, which most never do.
_NO_CALLS: deque[_Call] = deque()


class ServingThread:
    """Calls for the thread that serves a request.

    pool: where calls go when that thread has left.
    wake: called in the loop when a call waits for the thread.
    """

    __slots__ = ("_has_left", "_is_running", "_last", "_left_to", "_pool", "_wake", "calls")

    def __init__(self, pool: WorkerPool, wake: Callable[[], None]) -> None:
        self._pool = pool
        self._wake: Callable[[], None] | None = wake
        self.calls = _NO_CALLS
        self._last: deque[_Call] | None = None
        self._has_left = False
        self._is_running = False  # a call, in the serving thread
        self._left_to: PoolThread | None = None

    # No call is lost, and no two run at a time. Three actors; each does its steps in this order:
    #
    #   submit (loop)             leave (serving thread, or loop)   run_calls (serving thread)
    #   1. append the call        a. has left                       i.   is running
    #   2. if it has left:        b. if calls are there: (3) in     ii.  if it has left: not running; end
    #      (3)                       the loop                       iii. run one call
    #   3. pass on, unless a                                        iv.  not running
    #      call is running                                          v.   if it has left and calls are there: ask
    #                                                                    for (3)
    #
    # - If 2 does not see (a), then (b) comes later than 1 and sees the call.
    # - If 3 sees no call running, (i) comes later than that and than (a), and (ii) sees it: the thread takes none.
    # - If 3 sees one, (iv) and (v) come later than 1, and (v) sees the call.

    def submit(self, call: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        """Run a call in the serving thread, or after that in the pool's; in the loop."""
        queued = _Call(call, arguments)
        if self.calls is _NO_CALLS:
            self.calls = deque()
        self.calls.append(queued)
        if self._has_left:
            self.pass_on_in_loop()
        elif self._wake is not None:
            self._wake()
        return queued.future

    def submit_last(self, call: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        """Run a call just before the serving thread leaves, or after that in the pool's; in the loop."""
        queued = _Call(call, arguments)
        if self.calls is _NO_CALLS:
            self.calls = deque()  # here, in the loop: ``call_last`` may run in two threads at a time
        self._last = self._last or deque()
        self._last.append(queued)
        if self._has_left:
            self.pass_on_in_loop()
        elif self._wake is not None:
            self._wake()
        return queued.future

    def call_last(self) -> bool:
        """Let what was kept for the end be run as any other call. Return whether there are calls."""
        last = self._last
        while last:
            try:
                self.calls.append(last.popleft())
            except IndexError:  # the loop has just passed it on
                break
        return bool(self.calls)

    def run_calls(self) -> BaseException | None:
        """Run what waits, in the serving thread.

        Return what a call raised if it is no Exception: it may be meant for the thread.
        """
        error: BaseException | None = None
        while self.calls and (error is None or isinstance(error, Exception)):
            self._is_running = True  # i
            if self._has_left:  # ii
                self._is_running = False
                break
            try:
                error = self.calls.popleft().run()  # iii
            finally:
                self._is_running = False  # iv
        if isinstance(error, Exception):
            return None
        return error

    @property
    def has_calls_to_pass_on(self) -> bool:
        """Whether calls wait although this thread has left: ``pass_on_in_loop`` has to be called."""
        return self._has_left and bool(self.calls)

    def leave(self) -> bool:
        """Take no more calls here, from any thread. Return whether some are left, for ``pass_on_in_loop``."""
        self._has_left = True  # a
        return bool(self.calls or self._last)

    def pass_on_in_loop(self) -> None:
        """Give what waits to the pool; in the loop."""
        if self._is_running:
            return
        self.call_last()
        if self._left_to is None:
            self._left_to = PoolThread(self._pool)
            if self._wake is None:
                self._left_to.finish()
        while self.calls:
            self._left_to.put(self.calls.popleft())

    def finish_in_loop(self) -> None:
        """Let go of the request, which is over; calls of tasks that outlive it still run, each in any thread.

        asgiref's table holds this object by the request's context, weakly: it must not lead back there.
        """
        self._wake = None
        self._has_left = True
        if self.calls or self._last:
            self.pass_on_in_loop()
        if self._left_to is not None:
            self._left_to.finish()

"""The pool of worker threads.

A job is a callable without arguments that takes care of its own errors. It stays on one thread from its start to its
end, and further work can be sent to that very thread (``submit_to``), which is what a file that is still being sent by
the loop needs when it is closed.

Theory. Every hand-over of the interpreter's lock between threads costs more than a small request, so waking a thread
for each job would be the pool's main cost. Jobs go into one queue, and at most one thread is *on its way* to it at a
time: it takes a job and, if more are waiting, sends the next thread on its way before it begins. While jobs are short,
one or two threads empty the queue and the others stay asleep; when a job blocks, the next thread is already coming.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable

from bridge.errors import Overloaded, UsageError
from bridge.handoff.baton import Baton

logger = logging.getLogger("bridge")

Job = Callable[[], None]

_pools: weakref.WeakSet[WorkerPool] = weakref.WeakSet()
_numbers = itertools.count(1)


class Worker:
    """One thread of a pool, and the work that is meant for it alone."""

    __slots__ = ("baton", "epoch", "expected", "is_idle", "mailbox", "pool")

    def __init__(self, pool: WorkerPool, epoch: int) -> None:
        self.pool = pool
        self.epoch = epoch
        self.baton = Baton()
        self.is_idle = False
        self.mailbox: deque[Job] = deque()
        self.expected = 0  # jobs that were announced for this thread: it does not end before it has done them

    def run_in_worker(self) -> None:
        _current.worker = self
        pool = self.pool
        while True:
            job = pool._next_job_in_worker(self)  # noqa: SLF001  the two classes are one machine
            if job is None:
                return
            try:
                job()
            except BaseException:
                # A job takes care of its own errors; a thread that ended here would be missing for ever.
                logger.exception("bridge: a job ended with an error that it should have kept; this is a bug in bridge")
            job = None


# Seconds that a thread without work stays in a pool that nobody needs any more. Not 0: one that waits for a job that
# was announced would spin.
_HARDLY = 0.1


class _Current(threading.local):
    worker: Worker | None = None


_current = _Current()


def current_worker() -> Worker | None:
    """Return the worker whose thread this is, None in a thread of no pool."""
    return _current.worker


class WorkerPool:
    """Up to ``threads`` worker threads, started when needed, ended after ``idle_seconds`` without work.

    The threads are daemons: a request in flight does not keep the interpreter from ending. After a fork the child
    begins with an empty pool: threads do not survive a fork, so the parent's jobs are the parent's to do.

    threads: how many, at least 1.
    name: what the threads' names begin with.
    max_queued: how many jobs may wait for a thread, None: any number.
    idle_seconds: how long a thread without work stays.
    """

    __slots__ = (
        "__weakref__",
        "_alive",
        "_born",
        "_count",
        "_epoch",
        "_idle",
        "_idle_seconds",
        "_max_queued",
        "_mutex",
        "_name",
        "_on_the_way",
        "_queue",
        "_started",
        "_threads",
    )

    def __init__(
        self, threads: int, *, name: str | None = None, max_queued: int | None = None, idle_seconds: float = 30.0
    ) -> None:
        if threads < 1:
            raise UsageError(f"threads must be at least 1, not {threads}")
        if max_queued is not None and max_queued < 0:
            raise UsageError(f"max_queued must be at least 0 or None, not {max_queued}")
        self._threads = threads
        self._max_queued = max_queued
        self._idle_seconds = idle_seconds
        self._name = name or f"bridge-{next(_numbers)}"
        self._epoch = 0
        self._forget()
        _pools.add(self)

    def _forget(self) -> None:
        """Begin anew, without touching a lock that another thread may have held at the fork."""
        # Reentrant: a signal handler that asks for stats() may run in a thread that holds it.
        self._mutex = threading.RLock()
        # In order, and a job is taken out of the middle at no cost when its client leaves.
        self._queue: OrderedDict[Job, None] = OrderedDict()
        self._idle: list[Worker] = []
        self._count = 0  # threads of this epoch
        self._alive = 0  # threads of all epochs
        self._started = 0
        self._on_the_way: Worker | None = None
        self._epoch += 1
        self._born = self._epoch  # workers of earlier epochs are those of a parent process

    def submit(self, job: Job, _dropped: Callable[[BaseException | None], None] | None = None) -> bool:
        """Queue a job. Return whether it may have to wait because all threads are busy.

        A job is an object of its own, unequal to others, and is never dropped.

        Raises Overloaded if max_queued jobs wait already, or if no thread runs and none can be started.
        """
        queue = self._queue
        if self._on_the_way is not None and self._max_queued is None:
            # Under load, without the mutex. Who submits and who comes do, each in this order:
            #
            #   submit (any thread)              next job (worker)
            #   1. queue the job                 a. say that nobody is on the way any more
            #   2. is somebody on the way?       b. take a job; if there are more, send the next thread
            #
            # If 2 finds somebody, a comes after it, and b sees the job. If not, b may have missed it.
            queue[job] = None
            if self._on_the_way is not None:
                return True
            waits = True
            with self._mutex:
                sent = self._send_for(job) if job in queue else None
        else:
            sent, waits = self._queue_in_order(job)
        if sent is not None:
            sent.baton.wake()
        return waits

    def _queue_in_order(self, job: Job) -> tuple[Worker | None, bool]:
        """Queue a job. Return the thread that has to be woken for it, and whether it has to wait."""
        with self._mutex:
            queue = self._queue
            if not queue and self._idle and self._on_the_way is None:
                # The ordinary case, first: a thread is free.
                queue[job] = None
                return self._send_next(), False
            # Threads that can take a job soon: those asleep, those not started yet, and the one on its way.
            soon = len(self._idle) + self._threads - self._count + (self._on_the_way is not None)
            waits = len(queue) >= soon
            if waits and self._max_queued is not None and len(queue) - soon >= self._max_queued:
                raise Overloaded(f"all {self._threads} threads are busy and {self._max_queued} requests wait")
            queue[job] = None
            return self._send_for(job), waits

    def _send_for(self, job: Job) -> Worker | None:
        """Send a thread on its way to a job in the queue, if none is, as ``_send_next`` does. The mutex is held.

        Raises Overloaded, and takes the job back, if no thread runs and none can be started.
        """
        sent = self._send_next() if self._on_the_way is None else None
        if not self._alive:
            del self._queue[job]
            raise Overloaded("no worker thread could be started")
        return sent

    def _send_next(self) -> Worker | None:
        """Send a thread on its way; return it if it is asleep and has to be woken. The mutex is held."""
        idle = self._idle
        # The one that went to sleep last: the others can then sleep out. One that will have a file to close is left for
        # that, if there is another: a long request would keep the file open.
        for index in range(len(idle) - 1, -1, -1):
            if not idle[index].expected:
                return self._wake(index)
        if self._count < self._threads and self._start_thread():
            return None
        return self._wake(-1) if idle else None

    def _wake(self, index: int) -> Worker:
        worker = self._on_the_way = self._idle.pop(index)
        worker.is_idle = False
        return worker

    def _start_thread(self) -> bool:
        """Start a thread. Return False if the system gives none. The mutex is held."""
        worker = Worker(self, self._epoch)
        self._started += 1
        thread = threading.Thread(target=worker.run_in_worker, name=f"{self._name}-worker-{self._started}", daemon=True)
        self._count += 1
        self._alive += 1
        try:
            thread.start()
        except Exception as error:  # noqa: BLE001  whatever it is, the pool goes on with the threads that it has
            self._count -= 1
            self._alive -= 1
            logger.error("bridge: no worker thread could be started (%s); %d run", error, self._count)  # noqa: TRY400
            return False
        # Not before it runs: who finds somebody on the way counts on that. It looks at nothing without the mutex.
        self._on_the_way = worker
        return True

    def withdraw(self, job: Job) -> bool:
        """Take a job out of the queue. Return False if it is not there: then a thread has taken it."""
        with self._mutex:
            try:
                del self._queue[job]
            except KeyError:
                return False
            return True

    def announce(self, worker: Worker) -> None:
        """Keep a worker's thread until ``submit_to`` has given it a job."""
        with self._mutex:
            worker.expected += 1

    def renounce(self, worker: Worker) -> None:
        """Take back an ``announce``: no job will come."""
        with self._mutex:
            worker.expected -= 1
            is_current = worker.epoch == self._epoch
        if not is_current:
            worker.baton.wake()  # it was kept for this alone

    def submit_to(self, worker: Worker, job: Job) -> None:
        """Run an announced job in a worker's thread, ahead of everything that is queued."""
        with self._mutex:
            worker.mailbox.append(job)
            worker.expected -= 1
        worker.baton.wake()

    def _next_job_in_worker(self, worker: Worker) -> Job | None:
        """Return the next job for a worker; wait for it. None: the thread ends."""
        on_the_way = self._on_the_way
        if (
            on_the_way is not None
            and on_the_way is not worker
            and self._queue
            and worker.epoch == self._epoch
            and not worker.mailbox
        ):
            # Under load, without the mutex: whoever is on the way sees what is left.
            try:
                return self._queue.popitem(last=False)[0]
            except KeyError:
                pass  # another was faster
        woken = True
        while True:
            sleeper = None
            with self._mutex:
                if self._on_the_way is worker:
                    self._on_the_way = None
                was_idle = worker.is_idle
                if was_idle:  # nobody sent for it: it has slept out, or was woken twice
                    self._idle.remove(worker)
                    worker.is_idle = False
                job = self._take_job(worker)
                if job is not None:
                    if self._queue and self._on_the_way is None:
                        sleeper = self._send_next()
                elif not self._go_to_sleep(worker, slept_out=was_idle and not woken):
                    if worker.epoch >= self._born:
                        self._alive -= 1
                    return None
            if sleeper is not None:
                sleeper.baton.wake()
            if job is not None:
                return job
            woken = worker.baton.wait(self._idle_seconds)

    def _take_job(self, worker: Worker) -> Job | None:
        """Return the next job for a worker, if there is one. The mutex is held."""
        if worker.mailbox:
            return worker.mailbox.popleft()
        # One of an earlier epoch only where no other thread was to be had.
        if not self._queue or worker.epoch < self._born or (worker.epoch != self._epoch and self._count):
            return None
        try:
            return self._queue.popitem(last=False)[0]
        except KeyError:
            return None  # another has just taken it, without the mutex

    def _go_to_sleep(self, worker: Worker, *, slept_out: bool) -> bool:
        """Note that a worker sleeps from now on. Return False if its thread ends instead. The mutex is held."""
        is_current = worker.epoch == self._epoch
        if not worker.expected:
            if not is_current:
                return False
            if slept_out:
                self._count -= 1
                return False
        if is_current:
            self._idle.append(worker)
            worker.is_idle = True
        return True

    def retire(self, *, for_good: bool = False) -> None:
        """Let all threads end: idle ones now, busy ones after their job. The next ``submit`` starts new ones.

        What is queued is given to new threads.

        for_good: those that are started after this hardly stay for further jobs.
        """
        with self._mutex:
            if for_good:
                self._idle_seconds = _HARDLY
            self._epoch += 1
            self._count = 0
            self._on_the_way = None
            idle, self._idle = self._idle, []
            for worker in idle:
                worker.is_idle = False
            if self._queue:
                self._send_next()
        for worker in idle:
            worker.baton.wake()

    def counts(self) -> tuple[int, int, int]:
        """Return (threads, busy threads, queued jobs)."""
        with self._mutex:
            # One that has been given a job of its own is busy before it wakes: no moment looks as if all work was done.
            asleep = [*self._idle] if self._on_the_way is None else [*self._idle, self._on_the_way]
            return self._count, self._count - sum(not worker.mailbox for worker in asleep), len(self._queue)


def _forget_in_child() -> None:
    # 1. fork() copies the pools as they were, with locks that a vanished thread may hold.
    # 2. The child runs this before any of its own code, in its only thread: nobody else looks at the pools meanwhile.
    # 3. Each pool gets new locks and an empty queue; what the parent's threads held is never looked at again.
    _current.worker = None
    for pool in list(_pools):
        pool._forget()  # noqa: SLF001


if hasattr(os, "register_at_fork"):  # absent on Windows, which has no fork
    os.register_at_fork(after_in_child=_forget_in_child)

"""A thread executor of the user's in place of bridge's own pool."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial

from bridge.errors import Overloaded, UsageError
from bridge.handoff.workers import Job


class ExecutorWorkers:
    """Runs each job by one ``submit`` of a user's executor, which is never shut down here.

    executor: any ``concurrent.futures.Executor`` whose jobs run in threads of this process.
    max_queued: how many jobs may wait for a thread, None: any number. An executor does not tell how many of its
        threads are free, so a job counts as waiting until it begins, and one more than this may.

    Raises UsageError for an executor of processes or interpreters: an application cannot be handed to those.
    """

    __slots__ = ("_executor", "_futures", "_max_queued", "_mutex")

    def __init__(self, executor: Executor, *, max_queued: int | None = None) -> None:
        # Not imported for the question: it brings multiprocessing along. Where nobody did, nobody can have made one.
        processes = sys.modules.get("concurrent.futures.process")
        if (processes is not None and isinstance(executor, processes.ProcessPoolExecutor)) or (
            "Interpreter" in type(executor).__name__
        ):
            raise UsageError(
                f"executor must run its jobs in threads of this process; {type(executor).__name__} does not: "
                "pass a concurrent.futures.ThreadPoolExecutor, or threads= for bridge's own pool"
            )
        if isinstance(executor, type) or not callable(getattr(executor, "submit", None)):
            raise UsageError(f"executor must be a concurrent.futures.Executor, not {type(executor).__name__}")
        self._executor = executor
        self._max_queued = max_queued
        self.forget()

    def forget(self) -> None:
        """Begin anew after a fork."""
        self._mutex = threading.Lock()
        self._futures: dict[Job, Future[None] | None] = {}  # jobs that have not begun

    def submit(self, job: Job, dropped: Callable[[BaseException | None], None]) -> bool:
        """Submit a job. Return True: it may have to wait.

        dropped: called in any thread, with the reason, if the job does not run.

        Raises Overloaded if max_queued jobs wait already, and if the executor refuses the job.
        """
        if self._max_queued is not None and len(self._futures) > self._max_queued:
            raise Overloaded(f"the executor has {len(self._futures)} requests waiting already")
        # The mutex is not held while foreign code runs. The job may begin, and even end, before submit returns:
        #
        #   1. note the job without its future    a. the job begins: take the note away
        #   2. submit
        #   3. if the note is there: add the future
        self._futures[job] = None
        try:
            future = self._executor.submit(self._run_in_worker, job, threading.get_ident())
        except UsageError:
            self._futures.pop(job, None)
            raise
        except Exception as error:
            self._futures.pop(job, None)
            raise Overloaded(f"the executor takes no more work ({error})") from error
        with self._mutex:
            if job in self._futures:
                self._futures[job] = future
        future.add_done_callback(partial(self._done, job, dropped))
        return True

    def _run_in_worker(self, job: Job, submitter: int) -> None:
        with self._mutex:
            self._futures.pop(job, None)
        if threading.get_ident() == submitter:
            raise UsageError("executor runs its jobs in the event loop's own thread, which an application would block")
        job()

    def _done(self, job: Job, dropped: Callable[[BaseException | None], None], future: Future[None]) -> None:
        reason = None if future.cancelled() else future.exception()
        if reason is not None or future.cancelled():
            with self._mutex:
                self._futures.pop(job, None)
            dropped(reason)

    def withdraw(self, job: Job) -> bool:
        """Take a job back. Return False if a thread has it."""
        with self._mutex:
            future = self._futures.pop(job, None)
        return future is not None and future.cancel()

    def retire(self) -> None:
        """Do nothing: the executor is the user's."""

    def counts(self) -> tuple[int, int, int]:
        """Return (0, 0, queued jobs): an executor tells nothing of its threads."""
        return 0, 0, len(self._futures)

"""The numbered steps of ExecutorWorkers: a job may begin, and end, before its `submit` returns."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.errors import Overloaded
from bridge.handoff import executors
from bridge.handoff.executors import ExecutorWorkers
from bridge.handoff.workers import Job
from tests.handoff.interleaving import Interleaving, StepLock, every_order, interleaved
from tests.handoff.pools import nothing
from tests.races.searching import few_interruptions

Choose = Callable[[int], int]
Dropped = Callable[[BaseException | None], None]


class StrandExecutor(Executor):
    """Runs each job in a thread of the run."""

    def __init__(self, run: Interleaving) -> None:
        self._run = run

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def work() -> None:
            if future.set_running_or_notify_cancel():
                future.set_result(fn(*args, **kwargs))

        self._run.start(work, "worker")
        self._run.step()
        return future


class Notes(dict[Job, Any]):
    """A dict that two threads use: each look and each change a step."""

    run: Interleaving

    def __setitem__(self, job: Job, future: Any) -> None:
        self.run.step()
        super().__setitem__(job, future)

    def __contains__(self, job: object) -> bool:
        self.run.step()
        return super().__contains__(job)

    def pop(self, job: Job, *default: Any) -> Any:
        self.run.step()
        return super().pop(job, *default)


class AddsWithoutALook(ExecutorWorkers):
    """Step 3 without its look: the future of a job that has begun is noted."""

    __slots__ = ()

    def submit(self, job: Job, dropped: Dropped) -> bool:
        self._futures[job] = None
        self._futures[job] = self._executor.submit(self._run_in_worker, job, 0)
        return True


class NotesAfterwards(ExecutorWorkers):
    """Step 1 after step 2: a job that has begun is noted."""

    __slots__ = ()

    def submit(self, job: Job, dropped: Dropped) -> bool:
        future = self._executor.submit(self._run_in_worker, job, 0)
        self._futures[job] = None
        with self._mutex:
            if job in self._futures:
                self._futures[job] = future
        return True


class LooksWithoutTheLock(ExecutorWorkers):
    """Step 3 in two: the job begins between the look and the note."""

    __slots__ = ()

    def submit(self, job: Job, dropped: Dropped) -> bool:
        self._futures[job] = None
        future = self._executor.submit(self._run_in_worker, job, 0)
        if job in self._futures:
            self._futures[job] = future
        return True


def submit_beside(choose: Choose, kind: type[ExecutorWorkers], *, jobs: int, withdraw: bool = False) -> None:
    """Submit jobs; demand that each runs once or was withdrawn, and that none counts as waiting in the end."""
    with pytest.MonkeyPatch.context() as patch, interleaved(choose) as run:
        locks = SimpleNamespace(Lock=partial(StepLock, run), get_ident=threading.get_ident)
        patch.setattr(executors, "threading", locks)
        workers = kind(StrandExecutor(run))
        workers._futures = Notes()
        workers._futures.run = run
        ran: list[int] = []
        withdrawn: list[int] = []
        dropped: list[BaseException | None] = []
        all_jobs = [partial(ran.append, number) for number in range(jobs)]

        def submit() -> None:
            for job in all_jobs:
                workers.submit(job, dropped.append)

        def take_back() -> None:
            if workers.withdraw(all_jobs[0]):
                withdrawn.append(0)

        run.start(submit, "loop")
        if withdraw:
            run.start(take_back, "client")
        run.go_on()
        assert (run.running(), workers.counts()) == ([], (0, 0, 0))
        assert sorted(ran + withdrawn) == list(range(jobs))
        assert len(dropped) == len(withdrawn)


def test_every_order() -> None:
    """W14, B3: a job runs once and is not counted as waiting, in every order of submitting and beginning."""
    assert every_order(partial(submit_beside, kind=ExecutorWorkers, jobs=1), limit=20_000) > 5


@pytest.mark.parametrize("withdraw", [False, True])
def test_two_jobs(withdraw: bool) -> None:
    """W14, W18: nor with two, one of which is withdrawn just then."""
    assert few_interruptions(partial(submit_beside, kind=ExecutorWorkers, jobs=2, withdraw=withdraw)) > 50


@pytest.mark.parametrize("wrong", [AddsWithoutALook, NotesAfterwards, LooksWithoutTheLock])
def test_the_other_orders_are_found(wrong: type[ExecutorWorkers]) -> None:
    """The orders that the comment warns of count a job for ever: so these tests would see it."""
    with pytest.raises(AssertionError, match="== "):
        every_order(partial(submit_beside, kind=wrong, jobs=1), limit=20_000)


def test_a_refused_job_is_not_noted() -> None:
    """W14: where step 2 is refused, step 1 is taken back."""

    class Refuses(Executor):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            raise RuntimeError("it was shut down")

    workers = ExecutorWorkers(Refuses())
    with pytest.raises(Overloaded):
        workers.submit(nothing, lambda _reason: None)
    assert workers.counts() == (0, 0, 0)

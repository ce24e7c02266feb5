"""The numbered steps of the pool's queue without its mutex, and that the other orders lose jobs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from bridge.errors import Overloaded
from bridge.handoff.workers import Worker, WorkerPool
from tests.handoff.pools import Meeting
from tests.handoff.stepping_pool import stepping_pool
from tests.races.searching import few_interruptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.handoff.workers import Job


class LooksBeforeItQueues(WorkerPool):
    """Step 2 before step 1: who submits sees somebody on the way, and then queues the job."""

    def submit(self, job: Job, _dropped: Callable[[BaseException | None], None] | None = None) -> bool:
        if self._on_the_way is None:
            return super().submit(job)
        self._queue[job] = None
        return True


class TakesBeforeItSays(WorkerPool):
    """Step b before step a: a worker takes a job and sees no more of them, and then says that it has come."""

    def _next_job_in_worker(self, worker: Worker) -> Job | None:
        if self._on_the_way is worker and (job := self._take_job(worker)) is not None:
            there_are_more = bool(self._queue)
            self._on_the_way = None
            if there_are_more:
                with self._mutex:
                    sleeper = self._send_next()
                if sleeper is not None:
                    sleeper.baton.wake()
            return job
        return super()._next_job_in_worker(worker)


def demand_every_job(choose: Callable[[int], int], kind: type[WorkerPool] = WorkerPool) -> None:
    """Submit two jobs from two threads to a pool of two; neither ends before both have begun."""
    with stepping_pool(choose, 2, kind=kind) as (run, pool):
        meeting = Meeting(run, 2)
        run.start(partial(pool.submit, meeting.job()), "one")
        run.start(partial(pool.submit, meeting.job()), "other")
        run.go_on()
        assert (meeting.arrived, meeting.left) == (2, 2)


def test_jobs_that_wait_for_one_another() -> None:
    """W14, B1: as many jobs run at once as there are threads, wherever submitters and workers are interrupted."""
    assert few_interruptions(demand_every_job) > 100


class TrustsItsLook(WorkerPool):
    """Who holds the mutex takes for granted that a job which it has seen is still there."""

    def _take_job(self, worker: Worker) -> Job | None:
        if worker.mailbox or not self._queue:
            return super()._take_job(worker)
        return self._queue.popitem(last=False)[0]


def demand_quick_jobs(choose: Callable[[int], int], kind: type[WorkerPool] = WorkerPool) -> None:
    """Submit two jobs that end at once: the thread of the first may take the second from the one sent for it."""
    with stepping_pool(choose, 2, kind=kind) as (run, pool):
        ended: list[int] = []
        for number in (1, 2):
            run.start(partial(pool.submit, partial(ended.append, number)), f"submitter {number}")
        run.go_on()
        assert sorted(ended) == [1, 2]


def test_a_job_that_another_takes() -> None:
    """W14, B5: a thread that was sent for a job, and finds it taken, goes back to sleep."""
    assert few_interruptions(demand_quick_jobs) > 100
    with pytest.raises(KeyError):
        few_interruptions(partial(demand_quick_jobs, kind=TrustsItsLook))


class SendsAndForgets(WorkerPool):
    """Who finds nobody on the way sends for a thread, and does not look whether there is one."""

    def _send_for(self, job: Job) -> Worker | None:
        return self._send_next() if self._on_the_way is None else None


def demand_an_answer(choose: Callable[[int], int], kind: type[WorkerPool] = WorkerPool) -> None:
    """Submit two jobs while the threads are retired, to a system that gives one thread and no other."""
    refusals = iter([False])
    with stepping_pool(choose, 1, refuses=lambda: next(refusals, True), kind=kind) as (run, pool):
        accepted: list[Job] = []
        ended: list[int] = []

        def submit(number: int) -> None:
            def job() -> None:
                ended.append(number)

            try:
                pool.submit(job)
            except Overloaded:
                return
            accepted.append(job)

        run.start(partial(submit, 1), "one")
        run.start(partial(submit, 2), "other")
        run.start(pool.retire, "retirement")
        run.go_on()
        assert len(ended) == len(accepted)


def test_where_no_thread_can_be_had() -> None:
    """B5: a job that finds its thread gone, and no other to be had, is refused and not left in the queue."""
    assert few_interruptions(demand_an_answer) > 100
    with pytest.raises(AssertionError, match="== "):
        few_interruptions(partial(demand_an_answer, kind=SendsAndForgets))


@pytest.mark.parametrize("wrong", [LooksBeforeItQueues, TakesBeforeItSays])
def test_the_other_orders_are_found(wrong: type[WorkerPool]) -> None:
    """The orders that the comment warns of leave a job in the queue: so this test would see it."""
    with pytest.raises(AssertionError, match="== "):
        few_interruptions(partial(demand_every_job, kind=wrong))

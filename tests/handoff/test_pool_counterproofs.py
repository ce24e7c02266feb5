"""The numbered steps of the pool's queue without its mutex, and that the other orders lose jobs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

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


@pytest.mark.parametrize("wrong", [LooksBeforeItQueues, TakesBeforeItSays])
def test_the_other_orders_are_found(wrong: type[WorkerPool]) -> None:
    """The orders that the comment warns of leave a job in the queue: so this test would see it."""
    with pytest.raises(AssertionError, match="== "):
        few_interruptions(partial(demand_every_job, kind=wrong))

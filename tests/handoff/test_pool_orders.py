"""The worker pool under random orders of the steps of submitters, workers and loops.

Hypothesis makes a failing order shorter: most numbers become 0, which is "who ran last goes on".
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.errors import Overloaded
from bridge.handoff.workers import Worker, WorkerPool, current_worker
from tests.handoff.interleaving import Interleaving, by, every_order
from tests.handoff.pools import Meeting, nothing
from tests.handoff.stepping_pool import stepping_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

choices = st.lists(st.integers(0, 5), max_size=80)
lateness = st.integers(0, 3)


class Job:
    """A job that takes a step in the middle, and counts its runs."""

    def __init__(self, run: Interleaving) -> None:
        self.run = run
        self.begun = 0
        self.ended = 0

    def __call__(self) -> None:
        self.begun += 1
        self.run.step()
        self.ended += 1


def submit_all(pool: WorkerPool, jobs: Sequence[Callable[[], None]]) -> None:
    """What one submitting thread does."""
    for job in jobs:
        pool.submit(job)


def assert_at_rest(run: Interleaving, pool: WorkerPool) -> None:
    """The pool knows its threads: as many as there are, none of them busy, nothing queued; and all can sleep out."""
    threads, busy, queued = pool.counts()
    assert (busy, queued) == (0, 0)
    assert len(run.running()) == threads
    run.let_waits_end()
    assert run.running() == []
    assert pool.counts() == (0, 0, 0)


@settings(max_examples=150)
@given(choices=choices, late=lateness, threads=st.integers(1, 3), submitters=st.lists(st.integers(1, 3), max_size=3))
def test_every_job_runs_once(choices: list[int], late: int, threads: int, submitters: list[int]) -> None:
    """W14: each job runs exactly once, whoever submits it and whenever; idle threads end, and none is miscounted."""
    with stepping_pool(by(choices), threads, late=late) as (run, pool):
        jobs = [[Job(run) for _ in range(count)] for count in submitters]
        for own in jobs:
            run.start(partial(submit_all, pool, list(own)), "submitter")
        run.go_on()
        assert [(job.begun, job.ended) for own in jobs for job in own] == [(1, 1)] * sum(submitters)
        assert len(run.running()) <= threads
        assert_at_rest(run, pool)


def test_every_order_of_two_jobs() -> None:
    """W14: two threads that submit a job each to a pool of one: every order of their steps."""

    def scenario(choose: Callable[[int], int]) -> None:
        with stepping_pool(choose, 1, bare=False) as (run, pool):
            jobs = [Job(run), Job(run)]
            for job in jobs:
                run.start(partial(pool.submit, job), "submitter")
            run.go_on()
            assert [job.ended for job in jobs] == [1, 1]
            assert_at_rest(run, pool)

    assert every_order(scenario, limit=20_000) > 10


@settings(max_examples=200)
@given(choices=choices, late=lateness, threads=st.integers(1, 3), before=st.integers(0, 4), retire=st.booleans())
def test_all_threads_are_used(choices: list[int], late: int, threads: int, before: int, retire: bool) -> None:
    """W14: as many jobs as there are threads run at once, also after short jobs, idle ends and a retirement."""
    with stepping_pool(by(choices), threads, late=late) as (run, pool):
        short = [Job(run) for _ in range(before)]
        run.start(partial(submit_all, pool, list(short)), "short jobs")
        if retire:
            run.start(pool.retire, "retirement")
        meeting = Meeting(run, threads)
        half = threads // 2
        run.start(partial(submit_all, pool, [meeting.job() for _ in range(half)]), "one")
        run.start(partial(submit_all, pool, [meeting.job() for _ in range(threads - half)]), "other")
        run.go_on()
        assert (meeting.arrived, meeting.left) == (threads, threads), "some wait for others that no thread runs"
        assert all(job.ended == 1 for job in short)
        assert_at_rest(run, pool)


@settings(max_examples=150)
@given(choices=choices, late=lateness, threads=st.integers(1, 2), retirements=st.integers(1, 2))
def test_retiring_at_any_moment(choices: list[int], late: int, threads: int, retirements: int) -> None:
    """W20: a retirement in the middle of anything loses no job and leaves no thread that nobody counts."""
    with stepping_pool(by(choices), threads, late=late) as (run, pool):
        jobs = [Job(run) for _ in range(4)]
        run.start(partial(submit_all, pool, jobs[:2]), "one")
        run.start(partial(submit_all, pool, jobs[2:]), "other")
        for _ in range(retirements):
            run.start(pool.retire, "retirement")
        run.go_on()
        assert [(job.begun, job.ended) for job in jobs] == [(1, 1)] * 4
        assert_at_rest(run, pool)


def download(pool: WorkerPool, announced: list[Worker]) -> None:
    """A job that leaves work for its thread to do later."""
    worker = current_worker()
    assert worker is not None
    pool.announce(worker)
    announced.append(worker)


@settings(max_examples=200)
@given(
    choices=choices,
    late=lateness,
    threads=st.integers(1, 3),
    downloads=st.integers(1, 3),
    others=st.integers(0, 3),
    retire=st.booleans(),
)
# One thread has seen that a job is there; another takes it without the mutex.
@example(
    choices=[0, 0, 0, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1],
    late=0,
    threads=2,
    downloads=1,
    others=1,
    retire=False,
)
def test_announced_jobs(choices: list[int], late: int, threads: int, downloads: int, others: int, retire: bool) -> None:
    """W10: an announced job runs in its own thread, once, while others run; and they run before it is there, too."""
    with stepping_pool(by(choices), threads, late=late) as (run, pool):
        announced: list[Worker] = []
        closed: list[Worker | None] = []
        jobs = [Job(run) for _ in range(others)]
        run.start(
            partial(submit_all, pool, [partial(download, pool, announced) for _ in range(downloads)]), "downloads"
        )
        run.start(partial(submit_all, pool, list(jobs)), "others")
        if retire:
            run.start(pool.retire, "retirement")
        run.go_on()
        assert len(announced) == downloads
        assert [job.ended for job in jobs] == [1] * others, "they wait for a download to end"

        def close_all() -> None:
            for worker in announced:
                pool.submit_to(worker, lambda: closed.append(current_worker()))

        late_jobs = [Job(run) for _ in range(others)]
        run.start(close_all, "loop")
        run.start(partial(submit_all, pool, list(late_jobs)), "more others")
        run.go_on()
        assert sorted(map(id, closed)) == sorted(map(id, announced)), "each in the thread that announced it"
        assert [job.ended for job in late_jobs] == [1] * others
        assert_at_rest(run, pool)


@settings(max_examples=150)
@given(choices=choices, threads=st.integers(1, 2))
def test_withdrawing(choices: list[int], threads: int) -> None:
    """W18: a job that is withdrawn never runs, and one that is not withdrawn runs."""
    with stepping_pool(by(choices), threads) as (run, pool):
        jobs = [Job(run) for _ in range(4)]
        withdrawn: dict[Job, bool] = {}
        run.start(partial(submit_all, pool, list(jobs)), "submitter")
        for job in jobs[1:3]:
            run.start(lambda job=job: withdrawn.update({job: pool.withdraw(job)}), "withdrawal")  # type: ignore[misc]
        run.go_on()
        assert [job.begun for job in jobs] == [0 if withdrawn.get(job) else 1 for job in jobs]
        assert_at_rest(run, pool)


@settings(max_examples=200)
@given(
    choices=choices,
    refusals=st.lists(st.booleans(), max_size=8),
    threads=st.integers(1, 3),
    beside=st.sampled_from(["nothing", "a download", "a retirement"]),
)
def test_without_new_threads(choices: list[int], refusals: list[bool], threads: int, beside: str) -> None:
    """B5: where the system gives no thread, each job is refused at once or runs in a thread that is there."""
    script = iter(refusals)
    with stepping_pool(by(choices), threads, refuses=lambda: next(script, False)) as (run, pool):
        announced: list[Worker] = []
        accepted: list[Job] = []

        def submit(count: int) -> None:
            for _ in range(count):
                job = Job(run)
                try:
                    pool.submit(job)
                except Overloaded:
                    assert job.begun == 0
                else:
                    accepted.append(job)

        def submit_download() -> None:
            with contextlib.suppress(Overloaded):
                pool.submit(partial(download, pool, announced))

        if beside == "a download":
            run.start(submit_download, "download")
            run.go_on()
        run.start(partial(submit, 2), "one")
        run.start(partial(submit, 2), "other")
        if beside == "a retirement":
            run.start(pool.retire, "retirement")
        run.go_on()
        assert [job.ended for job in accepted] == [1] * len(accepted)
        for worker in announced:
            pool.submit_to(worker, nothing)
        run.go_on()
        assert_at_rest(run, pool)

"""The worker pool with real threads: which job runs where and when."""

from __future__ import annotations

import gc
import logging
import signal
import threading
import weakref
from functools import partial
from typing import Any

import pytest

from bridge.errors import Overloaded, UsageError
from bridge.handoff.workers import Worker, WorkerPool, current_worker
from tests.handoff.pools import Busy, nothing, occupied, real_pool, release, threads_of
from tests.harness import LIMIT, eventually


def ran_in(pool: WorkerPool) -> threading.Thread:
    """The thread that runs a job now."""
    job = Busy()
    job.release.set()
    pool.submit(job)
    assert job.begun.wait(LIMIT)
    assert job.thread is not None
    return job.thread


def test_jobs_wait_in_order() -> None:
    """W14: with all threads busy, requests wait in order."""
    ran: list[int] = []
    with real_pool(1) as pool:
        busy = occupied(pool, 1)
        for number in range(20):
            assert pool.submit(partial(ran.append, number)) is True
        assert pool.counts() == (1, 1, 20)
        last = threading.Event()
        pool.submit(last.set)
        release(busy)
        assert last.wait(LIMIT)
    assert ran == list(range(20))


def test_threads_start_when_needed() -> None:
    """W14: no thread before the first job, one for each job that runs, and never more than `threads`."""
    with real_pool(3) as pool:
        assert threads_of(pool) == []
        assert pool.counts() == (0, 0, 0)
        busy: list[Busy] = []
        for count in range(1, 4):
            busy += occupied(pool, 1)
            assert len(threads_of(pool)) == count
            assert pool.counts() == (count, count, 0)
        assert pool.submit(nothing) is True
        assert len(threads_of(pool)) == 3
        assert pool.counts() == (3, 3, 1)
        release(busy)


def test_jobs_one_after_the_other_need_one_thread() -> None:
    """W14: while a thread is free, none is started."""
    with real_pool(8) as pool:
        threads = set()
        for _ in range(50):
            threads.add(ran_in(pool))
            eventually(lambda: pool.counts() == (1, 0, 0), "the thread is idle")
        assert len(threads) == 1


def test_threads_are_named_daemons() -> None:
    """W14: threads are named, and never block interpreter exit."""
    with real_pool(2, name="mine") as pool:
        busy = occupied(pool, 2)
        assert sorted(job.thread.name for job in busy if job.thread) == ["mine-worker-1", "mine-worker-2"]
        assert all(job.thread is not None and job.thread.daemon for job in busy)
        release(busy)


def test_pools_have_names_of_their_own() -> None:
    """W14: the threads of two adapters can be told apart."""
    pools = [WorkerPool(1), WorkerPool(1)]
    names = [ran_in(pool).name for pool in pools]
    for pool in pools:
        pool.retire()
    assert names[0] != names[1]
    assert all(name.startswith("bridge-") for name in names)


def test_idle_threads_end() -> None:
    """W14: threads go away when idle, and start again when needed."""
    with real_pool(3, idle_seconds=0.02) as pool:
        for _ in range(3):
            release(occupied(pool, 3))
            eventually(lambda: not threads_of(pool), "idle threads end")
            assert pool.counts() == (0, 0, 0)


def test_a_busy_thread_does_not_end() -> None:
    """W14: only threads without work end."""
    with real_pool(2, idle_seconds=0.02) as pool:
        busy = occupied(pool, 1)
        release(occupied(pool, 1))
        eventually(lambda: pool.counts() == (1, 1, 0), "the idle one ends")
        assert threads_of(pool) == [busy[0].thread]
        release(busy)


@pytest.mark.parametrize("max_queued", [0, 1, 3])
def test_max_queued(max_queued: int) -> None:
    """W14: `max_queued=` bounds how many wait; jobs for which a thread is free do not count."""
    with real_pool(2, max_queued=max_queued) as pool:
        busy = [Busy(), Busy()]
        assert [pool.submit(job) for job in busy] == [False, False], "a thread can be started for each"
        for job in busy:
            assert job.begun.wait(LIMIT)
        ran = [Busy() for _ in range(max_queued)]
        assert [pool.submit(job) for job in ran] == [True] * max_queued
        for _ in range(3):
            with pytest.raises(Overloaded, match=f"{max_queued} requests wait"):
                pool.submit(Busy())
        assert pool.counts() == (2, 2, max_queued)
        release(busy + ran)
        eventually(lambda: pool.counts()[1:] == (0, 0), "all have run")
        assert all(job.begun.is_set() for job in ran)
        assert pool.submit(nothing) is False


def meet(meeting: threading.Barrier) -> None:
    """A job that waits for others."""
    meeting.wait(LIMIT)


def test_max_queued_while_threads_are_coming() -> None:
    """W14: a burst of as many jobs as there are threads is let in at once, before any thread has run."""
    with real_pool(4, max_queued=0) as pool:
        for _ in range(20):
            meeting = threading.Barrier(4)
            for _ in range(4):
                assert pool.submit(partial(meet, meeting)) is False
            eventually(lambda: pool.counts()[1:] == (0, 0), "they met")


def test_any_number_may_wait() -> None:
    """W14: without `max_queued` any number waits."""
    ran = threading.Semaphore(0)
    with real_pool(1) as pool:
        busy = occupied(pool, 1)
        for _ in range(10_000):
            pool.submit(partial(release_one, ran))
        release(busy)
        for _ in range(10_000):
            assert ran.acquire(timeout=LIMIT)


def release_one(semaphore: threading.Semaphore) -> None:
    """A job that says that it ran."""
    semaphore.release()


def test_withdraw() -> None:
    """W18: a job that waits can be taken back, once; one that a thread has taken cannot."""
    ran: list[str] = []
    with real_pool(1) as pool:
        busy = occupied(pool, 1)
        jobs = {name: partial(ran.append, name) for name in "abc"}
        for job in jobs.values():
            pool.submit(job)
        assert pool.withdraw(jobs["b"]) is True
        assert pool.withdraw(jobs["b"]) is False
        assert pool.withdraw(busy[0]) is False
        assert pool.withdraw(nothing) is False
        assert pool.counts() == (1, 1, 2)
        release(busy)
        eventually(lambda: pool.counts() == (1, 0, 0), "the rest has run")
    assert ran == ["a", "c"]


def test_withdrawn_jobs_make_room() -> None:
    """W18: whoever is taken back does not count as waiting."""
    with real_pool(1, max_queued=1) as pool:
        busy = occupied(pool, 1)
        waiting = Busy()
        for _ in range(5):
            pool.submit(waiting)
            assert pool.withdraw(waiting)
        release(busy)


@pytest.mark.parametrize("error", [ValueError("kept"), SystemExit(1), KeyboardInterrupt(), GeneratorExit()])
def test_an_error_harms_no_thread(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    """W13, B1: whatever a job raises, its thread goes on, and the error is logged."""

    def fail() -> None:
        raise error

    with real_pool(1) as pool, caplog.at_level(logging.ERROR, "bridge"):
        thread = ran_in(pool)
        pool.submit(fail)
        assert ran_in(pool) is thread
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [error]


def test_current_worker() -> None:
    """W10: a job can ask which worker it runs on; other threads are none."""
    found: list[Worker | None] = []
    with real_pool(1) as pool:
        for _ in range(2):
            pool.submit(lambda: found.append(current_worker()))
        eventually(lambda: len(found) == 2, "both have run")
        assert found[0] is found[1]
        assert found[0] is not None
        assert found[0].pool is pool
    assert current_worker() is None


def test_counts_in_a_signal_handler() -> None:
    """B3: a signal handler may ask for the counts, also in a thread that is just about to change them."""
    found: list[tuple[int, int, int]] = []
    with real_pool(1) as pool:
        release(occupied(pool, 1))
        eventually(lambda: pool.counts() == (1, 0, 0), "its thread is asleep")
        before = signal.signal(signal.SIGUSR1, lambda *_: found.append(pool.counts()))
        try:
            with pool._mutex:
                signal.raise_signal(signal.SIGUSR1)
        finally:
            signal.signal(signal.SIGUSR1, before)
    assert found == [(1, 0, 0)]


def test_a_finished_job_is_not_held() -> None:
    """B1: an idle thread holds nothing of the request that it ran last."""
    with real_pool(1) as pool:
        job = Busy()
        gone = weakref.ref(job)
        job.release.set()
        begun = job.begun
        pool.submit(job)
        del job
        assert begun.wait(LIMIT)
        eventually(lambda: pool.counts() == (1, 0, 0), "the thread is idle")
        gc.collect()
        assert gone() is None


def test_a_pool_without_threads_is_not_held() -> None:
    """B1: an adapter that is thrown away takes its pool along once its threads have ended."""

    def used() -> weakref.ref[WorkerPool]:
        pool = WorkerPool(1, idle_seconds=0.01)
        ran_in(pool)
        eventually(lambda: not threads_of(pool), "the thread ends")
        return weakref.ref(pool)

    gone = used()
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("options", [{"threads": 0}, {"threads": -1}, {"threads": 1, "max_queued": -1}])
def test_options_without_meaning(options: dict[str, Any]) -> None:
    """B2: a pool without threads, or with a negative queue, is refused."""
    with pytest.raises(UsageError):
        WorkerPool(**options)

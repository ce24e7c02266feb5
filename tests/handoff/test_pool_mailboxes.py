"""Work for one thread of the pool and no other."""

from __future__ import annotations

import queue
import threading
from functools import partial
from typing import TYPE_CHECKING

from bridge.handoff.baton import Baton
from bridge.handoff.workers import Worker, WorkerPool, current_worker
from tests.handoff.pools import Busy, nothing, occupied, real_pool, release, threads_of
from tests.harness import LIMIT, eventually

if TYPE_CHECKING:
    from collections.abc import Callable


def announced(pool: WorkerPool) -> Worker:
    """Let a job announce another one for its thread; return the worker when it is over."""
    found: list[Worker] = []
    over = threading.Event()

    def job() -> None:
        worker = current_worker()
        assert worker is not None
        pool.announce(worker)
        found.append(worker)
        over.set()

    pool.submit(job)
    assert over.wait(LIMIT)
    return found[0]


def test_in_the_same_thread() -> None:
    """W10: what is submitted to a worker runs in its very thread, whichever else is free."""
    with real_pool(4) as pool:
        busy = occupied(pool, 3)
        worker = announced(pool)
        release(busy)
        closing = Busy()
        closing.release.set()
        closed_by: list[Worker | None] = []
        pool.submit_to(worker, lambda: closed_by.append(current_worker()))
        pool.announce(worker)
        pool.submit_to(worker, closing)
        assert closing.begun.wait(LIMIT)
        assert closed_by == [worker]


def test_ahead_of_the_queue() -> None:
    """W10: a closing job goes ahead of new requests."""
    ran: list[str] = []
    with real_pool(1) as pool:
        worker = announced(pool)
        busy = occupied(pool, 1)
        last = threading.Event()
        pool.submit(lambda: ran.append("request"))
        pool.submit(last.set)
        pool.submit_to(worker, lambda: ran.append("close"))
        release(busy)
        assert last.wait(LIMIT)
    assert ran == ["close", "request"]


def test_a_thread_waits_for_what_was_announced() -> None:
    """W10: a thread does not end by being idle before the announced job has come."""
    with real_pool(1, idle_seconds=0.01) as pool:
        worker = announced(pool)
        thread = threads_of(pool)
        other = WorkerPool(1, idle_seconds=0.01)
        over = threading.Event()
        other.submit(over.set)
        assert over.wait(LIMIT)
        eventually(lambda: not threads_of(other), "a thread that nothing was announced to ends")
        assert threads_of(pool) == thread
        closed = threading.Event()
        pool.submit_to(worker, closed.set)
        assert closed.wait(LIMIT)
        eventually(lambda: not threads_of(pool), "then it ends")


def test_a_retired_thread_waits_for_what_was_announced() -> None:
    """W10, W20: nor does it end by a retirement; new requests have a new thread meanwhile."""
    with real_pool(1) as pool:
        worker = announced(pool)
        [thread] = threads_of(pool)
        pool.retire()
        busy = occupied(pool, 1)
        assert busy[0].thread is not thread
        assert thread.is_alive()
        closed_in: list[threading.Thread] = []
        pool.submit_to(worker, lambda: closed_in.append(threading.current_thread()))
        thread.join(LIMIT)
        assert closed_in == [thread]
        assert not thread.is_alive()
        release(busy)


def test_downloads_take_no_thread_from_requests() -> None:
    """W11: requests run while every thread of the pool has a file to close later, and no thread spins meanwhile."""
    with real_pool(3) as pool:
        workers = []
        meeting = threading.Barrier(4)

        def job_of_a_download() -> None:
            worker = current_worker()
            assert worker is not None
            pool.announce(worker)
            workers.append(worker)
            meeting.wait(LIMIT)

        for _ in range(3):
            pool.submit(partial(job_of_a_download))
        meeting.wait(LIMIT)
        eventually(lambda: pool.counts() == (3, 0, 0), "all threads are asleep")
        request = Busy()
        request.release.set()
        pool.submit(request)
        ran_meanwhile = request.begun.wait(2)
        for worker in workers:
            pool.submit_to(worker, nothing)
        assert ran_meanwhile, "the request waited for a download to end"


def test_requests_prefer_threads_without_a_file_to_close() -> None:
    """W11: while another thread is asleep or can be started, a request does not run where a file is to be closed."""
    with real_pool(2) as pool:
        worker = announced(pool)
        [thread] = threads_of(pool)
        busy = occupied(pool, 1)
        assert busy[0].thread is not thread
        closed = threading.Event()
        pool.submit_to(worker, closed.set)
        assert closed.wait(LIMIT)
        release(busy)


def test_an_announced_job_that_does_not_come() -> None:
    """A12: a thread that was kept for a job ends by being idle once it is clear that none will come."""
    with real_pool(1, idle_seconds=0.02) as pool:
        worker = announced(pool)
        [thread] = threads_of(pool)
        thread.join(0.1)
        assert thread.is_alive(), "it waits for its job"
        pool.renounce(worker)
        thread.join(LIMIT)
        assert not thread.is_alive()
        assert pool.counts() == (0, 0, 0)


def test_an_announced_job_that_does_not_come_after_a_retirement() -> None:
    """A12, A11: a retired thread ends at once then, however long idle threads stay."""
    with real_pool(1, idle_seconds=2 * LIMIT) as pool:
        worker = announced(pool)
        [thread] = threads_of(pool)
        pool.retire()
        thread.join(0.05)
        assert thread.is_alive(), "it waits for its job"
        pool.renounce(worker)
        thread.join(LIMIT)
        assert not thread.is_alive()


def test_a_late_job_after_the_end() -> None:
    """A11: whoever outlives the pool's owner still gets a thread, which does not stay then."""
    with real_pool(1, idle_seconds=2 * LIMIT) as pool:
        pool.retire(for_good=True)
        ran: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()
        pool.submit(lambda: ran.put(threading.current_thread()))
        thread = ran.get(timeout=LIMIT)
        thread.join(LIMIT / 2)
        assert not thread.is_alive()


def test_renounced_by_its_own_thread() -> None:
    """A12: a job may take back, in its own thread, what it has announced itself; retired meanwhile or not."""
    for retire in (False, True):
        with real_pool(1, idle_seconds=0.02) as pool:
            over = threading.Event()

            def job(pool: WorkerPool = pool, retire: bool = retire, over: threading.Event = over) -> None:
                worker = current_worker()
                assert worker is not None
                pool.announce(worker)
                if retire:
                    pool.retire()
                pool.renounce(worker)
                over.set()

            pool.submit(job)
            assert over.wait(LIMIT)
            eventually(lambda pool=pool: not threads_of(pool), "its thread ends")  # type: ignore[misc]


def test_one_of_two_announced_jobs_does_not_come() -> None:
    """A12: a thread that was kept for two is kept for the other one."""
    with real_pool(1, idle_seconds=0.02) as pool:
        worker = announced(pool)
        pool.announce(worker)
        [thread] = threads_of(pool)
        pool.renounce(worker)
        thread.join(0.1)
        ran_in: list[threading.Thread] = []
        pool.submit_to(worker, lambda: ran_in.append(threading.current_thread()))
        thread.join(LIMIT)
        assert ran_in == [thread]
        assert not thread.is_alive()


def test_busy_from_the_moment_that_the_job_is_there() -> None:
    """B3: a thread that sleeps counts as busy once it was given a job, so that work never looks done before it is."""
    with real_pool(2) as pool:
        worker = announced(pool)
        eventually(lambda: pool.counts() == (1, 0, 0), "the thread is asleep")
        counted: list[tuple[int, int, int]] = []
        job = Busy()

        def wake() -> None:
            counted.append(pool.counts())
            really_wake()

        really_wake, worker.baton = worker.baton.wake, Waking(worker.baton, wake)
        pool.submit_to(worker, job)
        assert job.begun.wait(LIMIT)
        assert counted == [(1, 1, 0)], "before the thread has woken"
        assert pool.counts() == (1, 1, 0)
        job.release.set()
        eventually(lambda: pool.counts() == (1, 0, 0), "the thread is asleep again")


class Waking(Baton):
    """A baton whose wake is a function of the test's."""

    def __init__(self, baton: Baton, wake: Callable[[], None]) -> None:
        self._lock = baton._lock
        self._do_wake = wake

    def wake(self) -> None:
        self._do_wake()

"""The pool after the last loop's shutdown, and after it."""

from __future__ import annotations

import threading

from tests.handoff.pools import Busy, occupied, real_pool, release, threads_of
from tests.harness import LIMIT, eventually


def test_idle_threads_end_at_once() -> None:
    """W20: the pool ends with the last loop's shutdown."""
    with real_pool(3, idle_seconds=1000) as pool:
        release(occupied(pool, 3))
        eventually(lambda: pool.counts() == (3, 0, 0), "all are idle")
        pool.retire()
        assert pool.counts() == (0, 0, 0)
        eventually(lambda: not threads_of(pool), "all end")


def test_busy_threads_end_after_their_job() -> None:
    """W20: a thread in the middle of a request ends after it, and takes no further one."""
    with real_pool(1, idle_seconds=1000) as pool:
        [old] = occupied(pool, 1)
        pool.retire()
        [new] = occupied(pool, 1)
        assert new.thread is not old.thread
        waiting = Busy()
        waiting.release.set()
        pool.submit(waiting)
        release([old])
        assert old.thread is not None
        old.thread.join(LIMIT)
        assert not old.thread.is_alive()
        assert not waiting.begun.is_set(), "the retired thread ran a new request"
        release([new])
        assert waiting.begun.wait(LIMIT)
        assert waiting.thread is new.thread


def test_what_waits_is_given_to_new_threads() -> None:
    """W20: requests that wait at a retirement are not left behind."""
    with real_pool(2) as pool:
        old = occupied(pool, 2)
        waiting = [Busy() for _ in range(4)]
        for job in waiting:
            pool.submit(job)
        pool.retire()
        for job in waiting[:2]:
            assert job.begun.wait(LIMIT), "it waits for a thread that is retired"
        assert pool.counts() == (2, 2, 2)
        release(old + waiting)
        eventually(lambda: pool.counts()[1:] == (0, 0), "all have run")
        assert all(job.begun.is_set() for job in waiting)


def test_opens_again() -> None:
    """W20: the pool opens again at the next request, as often as it is retired, and runs as many jobs at once."""
    with real_pool(3) as pool:
        pool.retire()
        for _ in range(20):
            meeting = threading.Barrier(4)
            for _ in range(3):
                pool.submit(lambda meeting=meeting: meeting.wait(LIMIT))  # type: ignore[misc]
            meeting.wait(LIMIT)
            pool.retire()
            pool.retire()
            assert pool.counts() == (0, 0, 0)
        eventually(lambda: not threads_of(pool), "none is left behind")

"""The pool with threads that are interrupted as often as the interpreter can."""

from __future__ import annotations

import sys
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.handoff.pools import real_pool, threads_of
from tests.harness import LIMIT, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bridge.handoff.workers import WorkerPool


@pytest.fixture(autouse=True)
def _restless() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def submit_from(count: int, submit: Callable[[int], object]) -> None:
    """Call `submit` in so many threads at once, and wait until all have returned."""
    begin = threading.Barrier(count)

    def run(number: int) -> None:
        begin.wait(LIMIT)
        submit(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
        assert not thread.is_alive()


def test_every_job_runs_once() -> None:
    """W14: 4 threads submit 1,500 jobs each: every job runs exactly once, and the pool ends up empty."""
    with real_pool(3) as pool:
        ran: list[tuple[int, int]] = []
        finished = threading.Semaphore(0)

        def job(submitter: int, number: int) -> None:
            ran.append((submitter, number))
            finished.release()

        def submit(submitter: int) -> None:
            for number in range(1500):
                pool.submit(partial(job, submitter, number))

        submit_from(4, submit)
        for _ in range(6000):
            assert finished.acquire(timeout=LIMIT), "a job was lost"
        eventually(lambda: pool.counts()[1:] == (0, 0), "nothing is left")
    assert sorted(ran) == [(submitter, number) for submitter in range(4) for number in range(1500)]


def meet_one(meeting: threading.Barrier) -> None:
    """A job that waits for the others."""
    meeting.wait(LIMIT)


def meet(pool: WorkerPool, size: int, submitters: int) -> None:
    """Let as many jobs as there are threads wait for one another, submitted by several threads."""
    meeting = threading.Barrier(size + 1)
    shares = [size // submitters + (number < size % submitters) for number in range(submitters)]

    def submit(number: int) -> None:
        for _ in range(shares[number]):
            pool.submit(partial(meet_one, meeting))

    submit_from(submitters, submit)
    meeting.wait(LIMIT)


@pytest.mark.parametrize(
    ("idle_seconds", "retires"),
    [(30.0, False), (0.0, False), (0.0005, False), (30.0, True), (0.0005, True)],
    ids=["staying", "ending at once", "ending soon", "retired", "retired and ending"],
)
def test_no_stall(idle_seconds: float, retires: bool) -> None:
    """W14: as many jobs as threads that wait for one another all run at once, 60 times over, also after idle ends."""
    with real_pool(4, idle_seconds=idle_seconds) as pool:
        for number in range(60):
            meet(pool, 4, 1 + number % 3)
            if retires and number % 2:
                pool.retire()
        assert len(threads_of(pool)) <= 4 if not retires else True


def test_retiring_all_the_time() -> None:
    """W20: retirements at any moment neither lose a job nor run one twice."""
    with real_pool(3) as pool:
        ran = [0] * 1000
        finished = threading.Semaphore(0)
        over = threading.Event()

        def job(number: int) -> None:
            ran[number] += 1
            finished.release()

        def retire() -> None:
            while not over.is_set():
                pool.retire()

        retiring = threading.Thread(target=retire)
        retiring.start()
        try:
            submit_from(2, lambda half: [pool.submit(partial(job, number)) for number in range(half, 1000, 2)])
            for _ in range(1000):
                assert finished.acquire(timeout=LIMIT), "a job was lost"
        finally:
            over.set()
            retiring.join(LIMIT)
        assert ran == [1] * 1000

"""Pools of real threads, and how to see what they do."""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.handoff.workers import WorkerPool
from tests.harness import LIMIT, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.handoff.interleaving import Interleaving


class Busy:
    """A job that lasts until it is released."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.release = threading.Event()
        self.thread: threading.Thread | None = None

    def __call__(self) -> None:
        self.thread = threading.current_thread()
        self.begun.set()
        assert self.release.wait(LIMIT)


def nothing() -> None:
    """A job that is over as soon as it begins."""


def threads_of(pool: WorkerPool) -> list[threading.Thread]:
    """The threads of a pool that are alive."""
    return [thread for thread in threading.enumerate() if thread.name.startswith(f"{pool._name}-worker-")]


@contextlib.contextmanager
def real_pool(threads: int, **options: Any) -> Iterator[WorkerPool]:
    """A pool whose threads have all ended afterwards; a test releases what keeps them busy."""
    pool = WorkerPool(threads, **options)
    yield pool
    eventually(lambda: all_ended(pool), "its threads end")


def all_ended(pool: WorkerPool) -> bool:
    """Let the threads end; those too that a retirement started for what was still queued."""
    pool.retire()
    return not threads_of(pool)


def occupied(pool: WorkerPool, count: int) -> list[Busy]:
    """Keep so many threads of a pool busy."""
    jobs = [Busy() for _ in range(count)]
    for job in jobs:
        pool.submit(job)
    for job in jobs:
        assert job.begun.wait(LIMIT)
    return jobs


def release(jobs: list[Busy]) -> None:
    """Let them end."""
    for job in jobs:
        job.release.set()


class Meeting:
    """Jobs that wait for one another: none ends before all have begun."""

    def __init__(self, run: Interleaving, size: int) -> None:
        self.run = run
        self.size = size
        self.arrived = 0
        self.left = 0

    def job(self) -> Callable[[], None]:
        """Return one of the jobs, an object of its own."""
        return partial(self._meet)

    def _meet(self) -> None:
        self.arrived += 1
        self.run.step(lambda: self.arrived >= self.size)
        self.left += 1

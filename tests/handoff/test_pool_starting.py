"""A system that gives no more threads."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import pytest

from bridge.errors import Overloaded
from bridge.handoff.workers import Worker, current_worker
from tests.handoff.pools import Busy, nothing, occupied, real_pool, release, threads_of
from tests.harness import LIMIT, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.handoff.workers import WorkerPool

ERRORS = [RuntimeError("can't start new thread"), MemoryError(), OSError("a tracer's")]


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException | None], None]:
    """Switches off the start of threads, by raising an error, and on again."""
    start = threading.Thread.start

    def switch(error: BaseException | None) -> None:
        def refuse(_thread: threading.Thread) -> None:
            assert error is not None
            raise error

        monkeypatch.setattr(threading.Thread, "start", start if error is None else refuse)

    return switch


def assert_usable(pool: WorkerPool) -> None:
    """All threads of a pool can be had."""
    release(occupied(pool, 2))
    eventually(lambda: pool.counts()[1:] == (0, 0), "all have run")


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_no_thread_at_all(error: BaseException, no_threads: Callable[[BaseException | None], None]) -> None:
    """B5: without any thread the job is refused at once, and does not run later; the pool stays usable."""
    with real_pool(2) as pool:
        refused = Busy()
        no_threads(error)
        try:
            for _ in range(3):
                with pytest.raises((Overloaded, type(error))) as caught:
                    pool.submit(refused)
                assert caught.type is Overloaded or not isinstance(error, RuntimeError)
        finally:
            no_threads(None)
        assert pool.counts() == (0, 0, 0)
        assert_usable(pool)
        assert not refused.begun.is_set()


@pytest.mark.parametrize("error", ERRORS[:1])
def test_no_further_thread(
    error: BaseException, no_threads: Callable[[BaseException | None], None], caplog: pytest.LogCaptureFixture
) -> None:
    """B5: with a thread running, the job waits for it, which is logged."""
    with real_pool(2) as pool:
        busy = occupied(pool, 1)
        waiting = Busy()
        waiting.release.set()
        no_threads(error)
        with caplog.at_level(logging.ERROR, "bridge"):
            pool.submit(waiting)
        assert "can't start new thread" in caplog.text
        assert pool.counts() == (1, 1, 1)
        no_threads(None)
        release(busy)
        assert waiting.begun.wait(LIMIT)
        assert_usable(pool)


def test_threads_come_back(no_threads: Callable[[BaseException | None], None]) -> None:
    """B5: a job that waits because no thread could be started gets one as soon as the next request can have one."""
    with real_pool(3) as pool:
        busy = occupied(pool, 1)
        waiting = [Busy(), Busy()]
        no_threads(RuntimeError("can't start new thread"))
        pool.submit(waiting[0])
        no_threads(None)
        pool.submit(waiting[1])
        for job in waiting:
            assert job.begun.wait(LIMIT)
        release(busy + waiting)


def test_a_sleeping_thread_is_used(no_threads: Callable[[BaseException | None], None]) -> None:
    """B5: a thread that is asleep, waiting to close a file, runs the job if no other can be started."""
    with real_pool(2) as pool:
        announced: list[Worker] = []
        over = threading.Event()

        def download() -> None:
            worker = current_worker()
            assert worker is not None
            pool.announce(worker)
            announced.append(worker)
            over.set()

        pool.submit(download)
        assert over.wait(LIMIT)
        eventually(lambda: pool.counts() == (1, 0, 0), "its thread is asleep")
        request = Busy()
        request.release.set()
        no_threads(RuntimeError("can't start new thread"))
        pool.submit(request)
        ran = request.begun.wait(2)
        no_threads(None)
        pool.submit_to(announced[0], nothing)
        assert ran, "it waits although a thread is asleep"


def test_retired_without_new_threads(no_threads: Callable[[BaseException | None], None]) -> None:
    """B5, W20: a job that waits at a retirement runs all the same where no new thread can be had."""
    with real_pool(1) as pool:
        busy = occupied(pool, 1)
        waiting = Busy()
        waiting.release.set()
        pool.submit(waiting)
        no_threads(RuntimeError("can't start new thread"))
        pool.retire()
        release(busy)
        ran = waiting.begun.wait(2)
        no_threads(None)
        pool.withdraw(waiting)
        assert ran, "nobody runs it until the next request comes"


def test_no_thread_is_left_over(no_threads: Callable[[BaseException | None], None]) -> None:
    """B1: threads that did not start leave no threads behind that nobody counts."""
    with real_pool(2, idle_seconds=0.02) as pool:
        no_threads(RuntimeError("can't start new thread"))
        with pytest.raises(Overloaded):
            pool.submit(nothing)
        no_threads(None)
        assert_usable(pool)
        eventually(lambda: not threads_of(pool), "idle threads end")
        assert pool.counts() == (0, 0, 0)

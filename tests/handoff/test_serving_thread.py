"""Calls for the thread that serves a request, and for one of a pool after that."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from bridge.errors import Overloaded
from bridge.handoff.serving_thread import ServingThread
from tests.handoff.pools import Busy, occupied, real_pool, release, threads_of
from tests.harness import LIMIT, eventually, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.handoff.workers import WorkerPool


class Serving:
    """A serving thread in the middle of its request; this test is the loop, and the thread too."""

    def __init__(self, pool: WorkerPool) -> None:
        self.wakes = 0
        self.calls = ServingThread(pool, self.wake)

    def wake(self) -> None:
        self.wakes += 1


@contextlib.contextmanager
def serving(threads: int = 2) -> Iterator[tuple[Serving, WorkerPool]]:
    """One, with its pool; both are over afterwards."""
    with real_pool(threads) as pool:
        one = Serving(pool)
        yield one, pool
        one.calls.finish_in_loop()


def left(one: Serving) -> ServingThread:
    """Let the thread leave, and the loop take note of it."""
    one.calls.leave()
    one.calls.pass_on_in_loop()
    return one.calls


# ---- while the thread is there ---------------------------------------------------------------------------------------


def test_in_the_serving_thread() -> None:
    """A12: calls run in the thread that comes by for them, in order, and each wakes it."""
    with serving() as (one, pool):
        ran: list[int] = []
        futures = [one.calls.submit(ran.append, number) for number in range(3)]
        assert (ran, one.wakes) == ([], 3)
        assert not any(future.done() for future in futures)
        assert one.calls.run_calls() is None
        assert ran == [0, 1, 2]
        assert [future.result(0) for future in futures] == [None] * 3
        assert pool.counts() == (0, 0, 0), "no other thread was needed"


def test_outcomes() -> None:
    """A12: who awaits a call gets what it returns or raises, whatever that is."""
    errors = [ValueError("the call's"), KeyError("another")]

    def fails(error: BaseException) -> None:
        raise error

    with serving() as (one, _):
        returned = one.calls.submit(divmod, 7, 2)
        raised = [one.calls.submit(fails, error) for error in errors]
        assert one.calls.run_calls() is None
        assert returned.result(0) == (3, 1)
        assert [future.exception(0) for future in raised] == errors


def test_made_while_others_run() -> None:
    """A12: a call that comes while the thread runs others is run by it as well."""
    with serving() as (one, _):
        ran: list[str] = []

        def first() -> None:
            ran.append("first")
            one.calls.submit(ran.append, "second")

        one.calls.submit(first)
        one.calls.run_calls()
        assert ran == ["first", "second"]


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit()])
def test_what_is_no_exception(error: BaseException) -> None:
    """A12: what is no Exception goes to who awaits the call, and to the thread's own code, before further calls."""
    with serving() as (one, _):
        ran: list[str] = []

        def fails() -> None:
            raise error

        future = one.calls.submit(fails)
        one.calls.submit(ran.append, "later")
        assert one.calls.run_calls() is error
        assert ran == []
        assert one.calls.run_calls() is None
        assert ran == ["later"]
        assert isinstance(future.exception(0), type(error))


def test_cancelled_before_it_runs() -> None:
    """A12: a call whose caller was cancelled meanwhile does not run, in the serving thread or in the pool's."""
    with serving() as (one, _):
        ran: list[str] = []
        cancelled = [one.calls.submit(ran.append, "cancelled") for _ in range(2)]
        assert all(future.cancel() for future in cancelled)
        one.calls.submit(ran.append, "served")
        one.calls.run_calls()
        cancelled = [one.calls.submit(ran.append, "cancelled") for _ in range(2)]
        assert all(future.cancel() for future in cancelled)
        after = one.calls.submit(ran.append, "in the pool")
        left(one)
        after.result(LIMIT)
        assert ran == ["served", "in the pool"]


def test_cancelled_while_it_runs() -> None:
    """A12: a call that runs cannot be cancelled any more, and the thread goes on."""
    with serving() as (one, _):
        futures: list[Future[Any]] = []

        def cancel() -> bool:
            return futures[0].cancel()

        futures.append(one.calls.submit(cancel))
        one.calls.run_calls()
        assert futures[0].result(0) is False


# ---- after it has left -----------------------------------------------------------------------------------------------


def test_what_waits_when_the_thread_leaves() -> None:
    """A12: calls that wait when the thread leaves are run by a thread of the pool, in order."""
    with serving() as (one, pool):
        ran: list[tuple[int, threading.Thread]] = []
        assert one.calls.leave() is False
        other = Serving(pool)
        futures = [
            other.calls.submit(lambda number=number: ran.append((number, threading.current_thread())))
            for number in range(3)
        ]
        assert other.calls.leave() is True
        assert ran == []
        other.calls.pass_on_in_loop()
        for future in futures:
            future.result(LIMIT)
        assert [number for number, _ in ran] == [0, 1, 2]
        assert {thread for _, thread in ran} <= set(threads_of(pool))
        other.calls.finish_in_loop()


def test_submitted_after_the_thread_has_left() -> None:
    """A12, A7: background work's calls all run in one thread of bridge's, and wake nobody."""
    with serving() as (one, pool):
        left(one)
        busy = occupied(pool, 1)
        threads = {one.calls.submit(threading.current_thread).result(LIMIT) for _ in range(5)}
        release(busy)
        eventually(lambda: pool.counts() == (2, 0, 0), "both threads are asleep")
        threads |= {one.calls.submit(threading.current_thread).result(LIMIT) for _ in range(5)}
        assert len(threads) == 1
        assert threads <= set(threads_of(pool))
        assert next(iter(threads)).name.startswith(pool._name)
        assert one.wakes == 0


def test_kept_thread_locals() -> None:
    """A12: what a call leaves in its thread, a database connection, is there for the next one."""
    local = threading.local()
    with serving() as (one, pool):
        left(one)
        one.calls.submit(setattr, local, "connection", "open").result(LIMIT)
        for _ in range(3):
            other = occupied(pool, 1)
            assert one.calls.submit(getattr, local, "connection", None).result(LIMIT) == "open"
            release(other)
            eventually(lambda: pool.counts() == (2, 0, 0), "both threads are asleep")


def test_one_at_a_time() -> None:
    """A12: calls of one request never run side by side; those of two requests do."""
    with serving(2) as (one, pool):
        left(one)
        other = Serving(pool)
        left(other)
        first, second, others = Busy(), Busy(), Busy()
        futures = [one.calls.submit(first), one.calls.submit(second), other.calls.submit(others)]
        assert first.begun.wait(LIMIT)
        assert others.begun.wait(LIMIT)
        assert not second.begun.is_set()
        others.release.set()
        futures[2].result(LIMIT)
        assert not second.begun.is_set(), "a thread is free, but it is not this request's"
        first.release.set()
        assert second.begun.wait(LIMIT)
        assert second.thread is first.thread
        second.release.set()
        futures[1].result(LIMIT)
        other.calls.finish_in_loop()


def test_more_requests_than_threads() -> None:
    """A12, B1: calls of many requests share the pool's few threads, call by call, and all run."""
    with real_pool(2) as pool:
        many = [Serving(pool) for _ in range(20)]
        for one in many:
            left(one)
        seen: dict[int, set[threading.Thread]] = {number: set() for number in range(20)}
        futures = [
            one.calls.submit(lambda number=number: seen[number].add(threading.current_thread()))
            for _ in range(5)
            for number, one in enumerate(many)
        ]
        for future in futures:
            future.result(LIMIT)
        assert all(len(threads) == 1 for threads in seen.values()), "each request has its one thread"
        assert pool.counts()[0] <= 2
        for one in many:
            one.calls.finish_in_loop()


def test_outcomes_in_the_pool() -> None:
    """A12: errors go to who awaits the call there too, SystemExit as well, and the thread goes on."""

    def fails(error: BaseException) -> None:
        raise error

    with serving(1) as (one, pool):
        left(one)
        thread = one.calls.submit(threading.current_thread).result(LIMIT)
        for error in (ValueError("the call's"), SystemExit(3), asyncio.CancelledError()):
            assert isinstance(one.calls.submit(fails, error).exception(LIMIT), type(error))
        assert one.calls.submit(threading.current_thread).result(LIMIT) is thread
        assert pool.counts()[0] == 1


# ---- the end of the request ------------------------------------------------------------------------------------------


def test_kept_until_the_request_is_over() -> None:
    """A12, B1: the thread stays as long as the request goes on, however idle, and ends when it is over."""
    with real_pool(1, idle_seconds=0.02) as pool:
        one = Serving(pool)
        left(one)
        thread = one.calls.submit(threading.current_thread).result(LIMIT)
        thread.join(0.2)  # ten times idle_seconds
        assert thread.is_alive()
        assert one.calls.submit(threading.current_thread).result(LIMIT) is thread
        one.calls.finish_in_loop()
        thread.join(LIMIT)
        assert not thread.is_alive()
        assert pool.counts() == (0, 0, 0)


def test_over_while_calls_wait() -> None:
    """A12: calls that wait when the request is over are run, and then the thread is let go."""
    with real_pool(1, idle_seconds=0.02) as pool:
        one = Serving(pool)
        ran: list[int] = []
        futures = [one.calls.submit(ran.append, number) for number in range(3)]
        one.calls.finish_in_loop()
        for future in futures:
            future.result(LIMIT)
        assert ran == [0, 1, 2]
        eventually(lambda: not threads_of(pool), "its thread ends")


def test_over_while_a_call_runs() -> None:
    """A12: the request's end does not wait for a call that runs; the thread is let go after it."""
    with real_pool(1, idle_seconds=0.02) as pool:
        one = Serving(pool)
        left(one)
        busy = Busy()
        future = one.calls.submit(busy)
        assert busy.begun.wait(LIMIT)
        one.calls.finish_in_loop()
        assert not future.done()
        busy.release.set()
        future.result(LIMIT)
        eventually(lambda: not threads_of(pool), "its thread ends")


def test_tasks_that_outlive_the_request() -> None:
    """A12, B1: calls of tasks that go on after the request never get an error for it, and keep no thread."""
    with real_pool(2, idle_seconds=0.02) as pool:
        one = Serving(pool)
        left(one)
        one.calls.submit(int).result(LIMIT)
        one.calls.finish_in_loop()
        for _ in range(3):
            assert one.calls.submit(lambda: 1).result(LIMIT) == 1
            eventually(lambda: not threads_of(pool), "no thread is kept")
        assert one.wakes == 0


def test_over_before_anything_was_called() -> None:
    """A12: a request without such calls starts no thread, and calls that come later have one."""
    with real_pool(2, idle_seconds=0.02) as pool:
        one = Serving(pool)
        one.calls.leave()
        one.calls.finish_in_loop()
        assert pool.counts() == (0, 0, 0)
        assert one.calls.submit(lambda: 1).result(LIMIT) == 1
        eventually(lambda: not threads_of(pool), "no thread is kept")


def test_a_pool_that_is_retired() -> None:
    """A12, A11: a request keeps its thread also when the pool lets all threads end, until the request is over."""
    with real_pool(2) as pool:
        one = Serving(pool)
        left(one)
        thread = one.calls.submit(threading.current_thread).result(LIMIT)
        pool.retire()
        assert one.calls.submit(threading.current_thread).result(LIMIT) is thread
        one.calls.finish_in_loop()
        thread.join(LIMIT)
        assert not thread.is_alive()


# ---- without threads -------------------------------------------------------------------------------------------------


def test_no_thread_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """B5: calls for which the system gives no thread fail at once, and further ones run when it gives one again."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with serving() as (one, pool):
        ran: list[str] = []
        waiting = [one.calls.submit(ran.append, "waiting") for _ in range(2)]
        cancelled = one.calls.submit(ran.append, "cancelled")
        cancelled.cancel()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            left(one)
            assert [type(future.exception(0)) for future in waiting] == [Overloaded] * 2
            assert isinstance(one.calls.submit(ran.append, "refused").exception(0), Overloaded)
        assert cancelled.cancelled()
        one.calls.submit(ran.append, "accepted").result(LIMIT)
        assert ran == ["accepted"]
        assert pool.counts()[0] == 1


# ---- as asyncio uses it ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["asyncio", "uvloop"])
def test_as_an_executor(backend: str) -> None:
    """A12: asyncio's run_in_executor takes it for an executor, as asgiref does, and cancels calls by its task."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with real_pool(1) as pool:
            woken = asyncio.Event()
            calls: Any = ServingThread(pool, woken.set)
            ran: list[str] = []
            first = loop.run_in_executor(calls, partial(ran.append, "first"))
            second = loop.run_in_executor(calls, partial(ran.append, "second"))
            await asyncio.wait_for(woken.wait(), LIMIT)
            second.cancel()
            await asyncio.sleep(0)
            serving_thread = threading.Thread(target=calls.run_calls)
            serving_thread.start()
            await asyncio.wait_for(first, LIMIT)
            serving_thread.join(LIMIT)
            calls.leave()
            await asyncio.wait_for(loop.run_in_executor(calls, partial(ran.append, "third")), LIMIT)
            assert ran == ["first", "third"]
            calls.finish_in_loop()

    run(main, backend=backend)

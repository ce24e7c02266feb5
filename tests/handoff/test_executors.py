"""A thread executor of the user's in place of the pool."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from bridge.errors import Overloaded, UsageError
from bridge.handoff.executors import ExecutorWorkers
from tests.handoff.pools import Busy, nothing
from tests.harness import LIMIT, eventually


class HandExecutor(Executor):
    """Keeps its jobs until the test runs or cancels them."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Future[Any], Callable[[], object]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.jobs.append((future, partial(fn, *args, **kwargs)))
        return future

    def run_next(self) -> None:
        """Run the oldest job in a thread of its own, as executors do."""
        future, call = self.jobs.pop(0)

        def run() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:
                    future.set_exception(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(LIMIT)


class InlineExecutor(Executor):
    """Runs a job in `submit`, as executors for tests do."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


class InterpreterPoolExecutor(ThreadPoolExecutor):
    """What Python 3.14 has under this name runs its jobs in interpreters of their own."""


class Full(Exception):
    """What an executor with a queue of its own may raise."""


class RefusingExecutor(Executor):
    """Takes no job."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        raise self.error


class Dropped:
    """Counts how often, and with what, a job was said not to run."""

    def __init__(self) -> None:
        self.reasons: list[BaseException | None] = []

    def __call__(self, reason: BaseException | None) -> None:
        self.reasons.append(reason)


def test_one_submit_covers_a_job() -> None:
    """W14: one `submit` covers the whole request, in a thread of the executor's; it is never shut down by us."""
    with ThreadPoolExecutor(2, thread_name_prefix="user") as executor:
        workers = ExecutorWorkers(executor)
        dropped = Dropped()
        job = Busy()
        assert workers.submit(job, dropped) is True
        assert job.begun.wait(LIMIT)
        assert job.thread is not None
        assert job.thread.name.startswith("user")
        assert workers.counts() == (0, 0, 0)
        job.release.set()
        workers.retire()
        again = Busy()
        again.release.set()
        workers.submit(again, dropped)
        assert again.begun.wait(LIMIT)
    assert dropped.reasons == []


def test_counts() -> None:
    """B3: jobs that have not begun are queued; an executor tells nothing of its threads."""
    executor = HandExecutor()
    workers = ExecutorWorkers(executor)
    ran: list[int] = []
    for number in range(3):
        workers.submit(partial(ran.append, number), Dropped())
    assert workers.counts() == (0, 0, 3)
    executor.run_next()
    assert workers.counts() == (0, 0, 2)
    executor.run_next()
    executor.run_next()
    assert workers.counts() == (0, 0, 0)
    assert ran == [0, 1, 2]


@pytest.mark.parametrize(
    "error",
    [RuntimeError("cannot schedule new futures after shutdown"), Full("its queue is full"), OSError("no thread")],
    ids=lambda error: type(error).__name__,
)
def test_a_refused_submit(error: Exception) -> None:
    """W14: a refused submit is Overloaded, which is answered 503, and leaves nothing behind."""
    workers = ExecutorWorkers(RefusingExecutor(error), max_queued=0)
    dropped = Dropped()
    for _ in range(3):
        with pytest.raises(Overloaded, match=str(error)) as caught:
            workers.submit(nothing, dropped)
        assert caught.value.__cause__ is error
    assert workers.counts() == (0, 0, 0)
    assert dropped.reasons == []


def test_an_executor_that_was_shut_down() -> None:
    """W14: an executor that its owner has shut down refuses."""
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(Overloaded):
        ExecutorWorkers(executor).submit(nothing, Dropped())


@pytest.mark.parametrize("max_queued", [0, 1, 3])
def test_max_queued(max_queued: int) -> None:
    """W14: `max_queued=` bounds how many wait beyond the one that a free thread may be about to begin."""
    executor = HandExecutor()
    workers = ExecutorWorkers(executor, max_queued=max_queued)
    for _ in range(max_queued + 1):
        workers.submit(Busy(), Dropped())
    for _ in range(2):
        with pytest.raises(Overloaded):
            workers.submit(Busy(), Dropped())
    assert workers.counts() == (0, 0, max_queued + 1)
    job = executor.jobs[0][1].args[0]  # type: ignore[attr-defined]
    job.release.set()
    executor.run_next()
    workers.submit(Busy(), Dropped())


def test_withdraw() -> None:
    """W18: a job that has not begun can be taken back, once; it does not run, and its executor is told."""
    executor = HandExecutor()
    workers = ExecutorWorkers(executor)
    ran: list[str] = []
    jobs = {name: partial(ran.append, name) for name in "ab"}
    for job in jobs.values():
        workers.submit(job, Dropped())
    assert workers.withdraw(jobs["a"]) is True
    assert workers.withdraw(jobs["a"]) is False
    assert executor.jobs[0][0].cancelled()
    executor.run_next()
    executor.run_next()
    assert ran == ["b"]
    assert workers.withdraw(jobs["b"]) is False
    assert workers.counts() == (0, 0, 0)


def test_withdraw_of_a_running_job() -> None:
    """W18: a job that a thread has taken is not withdrawn, and ends as it would."""
    with ThreadPoolExecutor(1) as executor:
        workers = ExecutorWorkers(executor)
        job = Busy()
        workers.submit(job, Dropped())
        assert job.begun.wait(LIMIT)
        assert workers.withdraw(job) is False
        job.release.set()


def test_jobs_cancelled_by_the_owner() -> None:
    """W14: where the user's own shutdown cancels what waits, each job is said not to run, once."""
    executor = ThreadPoolExecutor(1)
    workers = ExecutorWorkers(executor)
    busy, waiting = Busy(), Busy()
    dropped = [Dropped(), Dropped()]
    workers.submit(busy, dropped[0])
    assert busy.begun.wait(LIMIT)
    workers.submit(waiting, dropped[1])
    executor.shutdown(wait=False, cancel_futures=True)
    assert dropped[1].reasons == [None]
    assert workers.counts() == (0, 0, 0)
    busy.release.set()
    executor.shutdown()
    assert dropped[0].reasons == []
    assert not waiting.begun.is_set()


def test_threads_that_cannot_be_set_up() -> None:
    """W14: where an executor's initializer fails, jobs are said not to run, or refused; none waits for ever."""

    def fail() -> None:
        raise ValueError("no database")

    executor = ThreadPoolExecutor(1, initializer=fail)
    workers = ExecutorWorkers(executor)
    dropped = Dropped()
    workers.submit(nothing, dropped)
    eventually(lambda: dropped.reasons, "it is said not to run")
    assert isinstance(dropped.reasons[0], RuntimeError)
    with pytest.raises(Overloaded):
        workers.submit(nothing, dropped)
    assert workers.counts() == (0, 0, 0)


def test_an_executor_that_runs_in_the_loop() -> None:
    """B2: an executor that runs jobs in the caller's own thread would block the loop: the job is not run, and told."""
    workers = ExecutorWorkers(InlineExecutor())
    dropped = Dropped()
    ran: list[int] = []
    workers.submit(lambda: ran.append(1), dropped)
    assert ran == []
    [reason] = dropped.reasons
    assert isinstance(reason, UsageError)
    assert "event loop" in str(reason)
    assert workers.counts() == (0, 0, 0)


def test_a_job_that_begins_before_submit_returns() -> None:
    """W14: a fast executor may have run the job before its `submit` returns; it is not queued afterwards."""

    class Fast(Executor):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            executor = HandExecutor()
            future = executor.submit(fn, *args, **kwargs)
            executor.run_next()
            return future

    workers = ExecutorWorkers(Fast(), max_queued=0)
    ran: list[int] = []
    for number in range(3):
        workers.submit(partial(ran.append, number), Dropped())
        assert workers.counts() == (0, 0, 0)
    assert ran == [0, 1, 2]


@pytest.mark.parametrize("kind", [ProcessPoolExecutor, InterpreterPoolExecutor])
def test_executors_without_threads(kind: type[Executor]) -> None:
    """W14: process pools are refused, and interpreters; the error says what to pass."""
    executor = kind()
    try:
        with pytest.raises(UsageError, match="ThreadPoolExecutor"):
            ExecutorWorkers(executor)
    finally:
        executor.shutdown()


@pytest.mark.parametrize("wrong", [5, None, "threads", object(), ThreadPoolExecutor])
def test_what_is_no_executor(wrong: Any) -> None:
    """B2: what is no executor is refused when the adapter is made, not at the first request."""
    with pytest.raises(UsageError):
        ExecutorWorkers(wrong)


def test_many_threads() -> None:
    """W14: 4 threads submit 500 jobs each: every job that is not withdrawn runs exactly once."""
    with ThreadPoolExecutor(3) as executor:
        workers = ExecutorWorkers(executor)
        ran: list[tuple[int, int]] = []
        withdrawn: list[tuple[int, int]] = []
        dropped = Dropped()

        def submit(submitter: int) -> None:
            for number in range(500):
                job = partial(ran.append, (submitter, number))
                workers.submit(job, dropped)
                if number % 3 == 0 and workers.withdraw(job):
                    withdrawn.append((submitter, number))

        threads = [threading.Thread(target=submit, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
    assert sorted(ran + withdrawn) == [(submitter, number) for submitter in range(4) for number in range(500)]
    assert workers.counts() == (0, 0, 0)

"""B4: names of the standard library that bridge relies on, and that no documentation promises."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import thread as executors
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import pytest
import uvloop

import bridge
from tests.conformance.test_w16_private_names import names_in
from tests.harness import LIMIT, run, run_python

if TYPE_CHECKING:
    from collections.abc import Callable

PRIVATE = {
    "_register_atexit": "handoff/process_end.py",
    "_threads_queues": "handoff/process_end.py",
    "_adjust_thread_count": "handoff/loop_thread.py",
    "_log_destroy_pending": "handoff/loop_thread.py",
    "_get_running_loop": "asgi_home.py",
    "eager_start": "asgi_request.py",
    "_callbacks": "handoff/turns.py",
}

LOOPS = pytest.mark.parametrize("make", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])


@pytest.mark.parametrize("name", PRIVATE)
def test_in_one_place(name: str) -> None:
    """B4: each such name is in one file of bridge."""
    package = Path(bridge.__file__).parent
    users = {path.relative_to(package).as_posix() for path in package.rglob("*.py") if uses(path, name)}
    assert users == {PRIVATE[name]}


def uses(path: Path, name: str) -> bool:
    """Whether a module's code mentions a name; an argument's too."""
    return name in names_in(path) or f"{name}=" in path.read_text(encoding="utf-8")


# ---- asyncio ---------------------------------------------------------------------------------------------------------


@LOOPS
def test_who_waits_for_a_future(make: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """B4: a future tells what it will call, and in which context, and what was taken from it is not called."""

    async def wait(future: asyncio.Future[None]) -> None:
        variable.set("the task's")
        await future

    async def main() -> None:
        future: Any = asyncio.get_running_loop().create_future()
        assert not future._callbacks
        task = asyncio.ensure_future(wait(future))
        await asyncio.sleep(0)
        [(wake, context)] = future._callbacks
        assert context[variable] == "the task's"
        assert future.remove_done_callback(wake) == 1
        future.set_result(None)
        for _ in range(3):
            await asyncio.sleep(0)
        assert not task.done()
        asyncio.get_running_loop().call_soon(wake, future, context=context)
        await asyncio.wait_for(task, LIMIT)

    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    with asyncio.Runner(loop_factory=make) as runner:
        runner.run(main())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the bridge uses it from 3.12 on, where it is new")
@LOOPS
def test_eager_tasks(make: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """B4: a task that starts eagerly in a callback of its loop runs to its first wait at once, as the current task."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nobody's")
    told: list[Any] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        go_on = asyncio.Event()
        tasks: list[asyncio.Task[None]] = []
        context = contextvars.copy_context()
        context.run(variable.set, "the request's")

        async def request() -> None:
            told.append((variable.get(), asyncio.current_task() is not None))
            await go_on.wait()
            told.append((variable.get(), asyncio.current_task() is tasks[0]))

        def begin() -> None:
            before = asyncio.current_task()
            tasks.append(asyncio.Task(request(), loop=loop, context=context, eager_start=True))  # type: ignore[call-arg,unused-ignore]
            told.append(asyncio.current_task() is before)

        loop.call_soon_threadsafe(begin)
        await asyncio.sleep(0.01)
        go_on.set()
        await asyncio.wait_for(tasks[0], LIMIT)

    with asyncio.Runner(loop_factory=make) as runner:
        runner.run(main())
    assert told == [("the request's", True), True, ("the request's", True)]


def test_which_loop_runs_here() -> None:
    """B4: ``asyncio._get_running_loop`` returns None outside of a loop, where the public function raises."""
    assert asyncio._get_running_loop() is None

    async def main() -> None:
        assert asyncio._get_running_loop() is asyncio.get_running_loop()

    run(main)


def test_tasks_that_are_left(caplog: pytest.LogCaptureFixture) -> None:
    """B4: a task with ``_log_destroy_pending`` False is collected in silence, and others are not."""
    told: list[int] = []
    for is_told in (True, False):
        loop = asyncio.new_event_loop()
        task = loop.create_task(asyncio.sleep(LIMIT))
        loop.run_until_complete(asyncio.sleep(0))
        assert task._log_destroy_pending is True  # type: ignore[attr-defined]
        task._log_destroy_pending = is_told  # type: ignore[attr-defined]
        loop.close()
        del task, loop
        with caplog.at_level(logging.ERROR, "asyncio"):
            gc.collect()
        told.append(len([record for record in caplog.records if "was destroyed" in record.getMessage()]))
        caplog.clear()
    assert told == [1, 0]


def test_anyio_knows_a_loop_by_its_main_task() -> None:
    """B4, A12: under a task that a loop was started with, anyio's worker threads outlive the tasks that use them."""

    async def request() -> threading.Thread:
        return await anyio.to_thread.run_sync(threading.current_thread)

    async def main() -> list[threading.Thread]:
        return [await asyncio.create_task(request()) for _ in range(3)]

    loop = asyncio.new_event_loop()
    try:
        assert len(set(loop.run_until_complete(main()))) == 1
    finally:
        loop.close()


# ---- threads ---------------------------------------------------------------------------------------------------------


def test_the_hook_of_threading() -> None:
    """B4, A10: what is registered with threading runs at exit before executors end, atexit functions and joins."""
    finished = run_python(
        """
        import atexit, concurrent.futures, threading

        executor = concurrent.futures.ThreadPoolExecutor(1)
        executor.submit(int).result()
        over = threading.Event()
        threading.Thread(target=lambda: (over.wait(10), print("thread"))).start()
        atexit.register(print, "atexit")

        def hook():
            print("hook", executor.submit(lambda: 1).result(10))
            over.set()

        threading._register_atexit(hook)
        """
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout == "hook 1\nthread\natexit\n"


def test_threads_of_executors() -> None:
    """B4: the threads of all executors are the keys of one table, from their first job to their end."""
    with ThreadPoolExecutor(1) as executor:
        thread = executor.submit(threading.current_thread).result(LIMIT)
        assert thread in executors._threads_queues
        assert threading.current_thread() not in executors._threads_queues
    assert not thread.is_alive()


def test_executors_queue_before_they_start_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """B4, A10: a job is in the queue before ``_adjust_thread_count`` is called: a thread that is there runs it."""

    class Executor(ThreadPoolExecutor):
        starts = True

        def _adjust_thread_count(self) -> None:
            if self.starts:
                super()._adjust_thread_count()  # type: ignore[misc,unused-ignore]

    with Executor(4) as executor:
        thread = executor.submit(threading.current_thread).result(LIMIT)
        executor.starts = False
        assert executor._threads == {thread}
        assert [executor.submit(threading.current_thread).result(LIMIT) for _ in range(5)] == [thread] * 5

"""A wait of one task that goes on within the call that ends it: on each loop of asyncio's, with each kind of task."""

from __future__ import annotations

import asyncio
import asyncio.tasks
import contextvars
import gc
import sys
import weakref
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any

import pytest
import uvloop

from bridge.handoff.loops import AsyncioLoop
from bridge.handoff.turns import go_on
from tests.harness import LIMIT

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nobody's")

PYTHON_TASK: Any = asyncio.tasks._PyTask  # type: ignore[attr-defined]


def python_tasks(_loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
    """Make tasks of the class that is written in Python, which some debuggers and nest_asyncio put in place."""
    return PYTHON_TASK(coroutine, loop=_loop, **options)


def eager_tasks(_loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
    """Make tasks that begin at once, within the task that makes them."""
    return asyncio.Task(coroutine, loop=_loop, **(options | {"eager_start": True}))


FACTORIES: list[Any] = [None, python_tasks]
if sys.version_info >= (3, 12):
    FACTORIES.append(eager_tasks)


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    """Each kind of loop."""
    with asyncio.Runner(loop_factory=request.param) as made:
        yield made


@pytest.fixture(params=FACTORIES, ids=lambda factory: getattr(factory, "__name__", "C tasks"))
def run(runner: asyncio.Runner, request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Run a coroutine in each kind of loop, with each kind of task."""
    runner.get_loop().set_task_factory(request.param)
    return lambda coroutine: runner.run(asyncio.wait_for(coroutine, LIMIT))


async def begun(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Start a task and let it come to its wait."""
    task = asyncio.ensure_future(coroutine)
    await asyncio.sleep(0)
    return task


def test_it_goes_on_within_the_call(run: Any) -> None:
    """The task goes on before `resume` returns, in its own context, as the current task."""
    seen: list[object] = []

    async def wait(future: asyncio.Future[None]) -> str:
        variable.set("the task's")
        await future
        seen.append((variable.get(), asyncio.current_task() is tasks[0]))
        return "result"

    tasks: list[asyncio.Task[str]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        tasks.append(await begun(wait(future)))
        assert not future.done()

        def call() -> None:
            go_on(future)
            seen.append((variable.get(), asyncio.current_task()))

        loop.call_soon(call)
        assert await tasks[0] == "result"
        assert future.done()

    run(main())
    assert seen == [("the task's", True), ("nobody's", None)]


def test_it_goes_on_later_where_a_task_runs(run: Any) -> None:
    """Two tasks cannot run at a time: ended by a task, the other goes on in a later turn."""
    seen: list[str] = []

    async def wait(future: asyncio.Future[None]) -> None:
        await future
        seen.append("waited")

    async def main() -> None:
        future = asyncio.get_running_loop().create_future()
        task = await begun(wait(future))
        go_on(future)
        seen.append("ended")
        go_on(future)
        await task

    run(main())
    assert seen == ["ended", "waited"]


@pytest.mark.parametrize("how", ["go_on", "set_result"])
def test_ended_before_the_wait(how: str, run: Any) -> None:
    """A wait that was ended before it began does not wait."""

    async def main() -> None:
        future = asyncio.get_running_loop().create_future()
        if how == "go_on":
            go_on(future)
        else:
            future.set_result(None)
        await future

    run(main())


@pytest.mark.parametrize("message", [None, "Cancelled via cancel scope 1"])
def test_cancelled(message: str | None, run: Any) -> None:
    """A task that is cancelled gets the CancelledError where it waits, with its message; a late end does nothing."""
    seen: list[tuple[object, ...]] = []

    async def wait(future: asyncio.Future[None]) -> None:
        try:
            await future
        except asyncio.CancelledError as error:
            seen.append(error.args)
            raise

    async def main() -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        task = await begun(wait(future))
        task.cancel(message)
        assert not future.cancel()
        loop.call_soon(go_on, future)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert future.done()

    run(main())
    assert seen == [() if message is None else (message,)]


def test_cancelled_when_the_wait_is_over(run: Any) -> None:
    """A cancellation that comes between the end of the wait and the task's next step is not lost."""
    seen: list[str] = []

    async def wait(first: asyncio.Future[None], second: asyncio.Future[None]) -> None:
        await first
        seen.append("first")
        await second
        seen.append("second")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        first, second = loop.create_future(), loop.create_future()
        task = await begun(wait(first, second))
        first.set_result(None)
        task.cancel()  # the wait is over, and the task has not gone on yet
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())
    assert seen == []


def test_time_limits(run: Any) -> None:
    """`asyncio.timeout` ends the wait as it ends any other."""

    async def main() -> None:
        future = asyncio.get_running_loop().create_future()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await future
        assert future.done()

    run(main())


def test_what_the_task_raises(run: Any) -> None:
    """An error of the task is the task's, and not of the call that let it go on."""
    seen: list[str] = []

    async def wait(future: asyncio.Future[None]) -> None:
        await future
        raise LookupError("on purpose")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        task = await begun(wait(future))

        def call() -> None:
            go_on(future)
            seen.append("no error here")

        loop.call_soon(call)
        with pytest.raises(LookupError):
            await task

    run(main())
    assert seen == ["no error here"]


def test_many_tasks_in_one_drain(run: Any) -> None:
    """Calls that are put from other threads go on in order, each as far as its task's next wait."""
    seen: list[tuple[int, str]] = []

    async def wait(number: int, futures: list[asyncio.Future[None]]) -> None:
        for future in futures:
            await future
            seen.append((number, variable.get()))
            variable.set(f"of {number}")

    async def main() -> None:
        asyncio_loop = asyncio.get_running_loop()
        loop = AsyncioLoop(asyncio_loop)
        futures = [[asyncio_loop.create_future(), asyncio_loop.create_future()] for _ in range(3)]
        tasks = [await begun(wait(number, own)) for number, own in enumerate(futures)]

        def put() -> None:
            for step in range(2):
                for own in futures:
                    loop.put(partial(go_on, own[step]))

        await asyncio.to_thread(put)
        await asyncio.gather(*tasks)

    run(main())
    assert sorted(seen[:3]) == [(number, "nobody's") for number in range(3)]
    assert sorted(seen[3:]) == [(number, f"of {number}") for number in range(3)]


def test_ctrl_c(runner: asyncio.Runner) -> None:
    """A KeyboardInterrupt in the task ends the loop, as in any task; calls behind it run when the loop goes on."""
    seen: list[str] = []
    loop = AsyncioLoop(runner.get_loop())

    async def wait(future: asyncio.Future[None]) -> None:
        await future
        raise KeyboardInterrupt

    async def main() -> None:
        future = runner.get_loop().create_future()
        tasks.append(await begun(wait(future)))
        loop.put(partial(go_on, future))
        loop.put(partial(seen.append, "behind it"))
        loop.put(behind.set)
        await asyncio.Event().wait()

    tasks: list[asyncio.Task[None]] = []
    behind = asyncio.Event()
    with pytest.raises(KeyboardInterrupt):
        runner.run(main())
    assert isinstance(tasks[0].exception(), KeyboardInterrupt)
    runner.run(asyncio.wait_for(behind.wait(), LIMIT))
    assert seen == ["behind it"]


def test_nothing_is_kept(run: Any) -> None:
    """B1: a wait that is over leads to nothing of the task's, without a garbage collection."""

    class Value:
        """What the task has in its context."""

    futures: list[asyncio.Future[None]] = []
    kept: list[weakref.ref[Value]] = []
    context_variable: contextvars.ContextVar[Value] = contextvars.ContextVar("of test_nothing_is_kept")

    async def wait(future: asyncio.Future[None]) -> None:
        value = Value()
        kept.append(weakref.ref(value))
        context_variable.set(value)
        del value
        await future

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for how in ("go_on", "set_result", "cancel"):
            futures.append(loop.create_future())
            task = await begun(wait(futures[-1]))
            calls: dict[str, Any] = {
                "go_on": partial(go_on, futures[-1]),
                "set_result": partial(futures[-1].set_result, None),
                "cancel": futures[-1].cancel,
            }
            loop.call_soon(calls.pop(how))
            del calls
            await asyncio.wait([task])
            del task
        await asyncio.sleep(0)
        assert [value() for value in kept] == [None, None, None]

    gc.disable()
    try:
        run(main())
    finally:
        gc.enable()


def test_several_wait(run: Any) -> None:
    """Two tasks that wait for one end go on in the loop's next turn, as they would natively."""
    seen: list[str] = []

    async def wait(future: asyncio.Future[None]) -> None:
        await future
        seen.append("waited")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        tasks = [await begun(wait(future)) for _ in range(2)]

        def call() -> None:
            go_on(future)
            seen.append("ended")

        loop.call_soon(call)
        await asyncio.gather(*tasks)

    run(main())
    assert seen == ["ended", "waited", "waited"]


class Foreign:
    """A future of a loop that keeps to itself who waits for it."""

    def __init__(self, future: asyncio.Future[None]) -> None:
        self.done = future.done
        self.set_result = future.set_result
        self.get_loop = future.get_loop


def test_futures_that_keep_who_waits_to_themselves(run: Any) -> None:
    """B4: without the private name that this relies on, the task goes on in the loop's next turn."""
    seen: list[str] = []

    async def wait(future: asyncio.Future[None]) -> None:
        await future
        seen.append("waited")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        task = await begun(wait(future))
        foreign: Any = Foreign(future)

        def call() -> None:
            go_on(foreign)
            seen.append("ended")

        loop.call_soon(call)
        await task

    run(main())
    assert seen == ["ended", "waited"]

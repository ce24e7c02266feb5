"""Loop.outlast: a wait for another thread that a task seems never to have made."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest

from bridge.handoff import loops
from bridge.handoff.loops import Loop, end_wait, make_loop, running_loop_key
from tests.harness import BACKENDS, LIMIT, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@asynccontextmanager
async def other_thread(loop: Loop) -> AsyncIterator[tuple[Any, threading.Event]]:
    """A slot that another thread ends, once that is allowed."""
    slot, release = loop.slot(), threading.Event()

    def end() -> None:
        release.wait(LIMIT)
        loop.put(lambda: end_wait(slot))

    thread = threading.Thread(target=end)
    thread.start()
    yield slot, release
    await anyio.to_thread.run_sync(thread.join)


def in_loop(main: Callable[[Loop], Any], backend: str) -> None:
    """Run a coroutine with its loop."""

    async def with_loop() -> None:
        await main(make_loop(*running_loop_key()))

    run(with_loop, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("seconds", [0.0, 0.2], ids=["at once", "late"])
def test_it_waits(seconds: float, backend: str) -> None:
    """The law: it returns when the slot was ended, and not before."""

    async def main(loop: Loop) -> None:
        async with other_thread(loop) as (slot, release):
            threading.Timer(seconds, release.set).start()
            await loop.outlast(slot, LIMIT)
            assert slot.done()
            assert release.is_set()

    in_loop(main, backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_cancellation_comes_where_the_task_waits_next(backend: str) -> None:
    """The law: a scope that is cancelled meanwhile cancels the next wait, and no task outside it."""

    async def main(loop: Loop) -> None:
        async with other_thread(loop) as (slot, release):
            steps: list[str] = []
            with anyio.CancelScope() as scope:
                scope.cancel()
                threading.Timer(0.02, release.set).start()
                await loop.outlast(slot, LIMIT)
                steps.append("outlasted")
                await anyio.sleep(LIMIT)
                steps.append("slept")
            assert steps == ["outlasted"]
            await anyio.lowlevel.checkpoint()  # which nothing cancels

    in_loop(main, backend)


@pytest.mark.parametrize("scope_too", [False, True])
def test_a_cancelled_task_of_asyncios(scope_too: bool) -> None:
    """W18: `task.cancel()` comes but once, so it is told of, also if a scope is cancelled as well."""

    async def main(loop: Loop) -> None:
        async with other_thread(loop) as (slot, release):
            outlasted: list[Any] = []
            scope = anyio.CancelScope()

            async def waits() -> None:
                with scope:
                    outlasted.append(await loop.outlast(slot, LIMIT))

            task = asyncio.ensure_future(waits())
            await asyncio.sleep(0)
            task.cancel("why")
            await asyncio.sleep(0.01)
            if scope_too:
                scope.cancel()
                await asyncio.sleep(0.01)
            release.set()
            await asyncio.wait([task])
            assert [error.args for error in outlasted] == [("why",)]

    in_loop(main, "asyncio")


@pytest.mark.parametrize("backend", BACKENDS)
def test_not_for_ever(backend: str) -> None:
    """B1: after the seconds that it is given a cancellation ends it."""

    async def main(loop: Loop) -> None:
        began = time.monotonic()
        with anyio.move_on_after(0) as scope:
            await loop.outlast(loop.slot(), 0.2)
        assert scope.cancelled_caught
        assert 0.15 < time.monotonic() - began < 5

    in_loop(main, backend)


@pytest.mark.parametrize("when", [0.0, 0.3], ids=["before", "after"])
def test_nor_for_a_single_cancellation(when: float) -> None:
    """B1: one that came before those seconds were over, or comes after, is raised then."""

    async def main(loop: Loop) -> None:
        task = asyncio.ensure_future(loop.outlast(loop.slot(), 0.2))
        await asyncio.sleep(when)
        task.cancel("why")
        done, _ = await asyncio.wait([task], timeout=LIMIT)
        assert done == {task}
        with pytest.raises(asyncio.CancelledError, match="why"):
            task.result()

    in_loop(main, "asyncio")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_task_does_not_look_blocked(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The law: who waits until every task is blocked does not take this one for blocked."""
    monkeypatch.setattr(loops, "_AT_ONCE", LIMIT)  # a busy machine is not at once

    async def main(loop: Loop) -> None:
        async with other_thread(loop) as (slot, release):
            steps: list[str] = []

            async def waits() -> None:
                await loop.outlast(slot, LIMIT)
                steps.append("outlasted")

            async with anyio.create_task_group() as group:
                group.start_soon(waits)
                threading.Timer(0.03, release.set).start()
                await anyio.wait_all_tasks_blocked()
                assert steps == ["outlasted"]

    in_loop(main, backend)

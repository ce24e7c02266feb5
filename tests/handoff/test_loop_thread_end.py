"""The end of a background loop, whatever its tasks do."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
from typing import TYPE_CHECKING

import pytest
import uvloop

from bridge.handoff import loop_thread as module
from bridge.handoff.loop_thread import LoopThread, borrow_loop_thread, give_back_loop_thread
from tests.handoff.loop_threads import asyncio_loop, borrowed, factory_of_its_own, has_ended, in_loop, where
from tests.harness import LIMIT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from typing import Any

    from bridge.handoff.loop_thread import LoopFactory

MAKERS = pytest.mark.parametrize("make", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])


def start(thread: LoopThread, main: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Run a coroutine in the loop until it waits for the first time."""

    async def begin() -> asyncio.Task[object]:
        task = asyncio.create_task(main())
        task.add_done_callback(retrieve)
        await asyncio.sleep(0)
        return task

    in_loop(thread, begin)


def retrieve(task: asyncio.Task[object]) -> None:
    """Take a task's error, so that asyncio does not tell it when the task is collected."""
    if not task.cancelled():
        task.exception()


@MAKERS
def test_tasks_are_cancelled(make: LoopFactory) -> None:
    """B1: tasks that still run when the last borrower leaves are cancelled; their clean-up may await."""
    ended: list[int] = []

    async def task(number: int) -> None:
        try:
            await asyncio.sleep(LIMIT)
        finally:
            await asyncio.sleep(0.01)
            ended.append(number)

    with borrowed(factory_of_its_own(make)) as thread:
        for number in range(3):
            start(thread, lambda number=number: task(number))  # type: ignore[misc]
    assert sorted(ended) == [0, 1, 2]


@MAKERS
def test_tasks_that_fail_in_their_clean_up(make: LoopFactory) -> None:
    """B1: an error in one task's clean-up, SystemExit too, takes that of no other task away."""
    ended: list[str] = []

    async def fails(error: BaseException) -> None:
        try:
            await asyncio.sleep(LIMIT)
        finally:
            raise error

    async def cleans_up() -> None:
        try:
            await asyncio.sleep(LIMIT)
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            ended.append("cleaned up")

    with borrowed(factory_of_its_own(make)) as thread:
        _, os_thread = in_loop(thread, where)
        start(thread, lambda: fails(ValueError("a clean-up's")))
        start(thread, cleans_up)
        start(thread, lambda: fails(SystemExit(3)))
    assert ended == ["cleaned up"]
    assert thread.is_closed()
    assert has_ended(os_thread)


def test_tasks_that_ignore_cancellation(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """B1: a task that goes on although it was cancelled is waited for within a limit, and left alone then, silently."""
    monkeypatch.setattr(module, "_TASKS_END_WITHIN", 0.05)

    async def ignores() -> None:
        while True:
            try:
                await asyncio.sleep(LIMIT)
            except asyncio.CancelledError:
                pass

    gc.collect()
    caplog.clear()
    with borrowed() as thread:
        _, os_thread = in_loop(thread, where)
        start(thread, ignores)
        started = time.monotonic()
    assert time.monotonic() - started < 2
    assert thread.is_closed()
    assert has_ended(os_thread)
    gc.collect()
    assert caplog.records == []


@MAKERS
def test_asynchronous_generators_are_closed(make: LoopFactory) -> None:
    """B1: a generator that nobody has iterated to its end gets its ``finally``, in the loop."""
    closed: list[threading.Thread] = []
    kept: list[AsyncIterator[int]] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            closed.append(threading.current_thread())

    async def begin() -> int:
        kept.append(numbers())
        return await anext(kept[0])

    with borrowed(factory_of_its_own(make)) as thread:
        assert in_loop(thread, begin) == 1
        _, os_thread = in_loop(thread, where)
    assert closed == [os_thread]


def test_asynchronous_generators_that_do_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """B1: a generator whose clean-up never ends is left alone after a limit."""
    monkeypatch.setattr(module, "_TASKS_END_WITHIN", 0.05)
    kept: list[AsyncIterator[int]] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(LIMIT)

    async def begin() -> int:
        kept.append(numbers())
        return await anext(kept[0])

    with borrowed() as thread:
        in_loop(thread, begin)
        _, os_thread = in_loop(thread, where)
        started = time.monotonic()
    assert time.monotonic() - started < 2
    assert has_ended(os_thread)


def test_a_loop_that_is_blocked(caplog: pytest.LogCaptureFixture) -> None:
    """B1: a loop that an application blocks is left behind after a limit, which is logged, and ends when it can."""
    blocked, release = threading.Event(), threading.Event()

    def block() -> None:
        blocked.set()
        release.wait(LIMIT)

    with caplog.at_level(logging.WARNING, "bridge"), borrowed(patience=0.05) as thread:
        _, os_thread = in_loop(thread, where)
        thread.loop.put(block)
        assert blocked.wait(LIMIT)
    assert "blocked by an application" in caplog.text
    assert os_thread.is_alive()
    release.set()
    assert has_ended(os_thread)
    assert thread.is_closed()


def test_a_new_loop_beside_a_blocked_one() -> None:
    """A9: who comes while the last loop has not ended yet, because it is blocked, gets a new one."""
    factory = factory_of_its_own()
    blocked, release = threading.Event(), threading.Event()

    def block() -> None:
        blocked.set()
        release.wait(LIMIT)

    with borrowed(factory, patience=0.05) as first:
        _, os_thread = in_loop(first, where)
        first.loop.put(block)
        assert blocked.wait(LIMIT)
    with borrowed(factory) as second:
        assert second is not first
        assert in_loop(second, where)[0] is asyncio_loop(second)
        release.set()
        assert has_ended(os_thread)
        assert in_loop(second, where)[0] is asyncio_loop(second)


def test_given_back_in_the_loop() -> None:
    """A11: who gives the loop back in its own thread does not wait for himself; the loop ends in the next turn."""
    thread = borrow_loop_thread(factory_of_its_own(), "a test")
    _, os_thread = in_loop(thread, where)
    thread.loop.put(lambda: give_back_loop_thread(thread, "a test"))
    assert has_ended(os_thread)
    assert thread.is_closed()


@MAKERS
def test_calls_put_before_the_end(make: LoopFactory) -> None:
    """B1: calls that were put into the loop before it was given back run before it ends."""
    ran: list[int] = []
    thread = borrow_loop_thread(factory_of_its_own(make), "a test")
    for number in range(100):
        thread.loop.put(lambda number=number: ran.append(number))  # type: ignore[misc]
    give_back_loop_thread(thread, "a test")
    assert ran == list(range(100))


def test_many_borrowers_leave_at_once() -> None:
    """A9: of borrowers that leave at the same moment one ends the loop."""
    factory = factory_of_its_own()
    meeting = threading.Barrier(8)
    thread = borrow_loop_thread(factory, 0)
    for number in range(1, 8):
        assert borrow_loop_thread(factory, number) is thread
    _, os_thread = in_loop(thread, where)

    def leave(number: int) -> None:
        meeting.wait(LIMIT)
        give_back_loop_thread(thread, number)

    threads = [threading.Thread(target=leave, args=(number,)) for number in range(8)]
    for leaving in threads:
        leaving.start()
    assert all(has_ended(leaving) for leaving in threads)
    assert has_ended(os_thread)
    assert thread.is_closed()

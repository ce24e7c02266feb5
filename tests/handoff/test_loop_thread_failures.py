"""A background loop that does not start, or that something breaks."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import selectors
import threading
from typing import TYPE_CHECKING, Any

import pytest
import uvloop

from bridge.errors import UsageError
from bridge.handoff import loop_thread as module
from bridge.handoff.loop_thread import borrow_loop_thread, give_back_loop_thread
from tests.handoff.loop_threads import asyncio_loop, borrowed, factory_of_its_own, has_ended, in_loop, where
from tests.harness import LIMIT, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.handoff.loop_thread import LoopFactory

MAKERS = pytest.mark.parametrize("make", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])


# ---- no start --------------------------------------------------------------------------------------------------------


def raises_os_error() -> Any:
    """A factory that meets a system without files to give."""
    raise OSError(24, "Too many open files")


def returns_no_loop() -> Any:
    """A factory of something else."""
    return object()


def takes_an_argument(_argument: object) -> Any:
    """A function that is no factory."""
    raise AssertionError


@pytest.mark.parametrize("factory", [raises_os_error, returns_no_loop, takes_an_argument])
def test_a_factory_that_makes_no_loop(factory: Any) -> None:
    """A9, B2: the error names the option, the factory and what went wrong, each time, and no thread is left."""
    before = set(threading.enumerate())
    for _ in range(2):
        with pytest.raises(UsageError, match=f"loop_factory .*{factory.__name__}") as caught:
            borrow_loop_thread(factory, "a test")
        assert isinstance(caught.value.__cause__, Exception)
    eventually(lambda: set(threading.enumerate()) <= before, "its thread has ended")


def test_a_factory_that_works_later() -> None:
    """A9, B5: an adapter is usable again once its factory makes a loop."""
    outcomes = iter([OSError("none to be had"), None])

    def factory() -> asyncio.AbstractEventLoop:
        error = next(outcomes)
        if error is not None:
            raise error
        return asyncio.new_event_loop()

    with pytest.raises(UsageError):
        borrow_loop_thread(factory, "a test")
    with borrowed(factory) as thread:
        assert in_loop(thread, where)[0] is asyncio_loop(thread)


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
def test_no_thread_to_be_had(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """B5: a system that gives no thread is an error at once, as it is; when it gives one again the loop starts."""
    factory = factory_of_its_own()

    def refuse(_thread: threading.Thread) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for _ in range(2):
            with pytest.raises(type(error)) as caught:
                borrow_loop_thread(factory, "a test")
            assert caught.value is error
    with borrowed(factory) as thread:
        assert in_loop(thread, where)[0] is asyncio_loop(thread)


def test_a_start_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """B1, B5: a loop that does not start in time is an error, and if it starts later it does not run for nobody."""
    monkeypatch.setattr(module, "_STARTS_WITHIN", 0.05)
    go_on = threading.Event()
    made: list[asyncio.AbstractEventLoop] = []

    def factory() -> asyncio.AbstractEventLoop:
        assert go_on.wait(LIMIT)
        made.append(asyncio.new_event_loop())
        return made[0]

    before = set(threading.enumerate())
    with pytest.raises(RuntimeError, match="did not start within"):
        borrow_loop_thread(factory, "a test")
    [thread] = set(threading.enumerate()) - before
    go_on.set()
    thread.join(2)
    runs_on = thread.is_alive()
    if runs_on:
        made[0].call_soon_threadsafe(made[0].stop)
    assert not runs_on
    assert made[0].is_closed()


# ---- what a task does to it ------------------------------------------------------------------------------------------


@MAKERS
@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt("a task's")], ids=lambda error: type(error).__name__
)
def test_what_ends_a_program_in_a_task(
    error: BaseException, make: LoopFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """B1: SystemExit or KeyboardInterrupt in a task is logged; the loop goes on, and with it all other tasks."""
    go_on = threading.Event()

    async def other() -> str:
        while not go_on.is_set():  # noqa: ASYNC110  it is set by another thread
            await asyncio.sleep(0.001)
        return "goes on"

    async def raises() -> None:
        raise error

    with borrowed(factory_of_its_own(make)) as thread, caplog.at_level(logging.ERROR, "bridge"):
        waiting = asyncio.run_coroutine_threadsafe(other(), asyncio_loop(thread))
        with pytest.raises(type(error)):
            in_loop(thread, raises)
        assert in_loop(thread, where)[0] is asyncio_loop(thread)
        go_on.set()
        assert waiting.result(LIMIT) == "goes on"
    told = [record.getMessage() for record in caplog.records if record.name == "bridge"]
    assert len(told) == 1
    assert repr(error) in told[0]


@MAKERS
def test_an_application_that_stops_the_loop(make: LoopFactory) -> None:
    """B1: loop.stop() by an application, as often as it likes, stops nothing for the others."""

    async def stops() -> None:
        asyncio.get_running_loop().stop()

    with borrowed(factory_of_its_own(make)) as thread:
        for _ in range(5):
            in_loop(thread, stops)
            assert in_loop(thread, where)[0] is asyncio_loop(thread)
        assert not thread.is_closed()
    assert thread.is_closed()


def test_an_application_that_stops_the_loop_in_its_clean_up(caplog: pytest.LogCaptureFixture) -> None:
    """B1: loop.stop() in the clean-up of one task does not take that of others from them."""
    begun = threading.Barrier(3)
    ended: list[str] = []

    async def stops() -> None:
        try:
            await asyncio.sleep(LIMIT)
        finally:
            asyncio.get_running_loop().stop()

    async def cleans_up() -> None:
        try:
            await asyncio.sleep(LIMIT)
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            ended.append("cleaned up")

    with borrowed() as thread:
        for main in (stops, cleans_up):
            asyncio.run_coroutine_threadsafe(meet(begun, main), asyncio_loop(thread))
        begun.wait(LIMIT)
    assert ended == ["cleaned up"]
    assert "did not end in order" not in caplog.text


async def meet(meeting: threading.Barrier, main: Callable[[], Any]) -> None:
    """Tell that this task runs, then run it."""
    asyncio.get_running_loop().run_in_executor(None, meeting.wait, LIMIT)
    await main()


class Breakable(selectors.SelectSelector):
    """A selector that a test can break, as by closing its descriptor, and whose end may break as well."""

    is_broken = False
    breaks_the_end = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.is_broken:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return super().select(timeout)

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        if self.is_broken and self.breaks_the_end:
            raise RuntimeError("Selector is closed")
        return super().get_key(fileobj)


@pytest.mark.parametrize("breaks_the_end", [False, True])
def test_a_broken_loop(breaks_the_end: bool, caplog: pytest.LogCaptureFixture) -> None:
    """A9, B5: a loop that breaks is told in the log, counts as closed, and the next borrower gets a new one."""
    made: list[tuple[asyncio.AbstractEventLoop, Breakable]] = []

    def factory() -> asyncio.AbstractEventLoop:
        selector = Breakable()
        made.append((asyncio.SelectorEventLoop(selector), selector))
        return made[-1][0]

    def breaks() -> None:
        selector.breaks_the_end = breaks_the_end
        selector.is_broken = True

    with caplog.at_level(logging.ERROR, "bridge"), borrowed(factory) as first:
        [(loop, selector)] = made
        _, thread = in_loop(first, where)
        first.loop.put(breaks)
        assert has_ended(thread)
        is_closed = first.is_closed()
        selector.is_broken = False
        loop.close()
        assert is_closed
        assert "the background loop failed" in caplog.text
        with borrowed(factory, "another") as second:
            assert second is not first
            assert in_loop(second, where)[0] is made[1][0]
            # Who gives back the broken one does not end the new one
            give_back_loop_thread(first, "a test")
            assert in_loop(second, where)[0] is made[1][0]


def test_a_loop_that_was_closed(caplog: pytest.LogCaptureFixture) -> None:
    """A9, B1: a loop that somebody has stopped and closed is replaced, for its old borrowers as for new ones."""
    factory = factory_of_its_own()
    first = borrow_loop_thread(factory, "a test")
    loop = asyncio_loop(first)
    _, thread = in_loop(first, where)

    def closed_first(*_arguments: Any) -> Any:
        loop.close()
        if len(caplog.records) > 10:
            raise SystemError("it goes on with a closed loop for ever")  # ends the thread
        raise RuntimeError("Event loop is closed")

    def stop() -> None:
        loop.run_forever = closed_first  # type: ignore[method-assign]
        loop.run_until_complete = closed_first  # type: ignore[assignment,method-assign]
        loop.stop()

    with caplog.at_level(logging.ERROR, "bridge"):
        loop.call_soon_threadsafe(stop)
        assert has_ended(thread)
    assert first.is_closed()
    second = borrow_loop_thread(factory, "a test")
    try:
        assert second is not first
        assert in_loop(second, where)[0] is asyncio_loop(second)
    finally:
        give_back_loop_thread(second, "a test")
    assert second.is_closed()
    assert "for ever" not in caplog.text


def test_an_application_that_cancels_all_tasks() -> None:
    """B1: an application that cancels every task that it finds ends no loop, and the loop can still be ended."""

    async def cancels() -> None:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    with borrowed() as thread:
        for _ in range(3):
            in_loop(thread, cancels)
            assert in_loop(thread, where)[0] is asyncio_loop(thread)
    assert thread.is_closed()

"""Calls from many threads into one loop, with one wake-up for all that wait."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial

import pytest

from bridge.handoff.wakeups import Wakeups
from tests.harness import LIMIT, run


class HandLoop:
    """A loop that the test turns by hand."""

    def __init__(self) -> None:
        self.scheduled: deque[Callable[[], None]] = deque()
        self.wakeups = 0

    def schedule(self, call: Callable[[], None]) -> None:
        """What loop.call_soon_threadsafe is."""
        self.wakeups += 1
        self.scheduled.append(call)

    def turn(self) -> None:
        """Run what was scheduled before this turn."""
        for _ in range(len(self.scheduled)):
            self.scheduled.popleft()()


class Interrupted(BaseException):
    """What a signal handler raised."""


class Refusing:
    """A schedule of a loop that is closed."""

    def __init__(self) -> None:
        self.closed = True
        self.loop = HandLoop()

    def is_closed(self) -> bool:
        """What loop.is_closed is."""
        return self.closed

    def __call__(self, call: Callable[[], None]) -> None:
        if self.closed:
            raise RuntimeError("Event loop is closed")
        self.loop.schedule(call)


def never_closed() -> bool:
    """What loop.is_closed is while the loop lives."""
    return False


def test_in_order_and_once() -> None:
    """Every call runs once, in order, in the loop and not in `put`."""
    loop = HandLoop()
    wakeups = Wakeups(loop.schedule, never_closed)
    ran: list[int] = []
    for number in range(5):
        wakeups.put(partial(ran.append, number))
    assert ran == []
    loop.turn()
    assert ran == [0, 1, 2, 3, 4]
    loop.turn()
    assert ran == [0, 1, 2, 3, 4]


def test_one_wakeup_for_many_calls() -> None:
    """However many calls wait, the loop is woken once; and again for the next after they ran."""
    loop = HandLoop()
    wakeups = Wakeups(loop.schedule, never_closed)
    ran: list[int] = []
    for _ in range(1000):
        wakeups.put(lambda: ran.append(1))
    assert loop.wakeups == 1
    loop.turn()
    assert len(ran) == 1000
    wakeups.put(lambda: ran.append(1))
    assert loop.wakeups == 2
    loop.turn()
    assert len(ran) == 1001


def test_a_flood_does_not_hold_the_loop() -> None:
    """A turn runs what waited at its start: calls that put calls leave the loop to others in between."""
    loop = HandLoop()
    wakeups = Wakeups(loop.schedule, never_closed)
    ran: list[str] = []

    def again() -> None:
        ran.append("call")
        wakeups.put(again)

    wakeups.put(again)
    wakeups.put(again)
    for turn in range(1, 4):
        loop.turn()
        ran.append("turn")
        assert ran == ["call", "call", "turn"] * turn
    assert loop.wakeups == 4


@pytest.mark.parametrize(
    "error", [ValueError("a request's"), asyncio.CancelledError(), KeyboardInterrupt(), SystemExit(1), GeneratorExit()]
)
def test_an_error_harms_no_other_call(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    """B1: what one call raises takes no other along: those behind it run too, and later ones."""
    loop = HandLoop()
    wakeups = Wakeups(loop.schedule, never_closed)
    ran: list[int] = []

    def fail() -> None:
        raise error

    wakeups.put(lambda: ran.append(1))
    wakeups.put(fail)
    wakeups.put(lambda: ran.append(2))
    with caplog.at_level(logging.ERROR, "bridge"):
        for _ in range(3):
            # What is no Exception may come out of a turn and end the loop; a loop that is run again goes on.
            with contextlib.suppress(type(error)):
                loop.turn()
    assert ran == [1, 2]
    if isinstance(error, Exception):
        assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [error]
    wakeups.put(lambda: ran.append(3))
    loop.turn()
    assert ran == [1, 2, 3]


def test_a_closed_loop_raises() -> None:
    """B5: a call into a closed loop raises, each time, and not only the first."""
    schedule = Refusing()
    wakeups = Wakeups(schedule, schedule.is_closed)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="closed"):
            wakeups.put(lambda: None)


def test_a_loop_that_takes_calls_again() -> None:
    """B5: a failure to wake the loop does not make later calls wait for ever."""
    schedule = Refusing()
    wakeups = Wakeups(schedule, schedule.is_closed)
    ran: list[int] = []
    with pytest.raises(RuntimeError):
        wakeups.put(lambda: ran.append(1))
    schedule.closed = False
    wakeups.put(lambda: ran.append(2))
    schedule.loop.turn()
    assert 2 in ran
    assert ran.count(2) == 1


@pytest.mark.parametrize("error", [MemoryError(), Interrupted()], ids=lambda error: type(error).__name__)
def test_a_failure_to_wake_loses_no_other_call(error: BaseException) -> None:
    """B1: what goes wrong in one thread's call loses no other's, if the loop lives: they run with the next."""
    loop = HandLoop()
    ran: list[str] = []
    errors = [error]

    def schedule(call: Callable[[], None]) -> None:
        if errors:
            # Another thread comes in between: it relies on the drain that is being scheduled.
            wakeups.put(lambda: ran.append("other"))
            raise errors.pop()
        loop.schedule(call)

    wakeups = Wakeups(schedule, never_closed)
    with pytest.raises(type(error)):
        wakeups.put(lambda: ran.append("failed"))
    wakeups.put(lambda: ran.append("next"))
    loop.turn()
    assert [call for call in ran if call != "failed"] == ["other", "next"]


def test_a_closed_loop_holds_no_calls() -> None:
    """B1: calls that a closed loop refused are not kept, with the requests that they belong to."""
    schedule = Refusing()
    wakeups = Wakeups(schedule, schedule.is_closed)
    for _ in range(100):
        with pytest.raises(RuntimeError):
            wakeups.put(lambda: None)
    assert len(wakeups._calls) <= 1


def test_many_producers() -> None:
    """W17: 8 threads, 2,000 calls each, on a real loop: each runs once, in its thread's order, with fewer wake-ups."""
    producers, calls = 8, 2000
    ran: list[tuple[int, int]] = []
    woken = 0

    async def main() -> None:
        loop = asyncio.get_running_loop()
        finished = asyncio.Event()

        def schedule(call: Callable[[], None]) -> None:
            nonlocal woken
            woken += 1  # under the token
            loop.call_soon_threadsafe(call)

        wakeups = Wakeups(schedule, loop.is_closed)
        begin = threading.Barrier(producers)

        def take(producer: int, number: int) -> None:
            ran.append((producer, number))
            if len(ran) == producers * calls:
                finished.set()

        def produce(producer: int) -> None:
            begin.wait(LIMIT)
            for number in range(calls):
                wakeups.put(partial(take, producer, number))

        threads = [threading.Thread(target=produce, args=(producer,)) for producer in range(producers)]
        for thread in threads:
            thread.start()
        await asyncio.wait_for(finished.wait(), LIMIT)
        for thread in threads:
            thread.join(LIMIT)

    run(main)
    for producer in range(producers):
        assert [number for who, number in ran if who == producer] == list(range(calls))
    assert 0 < woken < producers * calls

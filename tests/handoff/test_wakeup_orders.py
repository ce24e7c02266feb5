"""The numbered steps of Wakeups, in every order that threads and a loop can have."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.handoff.wakeups import Wakeups
from tests.handoff.interleaving import Interleaving, StepDeque, StepLock, by, every_order, interleaved


class TakesTheTokenFirst(Wakeups):
    """Step 2 before step 1, as the comment says that it must not be."""

    __slots__ = ()

    def put(self, call: Callable[[], None]) -> None:
        is_first = self._token.acquire(False)
        self._calls.append(call)
        if is_first:
            self._schedule(self._drain_in_loop)


class FreesTheTokenLast(Wakeups):
    """Step b before step a."""

    __slots__ = ()

    def _drain_in_loop(self) -> None:
        for _ in range(len(self._calls)):
            self._calls.popleft()()
        self._token.release()


def in_steps(kind: type[Wakeups], run: Interleaving, schedule: Callable[[Callable[[], None]], object]) -> Wakeups:
    """Wakeups whose queue and token are watched."""
    wakeups: Any = kind(schedule, never_closed)
    wakeups._calls = StepDeque()
    wakeups._calls.run = run
    wakeups._token = StepLock(run)
    wakeups._token.release = partial(stepping_release, run, wakeups._token.release)
    return wakeups  # type: ignore[no-any-return]


def never_closed() -> bool:
    """What loop.is_closed is while the loop lives."""
    return False


def stepping_release(run: Interleaving, release: Callable[[], None]) -> None:
    """Make the release a step too: it is step (a)."""
    run.step()
    release()


def lost_calls(kind: type[Wakeups], choose: Callable[[int], int], producers: list[int]) -> set[tuple[int, int]]:
    """Let each producer put so many calls while a loop drains them; return what did not run.

    Raises AssertionError if a call ran twice or out of its thread's order.
    """
    with interleaved(choose) as run:
        scheduled: list[Callable[[], None]] = []
        ran: list[tuple[int, int]] = []

        def schedule(drain: Callable[[], None]) -> None:
            run.step()
            scheduled.append(drain)

        def loop() -> None:
            while True:
                run.step(lambda: bool(scheduled))
                scheduled.pop(0)()

        def produce(producer: int, count: int) -> None:
            for number in range(count):
                wakeups.put(partial(ran.append, (producer, number)))

        wakeups = in_steps(kind, run, schedule)
        run.start(loop, "loop")
        for producer, count in enumerate(producers):
            run.start(partial(produce, producer, count), f"producer {producer}")
        run.go_on()
        assert run.running() == ["loop"]
        for producer in range(len(producers)):
            numbers = [number for who, number in ran if who == producer]
            assert numbers == sorted(set(numbers)), f"out of order or twice: {ran}"
        return {(producer, number) for producer, count in enumerate(producers) for number in range(count)} - set(ran)


@pytest.mark.parametrize("producers", [[1], [2], [1, 1]], ids=str)
def test_every_order(producers: list[int]) -> None:
    """B1: no call is lost, whatever pause the system inserts at any step of any thread."""

    def scenario(choose: Callable[[int], int]) -> None:
        assert lost_calls(Wakeups, choose, producers) == set()

    assert every_order(scenario, limit=20_000) > len(producers)


@settings(max_examples=100)
@given(choices=st.lists(st.integers(0, 3), max_size=60))
def test_many_orders(choices: list[int]) -> None:
    """B1: nor with three threads that put two calls each."""
    assert lost_calls(Wakeups, by(choices), [2, 2, 2]) == set()


@pytest.mark.parametrize("wrong", [TakesTheTokenFirst, FreesTheTokenLast])
def test_the_other_orders_lose_calls(wrong: type[Wakeups]) -> None:
    """The orders of steps that the comment warns of do lose calls: so these tests would see it."""
    lost: set[tuple[int, int]] = set()

    def scenario(choose: Callable[[int], int]) -> None:
        lost.update(lost_calls(wrong, choose, [2]))

    every_order(scenario, limit=20_000)
    assert lost

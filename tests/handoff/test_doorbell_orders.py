"""The numbered steps of Doorbell, in every order that threads and a loop can have."""

from __future__ import annotations

import os
import weakref
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.handoff import doorbell
from bridge.handoff.doorbell import Doorbell
from tests.handoff.interleaving import Interleaving, StepDeque, StepLock, by, every_order, interleaved

if TYPE_CHECKING:
    from collections.abc import Iterator

FD = 1_000_000  # nobody's

Calls = deque[Callable[[], None]]


class RingsFirst(Doorbell):
    """Step 2 before step 1, as the comment says that it must not be."""

    __slots__ = ()

    def ring(self, call: Callable[[], None]) -> bool:
        os.eventfd_write(self._fd, 1)
        self._calls.append(call)
        return True


def calls_first(fd: int, calls: Calls) -> None:
    """Step b before step a."""
    for _ in range(len(calls)):
        calls.popleft()()
    os.eventfd_read(fd)


class StepEventfd:
    """An eventfd whose writes and reads are steps."""

    run: Interleaving

    def __init__(self) -> None:
        self.is_readable = False

    def write(self, fd: int, count: int) -> None:
        """What os.eventfd_write is."""
        assert (fd, count) == (FD, 1)
        self.run.step()
        self.is_readable = True

    def read(self, fd: int) -> int:
        """What os.eventfd_read is."""
        assert fd == FD
        self.run.step()
        assert self.is_readable, "the loop answers only when it may"
        self.is_readable = False
        return 1


class Loop:
    """Where a doorbell is made."""

    def is_closed(self) -> bool:
        """Never."""
        return False

    def add_reader(self, registration: object, *_callback: object) -> None:
        """Keep what the selector would keep."""
        self.registration = registration


@pytest.fixture
def eventfd(monkeypatch: pytest.MonkeyPatch) -> Iterator[StepEventfd]:
    """In place of the system's."""
    stepping = StepEventfd()
    with monkeypatch.context() as patch:
        patch.setattr(os, "eventfd", lambda *_: FD)
        patch.setattr(os, "eventfd_write", stepping.write)
        patch.setattr(os, "eventfd_read", stepping.read)
        # A doorbell that is let go of closes what is no descriptor at all.
        patch.setattr(weakref, "finalize", lambda *_: Loop())
        yield stepping


def lost_calls(
    eventfd: StepEventfd,
    kind: type[Doorbell],
    answer: Callable[[int, Calls], None],
    choose: Callable[[int], int],
    producers: list[int],
) -> set[tuple[int, int]]:
    """Let each producer ring so many times while a loop answers; return the calls that were not made.

    Raises AssertionError if a call was made twice or out of its thread's order.
    """
    with interleaved(choose) as run:
        eventfd.run, eventfd.is_readable = run, False
        made: list[tuple[int, int]] = []
        place: Any = Loop()
        bell: Any = kind(place)
        bell._calls = StepDeque()
        bell._calls.run = run
        bell._mutex = StepLock(run)

        def loop() -> None:
            while True:
                run.step(lambda: eventfd.is_readable)
                answer(FD, bell._calls)

        def produce(producer: int, count: int) -> None:
            for number in range(count):
                bell.ring(partial(made.append, (producer, number)))

        run.start(loop, "loop")
        for producer, count in enumerate(producers):
            run.start(partial(produce, producer, count), f"producer {producer}")
        run.go_on()
        assert run.running() == ["loop"]
        for producer in range(len(producers)):
            numbers = [number for who, number in made if who == producer]
            assert numbers == sorted(set(numbers)), f"out of order or twice: {made}"
        return {(producer, number) for producer, count in enumerate(producers) for number in range(count)} - set(made)


@pytest.mark.parametrize("producers", [[1], [2], [1, 1]], ids=str)
def test_every_order(eventfd: StepEventfd, producers: list[int]) -> None:
    """B1: no call is lost, whatever pause the system inserts at any step of any thread."""

    def scenario(choose: Callable[[int], int]) -> None:
        assert lost_calls(eventfd, Doorbell, doorbell._answer_in_loop, choose, producers) == set()

    assert every_order(scenario, limit=20_000) > len(producers)


def test_many_orders(eventfd: StepEventfd) -> None:
    """B1: nor with three threads that ring twice each."""

    @settings(max_examples=100)
    @given(choices=st.lists(st.integers(0, 3), max_size=60))
    def scenario(choices: list[int]) -> None:
        assert lost_calls(eventfd, Doorbell, doorbell._answer_in_loop, by(choices), [2, 2, 2]) == set()

    scenario()


@pytest.mark.parametrize(
    ("wrong", "answer"),
    [(RingsFirst, doorbell._answer_in_loop), (Doorbell, calls_first)],
    ids=["RingsFirst", "calls_first"],
)
def test_the_other_orders_lose_calls(
    eventfd: StepEventfd, wrong: type[Doorbell], answer: Callable[[int, Calls], None]
) -> None:
    """The orders of steps that the comment warns of do lose calls: so these tests would see it."""
    lost: set[tuple[int, int]] = set()

    def scenario(choose: Callable[[int], int]) -> None:
        lost.update(lost_calls(eventfd, wrong, answer, choose, [2]))

    every_order(scenario, limit=20_000)
    assert lost

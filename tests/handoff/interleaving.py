"""Runs the code of several threads in an order that the test chooses, step by step.

The threads are real ones, but only one runs at a time, and it hands over only where it is about to do what another
thread can see: take a lock, wake or be woken, touch a queue. So a test can try every order of those steps, or many
random ones that Hypothesis makes shorter when one fails. A thread that waits is not chosen until what it waits for has
come; when none can go on, the run is *quiet*, and whatever should have happened has happened or never will.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from tests.harness import LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RealThread = threading.Thread
"""What threads are made of, also while a test puts something else in its place."""

STEPS = 5000
"""More steps than any scenario has: two threads that wake one another for ever are found by them."""


class Stopped(BaseException):
    """Ends a thread whose run is over."""


def taken_lock() -> threading.Lock:
    """A lock by which one thread waits for another: the cheapest wait that there is."""
    lock = threading.Lock()
    lock.acquire()
    return lock


class Strand:
    """One thread of a run."""

    def __init__(self, run: Callable[[], object], name: str) -> None:
        self.run = run
        self.name = name
        self.turn = taken_lock()
        self.ready: Callable[[], bool] = always
        self.may_be_late: Callable[[], bool] | None = None
        self.is_late = False
        self.is_over = False
        self.error: BaseException | None = None


def always() -> bool:
    """What a thread waits for that waits for its turn only."""
    return True


class Interleaving:
    """A run of several threads, one at a time.

    choose: is asked which of so many threads goes on; 0 is the one that ran last, if it can.
    late: how many waits with a time limit may end without what they wait for.
    """

    def __init__(self, choose: Callable[[int], int], *, late: int = 0) -> None:
        self._choose = choose
        self._late = late
        self._strands: list[Strand] = []
        self._by_thread: dict[int, Strand] = {}
        self._threads: list[threading.Thread] = []
        self._back = taken_lock()
        self._is_over = False

    # ---- for the test ------------------------------------------------------------------------------------------------

    def start(self, run: Callable[[], object], name: str = "") -> None:
        """Add a thread; it runs when it is chosen."""
        strand = Strand(run, name)
        self._strands.append(strand)
        thread = RealThread(target=self._run_in_strand, args=(strand,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def go_on(self) -> None:
        """Run until it is quiet. Raises what a thread raised."""
        for _ in range(STEPS):
            able = [strand for strand in self._strands if not strand.is_over and strand.ready()]
            if not able:
                break
            late = [strand for strand in self._strands if self._can_be_late(strand)] if self._late else []
            chosen = (able + late)[self._choose(len(able) + len(late))] if len(able) + len(late) > 1 else able[0]
            if chosen in late and chosen not in able:
                self._late -= 1
                chosen.is_late = True
            self._strands.remove(chosen)
            self._strands.insert(0, chosen)
            chosen.turn.release()
            assert self._back.acquire(timeout=LIMIT), f"{chosen.name} waits for something that no test knows of"
            if chosen.error is not None:
                raise chosen.error
        else:
            raise AssertionError(f"after {STEPS} steps it still goes on")

    def let_waits_end(self) -> None:
        """Let every wait with a time limit end without what it waits for, until none is left."""
        for _ in range(STEPS):
            self.go_on()
            late = [strand for strand in self._strands if self._can_be_late(strand)]
            if not late:
                return
            late[0].is_late = True
            late[0].ready = always

    def running(self) -> list[str]:
        """The names of the threads that have not ended."""
        return [strand.name for strand in self._strands if not strand.is_over]

    def stop(self) -> None:
        """End what has not ended."""
        self._is_over = True
        for strand in self._strands:
            with contextlib.suppress(RuntimeError):
                strand.turn.release()
        for thread in self._threads:
            thread.join(LIMIT)
            assert not thread.is_alive()

    # ---- for what runs in it -----------------------------------------------------------------------------------------

    def step(self, ready: Callable[[], bool] = always, *, may_be_late: bool = False) -> bool:
        """Hand over; go on when chosen, which is not before `ready()`. Return False if the wait's limit was over."""
        strand = self._by_thread.get(threading.get_ident())
        if strand is None:
            return True  # the test itself, while all threads stand still
        if self._is_over:
            raise Stopped
        strand.ready = ready
        strand.may_be_late = (lambda: not ready()) if may_be_late else None
        self._back.release()
        strand.turn.acquire()
        if self._is_over:
            raise Stopped
        was_late, strand.is_late = strand.is_late, False
        return not was_late

    def _can_be_late(self, strand: Strand) -> bool:
        return not strand.is_over and strand.may_be_late is not None and strand.may_be_late()

    def _run_in_strand(self, strand: Strand) -> None:
        self._by_thread[threading.get_ident()] = strand
        strand.turn.acquire()
        try:
            if not self._is_over:
                strand.run()
        except Stopped:
            pass
        except BaseException as error:
            strand.error = error
        del self._by_thread[threading.get_ident()]
        strand.is_over = True
        with contextlib.suppress(RuntimeError):
            self._back.release()


class StepLock:
    """threading.Lock and RLock, each acquisition a step."""

    def __init__(self, run: Interleaving) -> None:
        self._run = run
        self._is_held = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        self._run.step((lambda: not self._is_held) if blocking else always)
        if self._is_held:
            return False
        self._is_held = True
        return True

    def release(self) -> None:
        assert self._is_held
        self._is_held = False

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_error: object) -> None:
        self.release()


class StepBaton:
    """bridge's Baton, each wait and wake a step."""

    def __init__(self, run: Interleaving) -> None:
        self._run = run
        self._is_woken = False

    def wait(self, timeout: float = -1) -> bool:
        if not self._run.step(lambda: self._is_woken, may_be_late=timeout >= 0):
            return False
        self._is_woken = False
        return True

    def wake(self) -> None:
        self._run.step()
        self._is_woken = True


class StepDeque(deque[Any]):
    """A deque that one thread empties: each addition and each look at its length a step."""

    run: Interleaving

    def append(self, item: Any, /) -> None:
        self.run.step()
        super().append(item)

    def __len__(self) -> int:
        self.run.step()
        return super().__len__()


@contextlib.contextmanager
def interleaved(choose: Callable[[int], int], *, late: int = 0) -> Iterator[Interleaving]:
    """A run that leaves no thread behind."""
    run = Interleaving(choose, late=late)
    try:
        yield run
    finally:
        run.stop()


def by(choices: list[int]) -> Callable[[int], int]:
    """Choose by a list, and after its end the thread that ran last."""
    rest = iter(choices)
    return lambda count: next(rest, 0) % count


class Order:
    """Chooses as a prefix says, and then the thread that ran last; remembers what it chose from what."""

    def __init__(self, prefix: list[int]) -> None:
        self.prefix = prefix
        self.chosen: list[int] = []
        self.counts: list[int] = []

    def __call__(self, count: int) -> int:
        choice = self.prefix[len(self.chosen)] if len(self.chosen) < len(self.prefix) else 0
        self.chosen.append(choice)
        self.counts.append(count)
        return choice


def every_order(scenario: Callable[[Callable[[int], int]], object], limit: int) -> int:
    """Run a scenario once for every order that its threads can have; return how many that were.

    limit: how many there may be at most, so that a scenario that grew is noticed.
    """
    prefix: list[int] = []
    for number in range(1, limit + 1):
        order = Order(prefix)
        scenario(order)
        while order.chosen and order.chosen[-1] == order.counts[-1] - 1:
            order.chosen.pop()
            order.counts.pop()
        if not order.chosen:
            return number
        prefix = [*order.chosen[:-1], order.chosen[-1] + 1]
    raise AssertionError(f"there are more than {limit} orders")

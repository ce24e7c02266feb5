"""Calls for a thread that leaves, in the orders that its steps and those of the loop and of a pool can have."""

from __future__ import annotations

import contextlib
from collections import deque
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import Overloaded
from bridge.handoff import serving_thread
from bridge.handoff.serving_thread import PoolThread, ServingThread
from bridge.handoff.workers import WorkerPool, current_worker
from tests.handoff.interleaving import Interleaving, StepDeque, StepLock, by, every_order
from tests.handoff.stepping_pool import never, stepping_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

choices = st.lists(st.integers(0, 5), max_size=100)


class CallDeque(StepDeque):
    """A deque that two threads empty: each removal a step, too."""

    def popleft(self) -> Any:
        self.run.step()
        return super().popleft()


class Stepping(ServingThread):
    """A ServingThread each look at whose marks, and each change of them, is a step."""

    run: Interleaving
    is_marked = False
    runs_a_call = False

    @property
    def _has_left(self) -> bool:
        self.run.step()
        return self.is_marked

    @_has_left.setter
    def _has_left(self, has_left: bool) -> None:
        self.run.step()
        self.is_marked = has_left

    @property
    def _is_running(self) -> bool:
        self.run.step()
        return self.runs_a_call

    @_is_running.setter
    def _is_running(self, is_running: bool) -> None:
        self.run.step()
        self.runs_a_call = is_running


class LooksFirst(Stepping):
    """Step b before step a, as the comment says that it must not be."""

    def leave(self) -> bool:
        has_calls = bool(self.calls)
        self._has_left = True
        return has_calls


class Direct:
    """In place of a PoolThread: calls that come to it run at once, so that only the steps before that count."""

    def __init__(self, _pool: object) -> None:
        pass

    def put(self, call: Any) -> None:
        call.run()

    def finish(self) -> None:
        pass


class Loop:
    """What runs in the loop, in the order in which it was put there."""

    def __init__(self, run: Interleaving) -> None:
        self.run = run
        self.steps: deque[Callable[[], object]] = deque()
        self.is_over = False

    def put(self, step: Callable[[], object]) -> None:
        """Run a step soon; from any thread."""
        self.steps.append(step)

    def run_all(self) -> None:
        """Be the loop's thread."""
        while True:
            self.run.step(lambda: bool(self.steps) or self.is_over)
            if not self.steps:
                return
            self.steps.popleft()()


class Recorded:
    """Calls that take a step in the middle; none of one request's may run beside another."""

    def __init__(self, run: Interleaving) -> None:
        self.run = run
        self.running = 0
        self.ran: list[int] = []
        self.where: list[Any] = []

    def __call__(self, number: int) -> None:
        self.running += 1
        assert self.running == 1, "two calls of a request run side by side"
        self.where.append(current_worker())
        self.run.step()
        self.ran.append(number)
        self.running -= 1


@contextlib.contextmanager
def scene(
    choose: Callable[[int], int],
    kind: type[Stepping] = Stepping,
    *,
    threads: int = 2,
    refuses: Callable[[], bool] = never,
) -> Iterator[tuple[Interleaving, WorkerPool, Callable[[], Stepping]]]:
    """A run, its pool, and what makes serving threads in it."""
    with pytest.MonkeyPatch.context() as patch, stepping_pool(choose, threads, refuses=refuses) as (run, pool):
        patch.setattr(serving_thread, "threading", SimpleNamespace(Lock=partial(StepLock, run)))

        def make() -> Stepping:
            stepping = type("Made", (kind,), {"run": run})(pool, lambda: None)
            stepping.calls = CallDeque()
            stepping.calls.run = run
            return stepping  # type: ignore[no-any-return]

        yield run, pool, make


def serve_and_leave(calls: Stepping, loop: Loop, times: int) -> None:
    """What the serving thread does: it comes by so many times, then it leaves."""
    for _ in range(times):
        calls.run_calls()
        if calls.has_calls_to_pass_on:
            loop.put(calls.pass_on_in_loop)
    if calls.leave():
        loop.put(calls.pass_on_in_loop)


def leave_in_loop(calls: Stepping) -> None:
    """What the loop does when the answer is complete: the thread is to run no more calls."""
    if calls.leave():
        calls.pass_on_in_loop()


def leave_during(
    choose: Callable[[int], int], kind: type[Stepping], submitted: int, times: int, left_after: int | None = None
) -> list[int]:
    """Submit calls while the thread serves and leaves; return what has run when all is quiet.

    left_after: how many calls are submitted before the loop itself lets the thread leave.
    """
    with scene(choose, kind) as (run, _pool, make):
        calls, loop, recorded = make(), Loop(run), Recorded(run)
        for number in range(submitted):
            if number == left_after:
                loop.put(partial(leave_in_loop, calls))
            loop.put(partial(calls.submit, recorded, number))
        run.start(loop.run_all, "loop")
        run.start(partial(serve_and_leave, calls, loop, times), "serving thread")
        run.go_on()
        ran = list(recorded.ran)
        loop.put(calls.finish_in_loop)
        loop.is_over = True
        run.go_on()
        assert run.running() == ["pool-worker-1"] * len(run.running()), "nobody waits for ever"
        run.let_waits_end()
        assert run.running() == [], "no thread is kept"
        return ran


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that are passed on run at once."""
    monkeypatch.setattr(serving_thread, "PoolThread", Direct)


@pytest.mark.usefixtures("direct")
def test_every_order_of_a_call_and_a_leave() -> None:
    """A12: a call that comes while the thread leaves runs once, in every order of their steps."""
    orders = every_order(lambda choose: check([0], leave_during(choose, Stepping, 1, 0)), limit=20_000)
    assert orders > 3


@pytest.mark.usefixtures("direct")
def test_the_other_order_loses_calls() -> None:
    """A12: were the mark set after the look, a call would be lost; these tests would see it."""
    with pytest.raises(AssertionError, match="ran"):
        every_order(lambda choose: check([0], leave_during(choose, LooksFirst, 1, 0)), limit=20_000)


def check(expected: list[int], ran: list[int]) -> None:
    """Demand that these have run."""
    assert ran == expected, f"{ran} ran, not {expected}"


@settings(max_examples=200)
@given(
    choices=choices,
    submitted=st.integers(1, 4),
    times=st.integers(0, 3),
    left_after=st.none() | st.integers(0, 3),
)
def test_leaving_at_any_moment(choices: list[int], submitted: int, times: int, left_after: int | None) -> None:
    """A12: whenever the thread leaves, by itself or as the loop has it, each call runs once, one at a time."""
    ran = leave_during(by(choices), Stepping, submitted, times, left_after)
    assert sorted(ran) == list(range(submitted))


@settings(max_examples=200)
@given(choices=choices, before=st.integers(0, 2), between=st.integers(0, 2), after=st.integers(0, 2))
def test_ending_at_any_moment(choices: list[int], before: int, between: int, after: int) -> None:
    """A12, B1: calls before, while and after the request ends run once each, and no thread is kept for it."""
    with scene(by(choices)) as (run, pool, make):
        calls, loop, recorded = make(), Loop(run), Recorded(run)
        calls.leave()
        numbers = iter(range(10))
        for _ in range(before):
            loop.put(partial(calls.submit, recorded, next(numbers)))
        run.start(loop.run_all, "loop")
        for _ in range(between):
            loop.put(partial(calls.submit, recorded, next(numbers)))
        loop.put(calls.finish_in_loop)
        run.go_on()
        assert sorted(recorded.ran) == list(range(before + between))
        for _ in range(after):
            run.start(partial(loop.put, partial(calls.submit, Recorded(run), next(numbers))), "a task that outlives it")
        run.go_on()
        loop.is_over = True
        run.go_on()
        threads, busy, queued = pool.counts()
        assert (busy, queued) == (0, 0)
        assert len(run.running()) == threads
        run.let_waits_end()
        assert run.running() == []


def call(run: Callable[[], object]) -> serving_thread._Call:
    """A call as ServingThread makes it."""
    return serving_thread._Call(run, ())


@settings(max_examples=200)
@given(
    choices=choices,
    threads=st.integers(1, 3),
    counts=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    retire=st.booleans(),
)
def test_owners_of_a_pool(choices: list[int], threads: int, counts: list[int], retire: bool) -> None:
    """A12: each owner's calls run in order, one at a time, all in one thread, whatever others and the pool do."""
    with scene(by(choices), threads=threads) as (run, pool, _):
        owners = [(PoolThread(pool), Recorded(run)) for _ in counts]

        def use(owner: PoolThread, recorded: Recorded, count: int) -> None:
            for number in range(count):
                owner.put(call(partial(recorded, number)))

        for (owner, recorded), count in zip(owners, counts, strict=True):
            run.start(partial(use, owner, recorded, count), "owner")
        if retire:
            run.start(pool.retire, "retirement")
        run.go_on()
        for (owner, recorded), count in zip(owners, counts, strict=True):
            assert recorded.ran == list(range(count))
            # Once more: now the thread is asleep
            run.start(partial(owner.put, call(partial(recorded, count))), "owner")
        run.go_on()
        for (owner, recorded), count in zip(owners, counts, strict=True):
            assert recorded.ran == list(range(count + 1))
            assert len(set(recorded.where)) == 1, "all in one thread"
            run.start(owner.finish, "end")
        run.go_on()
        run.let_waits_end()
        assert run.running() == []
        assert pool.counts() == (0, 0, 0)


def test_every_order_of_a_call_and_the_end() -> None:
    """A12, B1: a call beside the end of its owner runs once, and the thread is let go, in every order."""

    def scenario(choose: Callable[[int], int]) -> None:
        with scene(choose, threads=1) as (run, pool, _):
            owner, recorded = PoolThread(pool), Recorded(run)
            run.start(partial(owner.put, call(partial(recorded, 0))), "owner")
            run.start(owner.finish, "end")
            run.go_on()
            assert recorded.ran == [0]
            run.let_waits_end()
            assert run.running() == []

    assert every_order(scenario, limit=20_000) > 10


@settings(max_examples=150)
@given(choices=choices, refusals=st.lists(st.booleans(), max_size=6), count=st.integers(1, 4))
def test_without_new_threads(choices: list[int], refusals: list[bool], count: int) -> None:
    """B5: where the system gives no thread each call fails at once or runs; none waits for ever."""
    script = iter(refusals)
    with scene(by(choices), threads=1, refuses=lambda: next(script, False)) as (run, pool, _):
        owners = [(PoolThread(pool), Recorded(run)) for _ in range(2)]
        futures: list[Future[Any]] = []

        def use(owner: PoolThread, recorded: Recorded) -> None:
            for number in range(count):
                queued = call(partial(recorded, number))
                futures.append(queued.future)
                owner.put(queued)

        for owner, recorded in owners:
            run.start(partial(use, owner, recorded), "owner")
        run.go_on()
        errors = [future.exception(0) for future in futures if future.done()]
        assert len(errors) == 2 * count
        assert {type(error) for error in errors if error is not None} <= {Overloaded}
        assert sum(len(recorded.ran) for _, recorded in owners) == errors.count(None)
        for owner, _ in owners:
            run.start(owner.finish, "end")
        run.go_on()
        run.let_waits_end()
        assert run.running() == []

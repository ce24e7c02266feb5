"""The numbered steps of ServingThread in wrong orders: the tests of its right one would see them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from bridge.handoff import serving_thread
from tests.handoff.test_serving_thread_orders import Direct, Loop, Recorded, Stepping, leave_in_loop, scene
from tests.races.searching import few_interruptions

Choose = Callable[[int], int]


class LooksBeforeItRuns(Stepping):
    """Step ii before step i: the serving thread looks whether it has left, and then says that it runs a call."""

    def run_calls(self) -> None:
        while self.calls and not self._has_left:
            self._is_running = True
            self.calls.popleft().run()
            self._is_running = False


class AsksBeforeItEnds(Stepping):
    """Step v before step iv: the serving thread looks for calls, and then says that it runs none."""

    must_ask = False

    def run_calls(self) -> None:
        while self.calls:
            self._is_running = True
            if self._has_left:
                self._is_running = False
                break
            self.calls.popleft().run()
            self.must_ask = super().has_calls_to_pass_on
            self._is_running = False

    @property
    def has_calls_to_pass_on(self) -> bool:
        return self.must_ask


class PassesOnBesideACall(Stepping):
    """Step 3 without its look: the loop passes calls on while the serving thread runs one."""

    def pass_on_in_loop(self) -> None:
        self.runs_a_call = False
        super().pass_on_in_loop()


def leave_beside(choose: Choose, kind: type[Stepping] = Stepping) -> None:
    """Let the loop leave and submit while the serving thread, which then stays away, runs a call."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serving_thread, "PoolThread", Direct)
        with scene(choose, kind) as (run, _pool, make):
            calls, loop, recorded = make(), Loop(run), Recorded(run)

            def serve() -> None:
                calls.run_calls()
                if calls.has_calls_to_pass_on:
                    loop.put(calls.pass_on_in_loop)

            calls.submit(recorded, 0)
            loop.put(partial(leave_in_loop, calls))
            loop.put(partial(calls.submit, recorded, 1))
            run.start(serve, "serving thread")
            run.start(loop.run_all, "loop")
            run.go_on()
            assert sorted(recorded.ran) == [0, 1]
            loop.is_over = True
            run.go_on()
            assert run.running() == []


def test_the_right_order() -> None:
    """A12: each call runs once, one at a time, when the loop itself lets the thread leave."""
    assert few_interruptions(leave_beside, interruptions=3) > 100


@pytest.mark.parametrize("wrong", [LooksBeforeItRuns, AsksBeforeItEnds, PassesOnBesideACall])
def test_the_other_orders_are_found(wrong: type[Stepping]) -> None:
    """The orders that the comment warns of lose a call or run two side by side: so these tests would see it."""
    with pytest.raises((AssertionError, IndexError)):
        few_interruptions(partial(leave_beside, kind=wrong), interruptions=3)

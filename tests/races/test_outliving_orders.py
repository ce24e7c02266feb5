"""The numbered steps of Outliving: the end of an application in one loop, and who waits for it in another."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bridge.outliving import Outliving
from tests.handoff.interleaving import every_order
from tests.races.chain import chained
from tests.races.fields import stepping
from tests.races.step_loop import nothing

Choose = Callable[[int], int]


class TellsFirst(Outliving):
    """Step 2 before step 1: who waits is told, and then the end is there."""

    def end_in_application_loop(self, error: BaseException | None) -> None:
        tell, self._tell = self._tell, None
        if tell is not None:
            tell()
        self.is_over = True


class LooksFirst(Outliving):
    """Step b before step a: the outer loop looks whether it is over, and then leaves who is to be told."""

    def begin_to_wait(self, tell: Callable[[], None]) -> None:
        self.may_end_yet = super().may_end()
        super().begin_to_wait(tell)

    def may_end(self) -> bool:
        return self.may_end_yet


def wait_for_the_end(choose: Choose, kind: type[Outliving] = Outliving) -> None:
    """Let an application end while another loop begins to wait for that; demand that it waits no longer."""
    with chained(choose) as run:
        outliving = stepping(kind, run, ["is_over", "_tell"])(lambda: False, nothing, nothing)
        news: list[bool] = []

        def wait() -> None:
            outliving.begin_to_wait(lambda: news.append(True))
            while outliving.may_end():
                run.step(lambda: bool(news))
                news.clear()

        run.start(lambda: outliving.end_in_application_loop(None), "loop of the application")
        run.start(wait, "loop of the outer adapter")
        run.go_on()
        assert run.running() == []


def test_every_order() -> None:
    """The law, B1: the end is seen in every order."""
    assert every_order(wait_for_the_end, limit=20_000) > 10


@pytest.mark.parametrize("wrong", [TellsFirst, LooksFirst])
def test_the_other_orders_are_found(wrong: type[Outliving]) -> None:
    """The orders that the comment warns of wait for ever: so these tests would see it."""
    with pytest.raises(AssertionError, match="== "):
        every_order(lambda choose: wait_for_the_end(choose, wrong), limit=20_000)

"""What a second look at a lost test says."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.suites.again import TIMES, passing_alone
from tests.suites.running import Run


class Runs:
    """Runs that go as it is written here: for each, the tests that pass."""

    def __init__(self, *passing: str) -> None:
        self._passing = list(passing)
        self.asked: list[str] = []

    def __call__(self, tests: Sequence[str]) -> Run:
        """Run tests."""
        self.asked.append("".join(tests))
        passing = self._passing.pop(0)
        return Run({test: "passed" if test in passing else "failed" for test in tests})


def test_a_test_that_is_lost_by_chance() -> None:
    """The law: what passes every time, alone, was not lost by the adapters."""
    runs = Runs("ab", "ab", "ab")
    assert passing_alone(["a", "b"], runs) == ["a", "b"]
    assert runs.asked == ["ab"] * TIMES


@pytest.mark.parametrize("passing", [("a", "ab", "ab"), ("ab", "a", "ab"), ("ab", "ab", "a")])
def test_a_test_that_fails_again(passing: tuple[str, ...]) -> None:
    """The law: one failure more, and it was."""
    assert passing_alone(["a", "b"], Runs(*passing)) == ["a"]


def test_a_test_that_does_not_run() -> None:
    """The law: what is not run has not passed."""
    assert passing_alone(["a"], lambda _tests: Run()) == []


def test_many_are_not_lost_by_chance() -> None:
    """The law: a broken adapter loses many, and none of them is looked at again."""
    assert passing_alone([str(number) for number in range(11)], Runs()) == []

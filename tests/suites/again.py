"""A second look at tests that pass only without the adapters, in runs of nothing else.

Frameworks' tests have threads and time limits of their own, which are lost now and then, by whoever takes longer, on a
machine that does other work as well. What the adapters lose is lost more often than once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.suites.comparing import PASSED
from tests.suites.running import Run

TIMES = 3
"""How often a test has to pass, and may not fail."""

_MANY = 10  # so many are not lost by chance


def passing_alone(tests: Sequence[str], run: Callable[[Sequence[str]], Run]) -> list[str]:
    """Return those of the tests that pass every time, alone, through the adapters."""
    if len(tests) > _MANY:
        return []
    passing = list(tests)
    for _ in range(TIMES):
        if passing:
            outcomes = run(passing).outcomes
            passing = [test for test in passing if outcomes.get(test) == PASSED]
    return passing

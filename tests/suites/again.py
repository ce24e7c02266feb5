"""A second look at tests that pass only without the adapters, in runs of nothing else.

Frameworks' tests race with threads and time limits of their own: Starlette's ``test_request_is_disconnected`` counts on
the end of an answer being sent before the thread of its test client asks for it. On a machine that does other work as
well they are lost now and then, by whoever takes longer. What the adapters lose is lost every time.
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

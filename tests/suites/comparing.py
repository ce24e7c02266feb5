"""Two runs of the same tests, as they are and through the adapters, and what may differ between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Outcomes = Mapping[str, str]
"""What became of each test of a run: ``passed``, ``skipped`` or ``failed``. One that is not there did not run."""

PASSED = "passed"

_TOLD = {PASSED: "passes", "skipped": "is skipped", "failed": "fails", None: "does not run"}


@dataclass(frozen=True)
class Excused:
    """Why a test may fail through the adapters that passes without them: why nobody could make it pass."""

    reason: str


def lost(native: Outcomes, bridged: Outcomes, excused: Mapping[str, Excused]) -> list[str]:
    """Return the tests that pass only without the adapters."""
    return [
        test
        for test, outcome in sorted(native.items())
        if outcome == PASSED != bridged.get(test) and test not in excused
    ]


def differences(native: Outcomes, bridged: Outcomes, excused: Mapping[str, Excused]) -> list[str]:
    """Return a line for each test that passes only without the adapters, and for each excuse that is not needed."""
    lines = [
        f"passes without the adapters, and {_TOLD[bridged.get(test)]} with them: {test}"
        for test in lost(native, bridged, excused)
    ]
    for test in sorted(excused):
        if native.get(test) != PASSED:
            lines.append(f"is excused, and {_TOLD[native.get(test)]} without the adapters: {test}")
        elif bridged.get(test) == PASSED:
            lines.append(f"is excused, and passes with the adapters: {test}")
    return lines

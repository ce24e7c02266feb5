"""Prints the table of what was seen, below pytest's own summary."""

from __future__ import annotations

import pytest

from tests.matrix.behaviours import Behaviour
from tests.matrix.directions import Direction
from tests.matrix.table import section

PROPERTY = "matrix"
"""The property under which a test's report tells what it saw."""


def print_matrix(reporter: pytest.TerminalReporter, direction: Direction) -> None:
    """Print what the tests of that direction saw, if any of them ran."""
    told = [
        value
        for reports in reporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", [])
        if name == PROPERTY and value[0] == direction.adapter
    ]
    if told:
        reporter.section(f"what {direction.adapter} gives, as seen")
        reporter.write(section(direction, {(kind, Behaviour[name]): seen for _, kind, name, seen in told}))

"""The look at every test of the suite: when it is over, nothing is there that was not there before."""

from __future__ import annotations

import contextlib
import gc
import time
from typing import TYPE_CHECKING

import pytest

from tests.leaks.census import KINDS, Census

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

ENDS_WITHIN = 5.0
"""Seconds. A thread that was told to end needs milliseconds, on a busy machine some more."""

SOON = 0.05
"""Seconds before the collector is asked: it takes longer than what ends by itself."""

MARKER = "leaves(*kinds, reason): what this test cannot take away again, of " + ", ".join(KINDS)


@contextlib.contextmanager
def nothing_is_left(but_for: Collection[str] = (), ends_within: float | None = None) -> Iterator[None]:
    """Demand that the block leaves no thread, descriptor, loop or task behind.

    but_for: kinds that are not looked at.
    """
    before = Census()
    yield
    nothing_came_since(before, but_for, ENDS_WITHIN if ends_within is None else ends_within)


def nothing_came_since(before: Census, but_for: Collection[str], ends_within: float) -> None:
    """Wait until all is gone that has come since; raise AssertionError if that takes too long."""
    started = time.monotonic()
    is_collected = False
    while left := Census().new_since(before, but_for):
        waited = time.monotonic() - started
        if waited > ends_within:
            lines = [f"{kind}: {name}" for kind, names in left.items() for name in names]
            raise AssertionError("left behind:\n" + "\n".join(lines))
        if waited > SOON and not is_collected:
            # What only the collector frees: a file or a loop among it warns then, which is an error as well.
            is_collected = True
            gc.collect()
        time.sleep(0.001 + waited / 10)


def exempted(node: pytest.Item) -> set[str]:
    """Return the kinds that a test says that it leaves."""
    kinds: set[str] = set()
    for marker in node.iter_markers("leaves"):
        if not marker.args or not set(marker.args) <= set(KINDS):
            raise ValueError(f"leaves() takes kinds out of {KINDS}, not {marker.args}")
        if not marker.kwargs.get("reason"):
            raise ValueError("leaves() needs a reason=")
        kinds.update(marker.args)
    return kinds


@pytest.fixture(autouse=True)
def every_test_cleans_up(request: pytest.FixtureRequest) -> Iterator[None]:
    """B1: after every test its threads, descriptors, loops and tasks are gone."""
    but_for = exempted(request.node)
    failed = request.session.testsfailed
    before = Census()
    yield
    # What a test leaves that broke off says nothing; its traceback alone keeps much alive.
    if request.session.testsfailed == failed:
        nothing_came_since(before, but_for, ENDS_WITHIN)

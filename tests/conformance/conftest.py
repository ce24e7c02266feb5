"""Closes what a test opened, and looks at what it left behind."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.conformance.adapting import close_adapters
from tests.harness import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

# Threads that libraries keep for later: asgiref's and asyncio's executors, trio's cache
KEPT_BY_LIBRARIES = ("ThreadPoolExecutor", "asyncio_", "Trio thread")


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """B1: after every test the adapters close, and no thread of theirs remains."""
    before = set(threading.enumerate())
    yield
    close_adapters()

    def left() -> list[threading.Thread]:
        new = set(threading.enumerate()) - before
        return [thread for thread in new if not thread.name.startswith(KEPT_BY_LIBRARIES)]

    eventually(lambda: not left(), f"these threads end: {left()}")

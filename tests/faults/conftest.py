"""Demands of each test that it leaves no thread and no descriptor behind, and closes what it made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.adapting import close_adapters
from tests.harness import eventually
from tests.soak.footprint import descriptors, threads

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT_BY_LIBRARIES = ("ThreadPoolExecutor", "asyncio_")


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """B1: after every fault the adapters close, and no thread and no file of theirs remains."""
    threads_before, before = threads(), descriptors()
    yield
    close_adapters()

    def left() -> list[str]:
        return [name for name in threads() - threads_before if not name.startswith(KEPT_BY_LIBRARIES)]

    eventually(lambda: not left(), f"these threads end: {left()}")
    eventually(lambda: not descriptors() - before, "these files are closed")

"""How long anything may take, and how to wait for what can only be asked for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 10.0
"""Seconds that any single wait of the harness may take; a healthy one takes milliseconds."""


def eventually(holds: Callable[[], object], what: str, limit: float = LIMIT) -> None:
    """Wait in a thread until `holds()` is true; for counters that have no event to wait for."""
    deadline = time.monotonic() + limit
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {limit:g} s: {what}")
        time.sleep(0.002)


async def until(holds: Callable[[], object], what: str, limit: float = LIMIT) -> None:
    """Wait in a coroutine until `holds()` is true, and let the loop go on meanwhile."""
    deadline = time.monotonic() + limit
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {limit:g} s: {what}")
        await anyio.sleep(0.002)

"""Waiting for what must not happen."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

if TYPE_CHECKING:
    from collections.abc import Callable

TURNS = 50
LONG_ENOUGH = 0.2
"""Seconds; longer than any timer of the adapter's that begins something by itself."""


async def settle() -> None:
    """Let the loop do all that it can do without help from outside."""
    for _ in range(TURNS):
        await anyio.lowlevel.checkpoint()


async def stays(holds: Callable[[], object], seconds: float = LONG_ENOUGH) -> None:
    """Demand that something is so, and remains so for a while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert holds()
        await anyio.sleep(0.005)

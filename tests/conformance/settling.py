"""Waiting for nothing in particular."""

from __future__ import annotations

import anyio
import anyio.lowlevel

TURNS = 50


async def settle() -> None:
    """Let the loop do all that it can do without help from outside."""
    for _ in range(TURNS):
        await anyio.lowlevel.checkpoint()

"""What a process holds: descriptors, memory, threads.

Memory is measured twice. The resident size is what an operator pays for, and sees memory that C code holds too; but
five megabytes after 20,000 requests are 262 bytes for each. The number of blocks that Python's allocator has given out
sees a single small object that every twentieth request leaves behind. tracemalloc would tell nothing more than that,
and makes every request several times as slow.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

MOST_GROWTH: Final = 5 * 1024 * 1024
"""Bytes that the resident size may grow by, however many requests there were."""
BLOCKS_PER_REQUEST: Final = 0.05
BLOCKS_ANYWAY: Final = 1000
"""Of tables that grow in steps, and of what libraries keep when they first meet a rare case."""

_C_LIBRARY = ctypes.CDLL(None)


@dataclass(frozen=True)
class Footprint:
    """A measurement. Threads are no part of it: a pool may grow to its size, and ends when its adapter closes."""

    descriptors: Counter[str]
    """How many of each: of sockets, of pipes, of each file."""
    resident: int
    blocks: int

    def told(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"footprint": [self.descriptors, self.resident, self.blocks]}

    @classmethod
    def from_told(cls, told: dict[str, Any]) -> Self:
        """Return what another process told."""
        descriptors, resident, blocks = told["footprint"]
        return cls(Counter(descriptors), resident, blocks)

    def faults(self, before: Footprint, requests: int) -> list[str]:
        """Say what has grown since another measurement."""
        found = [f"a new descriptor: {name}" for name in (self.descriptors - before.descriptors).elements()]
        if (growth := self.resident - before.resident) > MOST_GROWTH:
            found.append(f"{growth / 1024:.0f} kB more are resident")
        if (growth := self.blocks - before.blocks) > BLOCKS_ANYWAY + requests * BLOCKS_PER_REQUEST:
            found.append(f"{growth} more blocks of memory are in use after {requests} requests")
        return found


def footprint() -> Footprint:
    """Measure this process."""
    gc.collect()
    _C_LIBRARY.malloc_trim(0)  # what is free, and only kept for the next request, is nothing that is held
    return Footprint(descriptors(), _resident(), sys.getallocatedblocks())


def threads() -> frozenset[str]:
    """The threads that run, by name and ident."""
    return frozenset(f"{thread.name} ({thread.ident})" for thread in threading.enumerate())


def descriptors() -> Counter[str]:
    """What is open, and how often."""
    found: Counter[str] = Counter()
    for entry in os.listdir("/proc/self/fd"):
        try:
            found[os.readlink(f"/proc/self/fd/{entry}").partition(":")[0]] += 1
        except FileNotFoundError:
            pass  # the one by which the folder was read
    return found


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")

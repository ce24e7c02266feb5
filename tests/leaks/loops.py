"""Every event loop of this process that is not closed."""

from __future__ import annotations

import asyncio
import asyncio.constants
import os
import weakref
from typing import Any

import uvloop

IN_DEBUG_MODE = os.environ.get("TESTS_ASYNCIO_DEBUG") == "1"
"""Whether asyncio's debug mode is on for every loop of the suite: calls from wrong threads raise, say.

Not by PYTHONASYNCIODEBUG, which the processes that tests start would inherit: they would write to their standard error,
which is compared.
"""

SLOW = 10.0
"""Seconds for one callback, in that mode: applications in tests may block, and the machine may be busy."""

_loops: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()


def watch(kind: Any) -> None:
    """Take note of each loop of a kind that is made from now on: asyncio itself keeps no list of them."""
    make = kind.__init__

    def make_and_note(loop: Any, *arguments: Any, **options: Any) -> None:
        make(loop, *arguments, **options)
        _loops.add(loop)
        if IN_DEBUG_MODE:
            loop.set_debug(True)
            loop.slow_callback_duration = SLOW

    kind.__init__ = make_and_note


if IN_DEBUG_MODE:
    # Where a callback and a coroutine were made costs more than all else, and nobody asks for it here.
    vars(asyncio.constants)["DEBUG_STACK_DEPTH"] = 1
watch(asyncio.BaseEventLoop)
watch(uvloop.Loop)

# The first loop of libuv's in a process opens a pipe for signals, which stays: now, so that no test seems to leave it.
uvloop.new_event_loop().close()


def open_loops() -> list[asyncio.AbstractEventLoop]:
    """Return the loops that may still run something."""
    return [loop for loop in list(_loops) if not loop.is_closed()]

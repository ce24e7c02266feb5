"""Where a thread or a coroutine is, as warnings tell it."""

from __future__ import annotations

import asyncio
import inspect
import queue
import threading
from pathlib import Path
from typing import Any

from bridge.handoff.baton import Baton
from bridge.whereabouts import place_in_coroutine, place_in_thread
from tests.harness import LIMIT, eventually

HERE = str(Path(__file__))


def line_of(function: Any, text: str) -> int:
    """The number of a function's line."""
    lines, first = inspect.getsourcelines(function)
    return next(first + index for index, line in enumerate(lines) if text in line)


def waits_in_library(values: queue.Queue[None]) -> None:
    """Wait in the standard library."""
    values.get(timeout=LIMIT)


def waits_in_bridge(baton: Baton) -> None:
    """Wait as bridge does."""
    baton.wait(LIMIT)


def test_a_thread_in_a_library() -> None:
    """B2: of a thread that waits in a library the application's own function is told, and what it waits in."""
    values: queue.Queue[None] = queue.Queue()
    thread = threading.Thread(target=waits_in_library, args=[values], daemon=True)
    thread.start()
    assert thread.ident is not None
    own = f"waits_in_library ({HERE}:{line_of(waits_in_library, 'values.get')}), in Condition.wait ("
    eventually(lambda: place_in_thread(thread.ident or 0).startswith(own), "it waits")
    values.put(None)
    thread.join(LIMIT)
    assert place_in_thread(thread.ident) == "", "a thread that has ended is nowhere"


def test_a_thread_in_bridge() -> None:
    """B2: of a thread that waits in bridge it is told that the client is slow, not that bridge has a function."""
    baton = Baton()
    thread = threading.Thread(target=waits_in_bridge, args=[baton], daemon=True)
    thread.start()
    told = f"waits_in_bridge ({HERE}:{line_of(waits_in_bridge, 'baton.wait')}), which waits for its client"
    eventually(lambda: place_in_thread(thread.ident or 0) == told, "it waits")
    baton.wake()
    thread.join(LIMIT)


def test_this_thread() -> None:
    """B2: where the application's own function is the innermost, it is told once."""
    frame = inspect.currentframe()
    assert frame is not None
    places = {f"test_this_thread ({HERE}:{frame.f_lineno + offset})" for offset in range(3)}
    assert place_in_thread(threading.get_ident()).partition(", ")[0] in places


def test_a_coroutine() -> None:
    """B2: of a coroutine the innermost function of the application is told, through whatever awaits it."""

    async def inner(event: asyncio.Event) -> None:
        await event.wait()

    async def outer(event: asyncio.Event) -> None:
        await asyncio.wait_for(inner(event), LIMIT)

    async def main() -> None:
        event = asyncio.Event()
        coroutine = outer(event)
        task = asyncio.create_task(coroutine)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        told = place_in_coroutine(coroutine)
        assert "test_a_coroutine.<locals>." in told.partition(" ")[0]
        event.set()
        await task
        assert place_in_coroutine(coroutine) == ""

    asyncio.run(main())
    assert place_in_coroutine(None) == ""

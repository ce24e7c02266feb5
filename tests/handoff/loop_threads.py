"""Background loops for tests, and how to run something in them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from bridge.handoff.loop_thread import LoopThread, borrow_loop_thread, give_back_loop_thread
from tests.harness import LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from typing import Any

    from bridge.handoff.loop_thread import LoopFactory

T = TypeVar("T")


def factory_of_its_own(make: LoopFactory = asyncio.new_event_loop) -> LoopFactory:
    """A factory whose loop is shared with nobody else in this process."""
    return partial(make)


@contextlib.contextmanager
def borrowed(
    factory: LoopFactory | None = None, borrower: str = "a test", *, patience: float = LIMIT
) -> Iterator[LoopThread]:
    """The loop thread of a factory, given back afterwards; without one, of a factory of its own."""
    thread = borrow_loop_thread(factory or factory_of_its_own(), borrower)
    try:
        yield thread
    finally:
        give_back_loop_thread(thread, borrower, patience)


def asyncio_loop(thread: LoopThread) -> asyncio.AbstractEventLoop:
    """The asyncio loop that a thread runs."""
    loop = thread.loop.asyncio_loop
    assert loop is not None
    return loop


def in_loop(thread: LoopThread, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return what a coroutine returns that runs in the loop."""
    return asyncio.run_coroutine_threadsafe(main(), asyncio_loop(thread)).result(LIMIT)


async def where() -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
    """The loop and the thread that this runs in."""
    return asyncio.get_running_loop(), threading.current_thread()


def has_ended(thread: threading.Thread) -> bool:
    """Wait for the end of a thread, within the limit."""
    thread.join(LIMIT)
    return not thread.is_alive()

"""Runs a test's coroutine on a loop of its own, within a limit, and looks at what is left behind."""

from __future__ import annotations

import asyncio
import faulthandler
import inspect
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio
import trio
import uvloop

from tests.harness.limits import LIMIT
from tests.harness.violations import Violation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

BACKENDS: Final = ("asyncio", "uvloop", "trio")
TURNS_TO_END = 20
"""Turns of the loop that a cancelled task may take to be done."""


def run(
    main: Callable[[], Awaitable[T]], *, backend: str = "asyncio", limit: float = 2 * LIMIT, debug: bool | None = None
) -> T:
    """Return what `main()` returns; raise `Violation` if it leaves a task or an unheard error behind."""
    if backend == "trio":
        return trio.run(within, main, limit)
    factory = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}[backend]
    with asyncio.Runner(loop_factory=factory, debug=debug) as runner:
        return runner.run(watched(main, limit))


async def within(main: Callable[[], Awaitable[T]], limit: float) -> T:
    """Await `main()` for so long, and tell where everybody stands if that is not enough."""
    with anyio.move_on_after(limit):
        return await main()
    faulthandler.dump_traceback(all_threads=True)
    raise TimeoutError(f"the test took more than {limit:g} s")


async def watched(main: Callable[[], Awaitable[T]], limit: float) -> T:
    """Await `main()`, and look at the loop when it is done."""
    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: unheard.append(context))
    result = await within(main, limit)
    for _ in range(TURNS_TO_END):
        if not left_behind():
            break
        await asyncio.sleep(0)
    if tasks := left_behind():
        raise Violation(f"tasks are left behind: {tasks}")
    if unheard:
        raise Violation(f"errors that only the loop's handler heard of: {unheard}")
    return result


def throw_away(loop: asyncio.AbstractEventLoop) -> None:
    """Close a loop under its tasks, as a program does that ends badly, without Python's complaints about them."""
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        coroutine = task.get_coro()
        # One that was made in the loop's last turn: "was never awaited".
        if inspect.iscoroutine(coroutine) and inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
            coroutine.close()
    loop.close()


def left_behind() -> list[asyncio.Task[Any]]:
    """Return the tasks that are not this one."""
    return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

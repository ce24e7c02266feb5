"""B4, W16: what the adapter relies on in asgiref, tested against the asgiref that is installed."""

from __future__ import annotations

import ast
import asyncio
import os
import threading
from pathlib import Path
from typing import Any

from asgiref.sync import SyncToAsync, async_to_sync, sync_to_async

import bridge
from tests.harness import run

NAMES = ("main_event_loop", "main_event_loop_pid", "task_context")
PRIVATE = {*NAMES, "SyncToAsync", "AsyncToSync", "_Storage", "_rehome", "_restore_context", "thread_sensitive_context"}


def in_thread(step: Any) -> Any:
    """Start a thread, return it and the list that gets its outcome."""
    outcome: list[Any] = []

    def guarded() -> None:
        try:
            outcome.append(step())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    return thread, outcome


async def joined(thread: threading.Thread) -> None:
    """Wait for a thread without blocking the loop."""
    for _ in range(2000):
        if not thread.is_alive():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError("the thread does not end")


def test_marks_of_a_worker() -> None:
    """B4: sync_to_async marks its thread with exactly these attributes of a threading.local."""
    assert type(SyncToAsync.threadlocal) is threading.local
    marks: dict[str, Any] = {}
    before = set(vars(SyncToAsync.threadlocal))

    async def main() -> None:
        await sync_to_async(lambda: marks.update(vars(SyncToAsync.threadlocal)))()
        assert marks["main_event_loop"] is asyncio.get_running_loop()

    run(main)
    assert set(marks) == set(NAMES)
    assert marks["main_event_loop_pid"] == os.getpid()
    assert type(marks["task_context"]) is list
    assert set(vars(SyncToAsync.threadlocal)) == before


def test_async_to_sync_heeds_the_marks() -> None:
    """B4: async_to_sync in a thread with these marks runs on the marked loop and lists its task in task_context."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        tasks: list[Any] = []

        async def look() -> Any:
            return asyncio.get_running_loop(), list(tasks) == [asyncio.current_task()]

        def step() -> Any:
            for name, value in zip(NAMES, (loop, os.getpid(), tasks), strict=True):
                setattr(SyncToAsync.threadlocal, name, value)
            return async_to_sync(look)()

        thread, outcome = in_thread(step)
        await joined(thread)
        assert outcome == [(loop, True)]
        assert tasks == []

    run(main)


def test_cancelling_a_task_of_the_context() -> None:
    """B4: cancelling the task in task_context makes async_to_sync raise CancelledError in its thread."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        tasks: list[Any] = []

        def step() -> Any:
            for name, value in zip(NAMES, (loop, os.getpid(), tasks), strict=True):
                setattr(SyncToAsync.threadlocal, name, value)
            return async_to_sync(asyncio.Event().wait)()

        thread, outcome = in_thread(step)
        for _ in range(2000):
            if tasks:
                break
            await asyncio.sleep(0.005)
        tasks[0].cancel()
        await joined(thread)
        assert [type(error) for error in outcome] == [asyncio.CancelledError]

    run(main)


def test_private_names_are_in_one_place() -> None:
    """B4: the private names of asgiref that the adapter relies on are in bridge/_asgiref.py alone."""
    package = Path(bridge.__file__).parent
    assert {path.name for path in package.rglob("*.py") if names_in(path) & PRIVATE} == {"_asgiref.py"}


def names_in(path: Path) -> set[str]:
    """Return every name that the code of a module mentions, as itself or as a string."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.alias):
            found.add(node.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found

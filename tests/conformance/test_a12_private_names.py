"""B4, A12: what the adapter relies on in asgiref for thread-sensitive calls, tested against the installed asgiref."""

from __future__ import annotations

import contextvars
from concurrent.futures import Future
from typing import Any

from asgiref.sync import AsyncToSync, SyncToAsync, ThreadSensitiveContext, async_to_sync, sync_to_async

from tests.harness import run

MINE: contextvars.ContextVar[str] = contextvars.ContextVar("mine")


class Inline:
    """An executor that runs each call at once, and notes what the calling context holds."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def submit(self, call: Any, *arguments: Any) -> Future[Any]:
        """Run a call."""
        self.seen.append(MINE.get("nothing"))
        future: Future[Any] = Future()
        future.set_result(call(*arguments))
        return future


def entered(executor: Any) -> ThreadSensitiveContext:
    """Return a context that was entered in a contextvars.Context of its own, and is never left."""
    context = ThreadSensitiveContext(executor=executor)

    def enter() -> None:
        try:
            context.__aenter__().send(None)  # type: ignore[no-untyped-call]
        except StopIteration:
            return
        raise AssertionError("entering has to wait for nothing")

    contextvars.Context().run(enter)
    return context


def test_one_context_for_many_tasks() -> None:
    """B4: a context entered elsewhere, put into thread_sensitive_context, gets this task's calls, in its context."""
    executor = Inline()
    context = entered(executor)

    async def main() -> None:
        SyncToAsync.thread_sensitive_context.set(context)
        MINE.set("of this task")
        assert await sync_to_async(lambda: 5)() == 5

    run(main)
    run(main)
    assert executor.seen == ["of this task"] * 2


def test_an_outer_call_comes_first_unless_hidden() -> None:
    """B4: AsyncToSync.executors.current takes the calls under async_to_sync; None in its place gives them up."""
    executor = Inline()
    context = entered(executor)

    async def main(hide: bool) -> None:
        assert AsyncToSync.executors.current is not None
        if hide:
            AsyncToSync.executors.current = None
        SyncToAsync.thread_sensitive_context.set(context)
        await sync_to_async(int)()

    def both() -> None:
        async_to_sync(main)(False)
        assert executor.seen == []
        async_to_sync(main)(True)
        assert len(executor.seen) == 1

    # async_to_sync takes over what the task leaves in its context, and this thread is to be as it was.
    contextvars.copy_context().run(both)

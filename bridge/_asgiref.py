"""The one place that relies on names of asgiref that its documentation does not list.

Each is pinned by ``tests/conformance`` against the installed asgiref:

- ``SyncToAsync.threadlocal`` with ``main_event_loop``, ``main_event_loop_pid`` and ``task_context``: how asgiref
  itself marks a thread as belonging to a loop, so that ``async_to_sync`` in it runs on that loop instead of a new one.
- ``asgiref.sync._restore_context``: gives ``asgiref.local.Local`` values in a copied context to the thread that runs
  in it.
- ``SyncToAsync.thread_sensitive_context``: the variable that says which ``ThreadSensitiveContext`` a task is in.
- ``AsyncToSync.executors``: the ``Local`` whose ``current`` comes before that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context, ContextVar
from typing import Any

from asgiref.sync import AsyncToSync, SyncToAsync, ThreadSensitiveContext, _restore_context

Marks = tuple[dict[str, Any], dict[str, Any] | None]


class RequestTasks(list["asyncio.Task[Any]"]):
    """The tasks that ``async_to_sync`` runs on the loop for one request; asgiref appends and removes them, in the loop.

    When the request is given up, what runs is cancelled: once, so that clean-up code of the application, which may call
    ``async_to_sync`` again, is not cancelled as well.
    """

    _given_up = False  # the class's own value until a request is given up: one of these is made for every request

    def append(self, task: asyncio.Task[Any]) -> None:
        super().append(task)
        if self._given_up:
            # The request was given up after the worker had asked for this task and before the loop began it.
            self._given_up = False
            task.cancel()

    def forgive(self) -> None:
        """Let what begins from now on run: it is the application's clean-up."""
        self._given_up = False

    def give_up(self) -> None:
        """Cancel what begins next."""
        self._given_up = True

    def cancel_in_loop(self) -> None:
        """Cancel what runs; if nothing runs, what begins next."""
        if self:
            for task in self:
                task.cancel()
        else:
            self.give_up()

    def close(self) -> None:
        """End what waits on a loop that is closed and will never run it: the worker that waits for it goes on."""
        for task in tuple(self):
            coroutine = task.get_coro()
            if coroutine is not None:
                coroutine.close()


def marks_of_this_thread() -> Marks:
    """Return what ``unmark_worker`` restores after asgiref has run something in this thread, and left its marks."""
    marks = SyncToAsync.threadlocal.__dict__  # this thread's own
    return marks, marks.copy() if marks else None


def mark_worker(loop: asyncio.AbstractEventLoop | None, pid: int, tasks: RequestTasks | None) -> Marks:
    """Make this thread belong to a loop, for asgiref; return what ``unmark_worker`` needs. None: to no loop."""
    marks = SyncToAsync.threadlocal.__dict__
    own = marks.copy() if marks else None
    marks["main_event_loop"] = loop
    marks["main_event_loop_pid"] = pid
    marks["task_context"] = tasks
    return marks, own


def unmark_worker(before: Marks) -> None:
    """Undo ``mark_worker``, in the thread that called it."""
    marks, own = before
    marks.clear()
    if own is not None:
        marks.update(own)


_executor: ContextVar[Any] = ContextVar("bridge.executor")


class _OfThisContext:
    """The executor of whatever context ``submit`` is called in: asgiref calls it in the task that makes the call."""

    def submit(self, call: Callable[..., Any], /, *arguments: Any) -> Any:
        return _executor.get().submit(call, *arguments)


# One for all requests: a context that is entered costs much, and would be a cycle with the context that it stands in.
# It is entered once, in a context of its own, and never left: a context that is left makes calls of tasks that outlive
# a request fail.
_THREAD_SENSITIVE = ThreadSensitiveContext(executor=_OfThisContext())  # type: ignore[arg-type]


def _enter() -> None:
    try:
        _THREAD_SENSITIVE.__aenter__().send(None)  # type: ignore[no-untyped-call]
    except StopIteration:
        pass


Context().run(_enter)


def run_thread_sensitive_calls_in(executor: Any, context: Context) -> None:
    """Send the thread-sensitive calls of the current task, and of all that it will start, to an executor.

    context: the one that this runs in, a copy of some other thread's. Its ``asgiref.local.Local`` values become this
        thread's.
    """
    if len(context):
        _restore_context(context)
        if getattr(AsyncToSync.executors, "current", None) is not None:
            # Of an outer async_to_sync, in the serving thread: it would come before the one that is given here.
            AsyncToSync.executors.current = None
    _executor.set(executor)
    SyncToAsync.thread_sensitive_context.set(_THREAD_SENSITIVE)


def take_over_context(context: Context) -> None:
    """Give the ``asgiref.local.Local`` values in a context to this thread, which runs in it (``context.run``)."""
    _restore_context(context)

"""Cancels a task at one of the places where it waits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator


class Interrupted:
    """Awaits a coroutine on asyncio, and cancels its task at its suspension number `at`, counted from 1.

    `on_arrival`: cancel at the moment when what it waits for has come, before it has been told; a coroutine that loses
    what it was given then is found by this. Else cancel while it waits. `suspensions` tells how often it waited.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, None], at: int, *, on_arrival: bool = False) -> None:
        self._coroutine = coroutine
        self._at = at
        self._on_arrival = on_arrival
        self.suspensions = 0

    def __await__(self) -> Generator[Any, Any, None]:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("nobody runs this task")
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                waited = self._coroutine.send(value) if error is None else self._coroutine.throw(error)
            except StopIteration:
                return
            self.suspensions += 1
            if self.suspensions == self._at:
                self._interrupt(task, waited)
            value, error = None, None
            try:
                value = yield waited
            except GeneratorExit:
                self._coroutine.close()
                raise
            except BaseException as thrown:
                error = thrown

    def _interrupt(self, task: asyncio.Task[Any], waited: Any) -> None:
        if self._on_arrival and isinstance(waited, asyncio.Future):
            # Called before the task's own wake-up, which the task adds after this
            waited.add_done_callback(lambda _: task.cancel())
        else:
            asyncio.get_running_loop().call_soon(task.cancel)

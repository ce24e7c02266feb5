"""Something that tells when it is ended, also in processes of their own."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from bridge.handoff.loop_thread import borrow_loop_thread, give_back_loop_thread
from bridge.handoff.process_end import end_with_process

if TYPE_CHECKING:
    from collections.abc import Callable


class Telling:
    """An ender that tells its two steps."""

    def __init__(self, name: str, tell: Callable[[str], object]) -> None:
        self.name = name
        self.tell = tell

    def begin_to_end(self) -> None:
        self.tell(f"{self.name} begins")

    def finish_ending(self) -> None:
        self.tell(f"{self.name} ended")

    def waiting_threads(self) -> set[int]:
        return set()


class LoopUser:
    """An ender that has a loop, and whose end needs threads: those of the loop's executor.

    calls: how many, one after the other.
    """

    def __init__(self, name: str, calls: int = 1) -> None:
        self.name = name
        self.calls = calls
        self.pid = os.getpid()
        self.thread = borrow_loop_thread(None, self)
        end_with_process(self)
        asyncio.run_coroutine_threadsafe(self.thread.keep_threads(), self._loop).result(10)

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        loop = self.thread.loop.asyncio_loop
        assert loop is not None
        return loop

    def begin_to_end(self) -> None:
        self.ending = asyncio.run_coroutine_threadsafe(self.end(), self._loop)

    async def end(self) -> None:
        """What the clean-up of an application does."""
        for _ in range(self.calls):
            assert await asyncio.to_thread(int) == 0
        whose = "its own" if self.pid == os.getpid() else "another"
        sys.stdout.write(f"{self.name} ended in {whose} process\n")
        sys.stdout.flush()

    def finish_ending(self) -> None:
        self.ending.result(10)
        give_back_loop_thread(self.thread, self)

    def waiting_threads(self) -> set[int]:
        return set()


def use_in_child(how: str) -> None:
    """What a process of multiprocessing does; `how` it ends."""
    LoopUser("the child's")
    if how == "exit":
        sys.exit(0)
    if how == "error":
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  as long as the process
        raise ValueError("the child's")

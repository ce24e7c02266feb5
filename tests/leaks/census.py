"""What there is in this process at one moment that only its owner can end, and what has come since an earlier one."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import traceback
from typing import TYPE_CHECKING

from tests.leaks.kept import is_kept_by_a_library
from tests.leaks.loops import open_loops

if TYPE_CHECKING:
    from collections.abc import Iterable

KINDS = ("threads", "descriptors", "loops", "tasks")


class Census:
    """Threads, file descriptors, event loops and their tasks, as they are now."""

    def __init__(self) -> None:
        self.threads = set(threading.enumerate())
        self.descriptors = descriptors()
        self.loops = set(open_loops())
        self.tasks = {task for loop in self.loops for task in asyncio.all_tasks(loop)}

    def new_since(self, before: Census, but_for: Iterable[str] = ()) -> dict[str, list[str]]:
        """Return what has come since, by its kind; described, so that nothing is kept alive by the question.

        but_for: kinds that are not looked at.
        """
        new = {
            "threads": [told(thread) for thread in self.threads - before.threads if not is_kept_by_a_library(thread)],
            "descriptors": [f"{number} -> {target}" for number, target in self.descriptors - before.descriptors],
            "loops": [repr(loop) for loop in self.loops - before.loops],
            "tasks": [repr(task) for task in self.tasks - before.tasks],
        }
        return {kind: sorted(names) for kind, names in new.items() if names and kind not in but_for}


def descriptors() -> set[tuple[int, str]]:
    """Return the open descriptors, each with what it leads to: a number is given out again at once."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add((int(number), os.readlink(f"/proc/self/fd/{number}")))
        except FileNotFoundError:  # the listing's own, or closed by another thread meanwhile
            continue
    return found


def told(thread: threading.Thread) -> str:
    """Return a thread's name and where it stands."""
    frame = sys._current_frames().get(thread.ident or 0)
    return f"{thread.name}\n{''.join(traceback.format_stack(frame))}" if frame is not None else thread.name

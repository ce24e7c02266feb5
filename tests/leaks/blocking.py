"""Waits of `bridge` where none may be: on a loop's thread, or under a lock that a loop takes.

A call that may wait is seen by the interpreter's audit events (files, sockets, processes) and by what every wait of
`time`, `threading` and `concurrent.futures` goes through. Whose it is the stack tells: the innermost code that is not
the standard library's.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import sysconfig
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import bridge
from bridge.handoff import executors, serving_thread, workers
from bridge.handoff.baton import Baton

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

BRIDGE = str(Path(bridge.__file__).parent)
STANDARD_LIBRARY = sysconfig.get_path("stdlib")
SITE_PACKAGES = sysconfig.get_path("purelib")

AUDITED = ("open", "os.", "socket.", "subprocess.", "tempfile.", "shutil.", "fcntl.")
NO_WAIT = frozenset({"os.putenv", "os.unsetenv", "os.getxattr", "socket.__new__"})

ALLOWED = (
    # A new thread's first step is waited for: the interpreter knows no other way to start one.
    ("threading.py", "start"),
    # What a log's handler does is the user's choice.
    ("logging/__init__.py", "_log"),
)
"""Functions of the standard library, by the end of their file's name, from which a wait is no fault."""

_watches: list[Watch] = []
_held = threading.local()


class Watch:
    """The waits that were found."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.looks = 0

    def at_call(self, what: str, frame: FrameType) -> None:
        """Judge a call that may wait, in any thread."""
        on_loop = asyncio._get_running_loop() is not None
        locked = getattr(_held, "count", 0) > 0
        if not (on_loop or locked):
            return
        self.looks += 1
        if is_of_bridge(frame):
            where = "on a loop's thread" if on_loop else "under a lock that loops take"
            self.found.append(f"{what} {where}\n{''.join(traceback.format_stack(frame))}")


def is_of_bridge(frame: FrameType | None) -> bool:
    """Tell whether the innermost code that is not the standard library's is bridge's, and not allowed to wait."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(BRIDGE):
            return True
        if not name.startswith((STANDARD_LIBRARY, "<frozen")) or name.startswith(SITE_PACKAGES):
            return False
        if any(name.endswith(end) and frame.f_code.co_name == function for end, function in ALLOWED):
            return False
        frame = frame.f_back
    return False


def at_event(event: str, _arguments: object) -> None:
    """Be the interpreter's audit hook; it cannot be taken away again, so it asks nobody where nobody watches."""
    if _watches and event.startswith(AUDITED) and event not in NO_WAIT:
        for watch in _watches:
            watch.at_call(event, sys._getframe(1))


class WatchedLock:
    """threading.Lock or RLock; what its holder does is watched."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._lock = make()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        taken: bool = self._lock.acquire(blocking, timeout)
        if taken:
            _held.count = getattr(_held, "count", 0) + 1
        return taken

    def release(self) -> None:
        _held.count -= 1
        self._lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_error: object) -> None:
        self.release()


class WatchedThreading:
    """The module, but for its locks."""

    def __getattr__(self, name: str) -> Any:
        return getattr(threading, name)

    def Lock(self) -> WatchedLock:  # noqa: N802 - its name in the module
        return WatchedLock(threading.Lock)

    def RLock(self) -> WatchedLock:  # noqa: N802 - its name in the module
        return WatchedLock(threading.RLock)


def told(what: str, wait: Any) -> Any:
    """Return a method that waits, and tells before."""

    def tell_and_wait(*arguments: Any, **options: Any) -> Any:
        for watch in _watches:
            watch.at_call(what, sys._getframe(1))
        return wait(*arguments, **options)

    return tell_and_wait


@contextlib.contextmanager
def watching() -> Iterator[Watch]:
    """Note waits of bridge's that are none of a worker's. Pools that are made in the block have watched locks."""
    if not getattr(at_event, "is_there", False):
        at_event.is_there = True  # type: ignore[attr-defined]
        sys.addaudithook(at_event)
    watch = Watch()
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (
            (time, "sleep"),  # which audits itself since 3.13 only
            (Baton, "wait"),
            (threading.Condition, "wait"),  # and so Event.wait, Future.result, Queue.get
            (threading.Thread, "join"),
        ):
            patch.setattr(owner, name, told(f"{owner.__name__}.{name}", getattr(owner, name)))
        for module in (workers, serving_thread, executors):
            patch.setattr(module, "threading", WatchedThreading())
        _watches.append(watch)
        try:
            yield watch
        finally:
            _watches.remove(watch)

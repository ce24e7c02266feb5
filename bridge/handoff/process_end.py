"""What has to end in order before its process does.

An event loop in a background thread is simply gone when the interpreter exits: no ``finally`` of a coroutine runs, no
lifespan shuts down. So whatever lives on such a loop enters itself here, and is ended

- when the interpreter exits, before the executors stop to take work: ``threading._register_atexit``, which
  ``concurrent.futures`` uses for the same purpose. Plain ``atexit`` comes too late for ``asyncio.to_thread``; it is
  what is left where the other is missing.
- when a worker of uWSGI ends, which has a callback of its own (``uwsgi.atexit``);
- when a process of ``multiprocessing`` ends, which skips the interpreter's exit (granian's workers are such).

Each may come, also several of them: what was ended is not ended again.
"""

from __future__ import annotations

import atexit
import concurrent.futures.thread
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

logger = logging.getLogger("bridge")


class Ender(Protocol):
    """Something that has to end before the process does."""

    def begin_to_end(self) -> None:
        """Begin; must not wait."""

    def finish_ending(self) -> None:
        """Wait until it has ended, within a limit of its own."""

    def waiting_threads(self) -> set[int]:
        """Return the idents of threads that wait for it, and would wait for ever if it did not end."""
        ...


_enders: dict[Ender, int] = {}  # with the process that each belongs to
# Seconds. Of a thread that goes on for longer after the main one it is supposed that it serves requests. It is not
# joined for good: it may be waiting for a hook that runs after this one.
_OTHERS_END_WITHIN = 0.5

_hooked_in: int | None = None  # the process whose end we hear of


def end_with_process(ender: Ender) -> None:
    """End something when this process ends. It is held here until then, or until ``forget_ender``."""
    _hook_into_this_process()
    _enders[ender] = os.getpid()


def forget_ender(ender: Ender) -> None:
    """Take back ``end_with_process``, if that was not done already."""
    _enders.pop(ender, None)


def end_all() -> None:
    """End everything, side by side."""
    ending: list[Ender] = []
    while _enders:
        ender, pid = _enders.popitem()
        # A server in C may fork without Python's knowing (uWSGI does): what the parent ends is the parent's.
        if pid == os.getpid():
            ending.append(ender)
            _carefully(ender.begin_to_end)
    for ender in ending:
        _carefully(ender.finish_ending)


def _carefully(step: Callable[[], None]) -> None:
    try:
        step()
    except Exception:
        logger.exception("bridge: the end of this process was not in order; this is a bug in bridge")


def _hook_into_this_process() -> None:
    global _hooked_in  # noqa: PLW0603  there is one process
    pid = os.getpid()
    if _hooked_in == pid:
        return
    if _hooked_in is None:  # a child of fork() has inherited this one
        try:
            threading._register_atexit(_end_with_main_thread)  # type: ignore[attr-defined]  # noqa: SLF001
        except (AttributeError, RuntimeError):  # RuntimeError: the interpreter is exiting already
            atexit.register(end_all)
    _hooked_in = pid
    _hook_into_uwsgi()
    _hook_into_multiprocessing()


def _end_with_main_thread() -> None:
    """End everything, unless a server goes on in another thread: the interpreter waits for that before it exits."""
    waiting: set[int] = set()
    for ender in list(_enders):
        waiting |= ender.waiting_threads()
    # Threads of executors are no servers: they are told to end next.
    of_executors = getattr(concurrent.futures.thread, "_threads_queues", None)
    if of_executors is not None:
        limit = time.monotonic() + _OTHERS_END_WITHIN
        for thread in threading.enumerate():
            if (
                not thread.daemon
                and thread is not threading.main_thread()
                and thread not in of_executors
                and thread.ident not in waiting
            ):
                thread.join(max(0.0, limit - time.monotonic()))
                if thread.is_alive():
                    atexit.register(end_all)
                    return
    end_all()


def _hook_into_uwsgi() -> None:
    uwsgi: Any = sys.modules.get("uwsgi")  # there only inside of uWSGI, which puts it there itself
    if uwsgi is None:
        return
    before = getattr(uwsgi, "atexit", None)
    if getattr(before, "__module__", None) == __name__:
        return  # inherited by a fork

    def at_exit() -> None:
        try:
            end_all()
        finally:
            if callable(before):
                before()

    uwsgi.atexit = at_exit


def _hook_into_multiprocessing() -> None:
    multiprocessing: Any = sys.modules.get("multiprocessing")
    util: Any = sys.modules.get("multiprocessing.util")
    if multiprocessing is not None and util is not None and multiprocessing.parent_process() is not None:
        # The priority puts it before what multiprocessing itself ends.
        util.Finalize(None, end_all, exitpriority=1000)


def _forget_in_child() -> None:
    # What the parent ends is the parent's.
    _enders.clear()


if hasattr(os, "register_at_fork"):  # absent on Windows, which has no fork
    os.register_at_fork(after_in_child=_forget_in_child)

"""Threads that hand over at any line of `bridge`: by the interpreter's switches, and by pauses between lines."""

from __future__ import annotations

import contextlib
import random
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import bridge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGE = str(Path(bridge.__file__).parent)

TOOL = 4
"""Not one of the numbers that PEP 669 gives to debuggers, coverage, profilers and optimizers."""

OFTEN = 1e-6
"""Seconds: what `sys.setswitchinterval` is set to."""

PAUSES = (0.0, 0.0, 0.0, 0.0, 0.00005, 0.0005)
"""Seconds of a pause: most only let others run, some are longer than a hand-over takes."""


class AtLines(Protocol):
    """What is done before each line of `bridge`, in the thread that runs it."""

    def at_line(self) -> None:
        """Do it; two frames up is the line's."""


class Pauses:
    """Pauses at one line in so many, which ones a seed decides."""

    def __init__(self, seed: int, one_in: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - to be the same every time
        self._one_in = one_in
        self.made = 0

    def at_line(self) -> None:
        """Pause, or not."""
        if self._dice.randrange(self._one_in) == 0:
            self.made += 1
            time.sleep(self._dice.choice(PAUSES))


@contextlib.contextmanager
def yielding(seed: int, *, one_in: int = 20) -> Iterator[Pauses]:
    """While the block runs, switch threads as often as can be, and pause between the lines of `bridge`."""
    pauses = Pauses(seed, one_in)
    before = sys.getswitchinterval()
    sys.setswitchinterval(OFTEN)
    try:
        with at_lines(pauses):
            yield pauses
    finally:
        sys.setswitchinterval(before)


def at_lines(what: AtLines) -> contextlib.AbstractContextManager[None]:
    """Do something before each line of `bridge` while the block runs."""
    return monitored(what) if sys.version_info >= (3, 12) else traced(what)


@contextlib.contextmanager
def monitored(what: AtLines) -> Iterator[None]:
    """Ask at each line by `sys.monitoring`, which leaves coverage's tracing alone."""
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]

    def at_line(code: Any, _line: int) -> Any:
        if not code.co_filename.startswith(PACKAGE):
            return monitoring.DISABLE
        what.at_line()
        return None

    monitoring.use_tool_id(TOOL, "yielding")
    monitoring.register_callback(TOOL, monitoring.events.LINE, at_line)
    monitoring.restart_events()
    monitoring.set_events(TOOL, monitoring.events.LINE)
    try:
        yield
    finally:
        monitoring.set_events(TOOL, 0)
        monitoring.register_callback(TOOL, monitoring.events.LINE, None)
        monitoring.free_tool_id(TOOL)


@contextlib.contextmanager
def traced(what: AtLines) -> Iterator[None]:
    """Ask at each line by a trace function, in this thread and in those that start from now on."""

    def at_line(_frame: Any, event: str, _argument: object) -> Callable[..., Any]:
        if event == "line":
            what.at_line()
        return at_line

    def at_call(frame: Any, _event: str, _argument: object) -> Callable[..., Any] | None:
        return at_line if frame.f_code.co_filename.startswith(PACKAGE) else None

    before, before_in_threads = sys.gettrace(), threading.gettrace()
    settrace, one_at_a_time = sys.settrace, threading.Lock()

    def settrace_in_turn(function: Any) -> None:
        # Python refuses it while another thread is inside, and a thread that begins so never runs.
        with one_at_a_time:
            settrace(function)

    sys.settrace = settrace_in_turn
    threading.settrace(at_call)
    sys.settrace(at_call)
    try:
        yield
    finally:
        sys.settrace(before)
        threading.settrace(before_in_threads)
        sys.settrace = settrace

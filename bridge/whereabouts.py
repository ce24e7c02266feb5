"""Where a thread or a task is just now, for a log that is read by somebody who wonders why it takes so long."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from types import FrameType
from typing import Any, NamedTuple


class Place(NamedTuple):
    """One call of a stack."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.function} ({self.file}:{self.line})"


_BRIDGE = os.path.join(os.path.dirname(__file__), "")
# Where threads and tasks wait for a client that is slow to read, or to send its body.
_WAITS = {os.path.join(_BRIDGE, "handoff", name) for name in ("baton.py", "changes.py")}


@cache
def _folders(*names: str) -> tuple[str, ...]:
    import sysconfig  # noqa: PLC0415  it takes longer than bridge's own import, and most processes never warn

    return tuple({os.path.join(sysconfig.get_path(name), "") for name in names})


def _is_installed(place: Place) -> bool:
    return place.file.startswith(_folders("purelib", "platlib"))


def _is_of_library(place: Place) -> bool:
    return _is_installed(place) or place.file.startswith((_BRIDGE, *_folders("stdlib", "platstdlib"), "<frozen "))


def place_in_thread(ident: int) -> str:
    """Return where a thread is: the application's own innermost function, and what that waits in.

    ident: as of ``threading.get_ident``. The text is empty for a thread that is not known, or runs no Python code.
    """
    frame = sys._current_frames().get(ident)  # noqa: SLF001  documented, "for specialized purposes only"
    try:
        return _told(_places_of_frames(frame))
    finally:
        del frame  # of another thread: it would keep alive all that is there


def place_in_coroutine(coroutine: Any) -> str:
    """Return where a coroutine waits, as ``place_in_thread`` does for threads."""
    return _told(reversed(list(_places_of_awaits(coroutine))))


def _places_of_frames(frame: FrameType | None) -> Iterator[Place]:
    """Yield the places of a thread, innermost first."""
    while frame is not None:
        yield Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname)
        frame = frame.f_back


def _places_of_awaits(awaited: Any) -> Iterator[Place]:
    """Yield the places of a coroutine and of what it awaits, outermost first."""
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is not None:
            yield Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname)
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)


def _told(innermost_first: Iterator[Place]) -> str:
    places = list(innermost_first)
    if not places:
        return ""
    inner = places[0]
    own = next((place for place in places if not _is_of_library(place)), None)
    if own is None:  # an application that was installed as a package
        own = next(filter(_is_installed, places), inner)
    if inner.file in _WAITS:
        return f"{own}, which waits for its client"
    return str(own) if own == inner or inner.file.startswith(_BRIDGE) else f"{own}, in {inner}"

"""Named meetings between an application's worker threads: tests force an order with them, never with sleeps."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

PATIENCE = 10.0  # seconds; nothing waits longer, so that no test can hang a server


@dataclass
class Meeting:
    """What one request leaves for others, which know it by the same name."""

    entered: threading.Event = field(default_factory=threading.Event)
    finished: threading.Event = field(default_factory=threading.Event)
    size: int = 0  # bytes read or made so far
    error: BaseException | None = None


class Meetings:
    """All meetings of a process; a name makes its meeting when it is first used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._meetings: dict[str, Meeting] = {}
        self._barriers: dict[str, threading.Barrier] = {}

    def __getitem__(self, name: str) -> Meeting:
        with self._lock:
            return self._meetings.setdefault(name, Meeting())

    def barrier(self, name: str, parties: int) -> threading.Barrier:
        """Opens when `parties` threads wait at it at once."""
        with self._lock:
            return self._barriers.setdefault(name, threading.Barrier(parties))

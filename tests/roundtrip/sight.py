"""What came of one request: what the client and the server saw of it, and what the application saw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Ending = Literal["complete", "broken", "left", "refused"]
"""As the client sees it. `refused`: nothing came of the application, so the server answers 500 by itself."""


class Complaint(Exception):
    """The server found that the application broke its specification."""


@dataclass
class Sight:
    """The response as the client saw it, and the errors that reached the server, in order."""

    status: int | None
    headers: list[tuple[str, str]]
    body: bytes
    ending: Ending
    took_its_share: bool = False
    """Whether the client left because of what it had of the response."""
    bodiless: bool = False
    """Whether the response has no content by its nature: HEAD, 204, 304."""
    errors: list[BaseException] = field(default_factory=list)
    late_errors: list[BaseException] = field(default_factory=list)
    """Those that came when the client had the whole response."""


@dataclass
class Seen:
    """What the application saw and did, step by step."""

    coroutine: bool = False
    """Whether it is an ASGI application."""
    given: dict[str, Any] = field(default_factory=dict)
    """The environ or the scope."""
    events: list[tuple[Any, ...]] = field(default_factory=list)
    raised: list[BaseException] = field(default_factory=list)
    """What it raised by itself."""
    calls: int = 0
    opened: int = 0
    """How many things it began that have to be closed: iterables with a `close()`, generators, coroutines."""
    closes: int = 0
    returned_whole: bool = False
    """Whether it returned a list or a tuple."""
    heard: bool = False
    """Whether it heard that its client left."""
    left_at: int | None = None
    """How many events there were when the client left."""
    late_from: int | None = None
    """From which event on it had suspended after its final message, so that what follows is background work."""

    def note_leaving(self) -> None:
        """Take note that the client leaves just now."""
        self.left_at = len(self.events)

    def note(self, *event: Any) -> None:
        """Add an event."""
        self.events.append(event)


@dataclass
class Run:
    """One request, from all sides."""

    sight: Sight
    seen: Seen
    manners: list[str] = field(default_factory=list)
    """What was done that an application may do, and a bridge in its place must not."""

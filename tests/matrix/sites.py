"""Where a behaviour is tried: the bridged or the native application of one running server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.servers.memory import Growth
from tests.servers.running import ANSWERS_WITHIN
from tests.servers.wire import Wire, head
from tests.wsgi_servers.diary import Diary

NATIVE = "X-Site: native"
"""The header field that asks for the application without the bridge, in the same process."""


@dataclass(frozen=True)
class Site:
    """What a probe knows of it."""

    port: int
    diary: Diary
    growth: Callable[[], Growth]
    native: bool
    patience: float
    """Seconds to wait for what ought to come: many where it should, few where it is known that it does not."""
    doubt: float
    """Seconds to wait for what ought not to come: few where it should not, many where it is known that it does."""

    def head(self, method: str, target: str, *fields: str) -> bytes:
        """A request line and its header section."""
        return head(method, target, *([NATIVE] if self.native else []), *fields)

    def connect(self, receive_buffer: int | None = None, within: float = ANSWERS_WITHIN) -> Wire:
        """A new connection."""
        return Wire(self.port, receive_buffer, within)

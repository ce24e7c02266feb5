"""What came of one request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Response:
    """What the client got, and how the call of the application ended."""

    status: int | None = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    complete: bool = False
    hints: list[list[bytes]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    error: BaseException | None = None

    @property
    def body(self) -> bytes:
        """What has come of the body, joined."""
        return b"".join(self.received)

    def header(self, name: bytes) -> bytes:
        """Return the value of a header that was given exactly once."""
        values = self.values(name)
        if len(values) != 1:
            raise LookupError(f"{name!r} was given {len(values)} times in {self.headers!r}")
        return values[0]

    def values(self, name: bytes) -> list[bytes]:
        """All values that were given for a header."""
        return [value for given, value in self.headers if given == name]

    @property
    def types(self) -> list[str]:
        """The types of the messages, without their common prefix."""
        return [message["type"].removeprefix("http.response.") for message in self.messages]

    @property
    def chunks(self) -> list[bytes]:
        """The non-empty bodies, message by message."""
        bodies = (message.get("body", b"") for message in self.messages if message["type"] == "http.response.body")
        return [body for body in bodies if body]

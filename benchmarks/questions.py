"""What is measured, whichever way the adapters go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

Application = TypeVar("Application")


class Served(Protocol):
    """What a server without a network knows of an answer."""

    @property
    def status(self) -> int: ...

    @property
    def received(self) -> int: ...

    @property
    def complete(self) -> bool: ...


@dataclass(frozen=True)
class Question(Generic[Application]):
    """One thing to measure: requests to one application, so many at once."""

    name: str
    unit: str
    application: Application
    answer_length: int
    at_once: int = 1
    blocks: Sequence[bytes] = (b"",)
    # How many units one request counts for
    worth: float = 1.0
    # Whether a hand-off of nothing is something to compare with
    is_small: bool = False

    def check(self, served: Served) -> None:
        """Raise unless the answer is the whole and right one."""
        if (served.status, served.received, served.complete) != (200, self.answer_length, True):
            raise RuntimeError(
                f"status {served.status} with {served.received} of {self.answer_length} bytes, "
                f"{'ended' if served.complete else 'not ended'}"
            )

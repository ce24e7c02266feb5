"""What each request of a soak is: decided by the seed and its number alone, so that a failing one can be made again."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

SEED: Final = int(os.environ.get("SOAK_SEED", "1"))
REQUESTS: Final = int(os.environ.get("SOAK_REQUESTS", "4000"))
PATIENCE: Final = 60 + REQUESTS / 100
"""Seconds after which a soak hangs; a healthy one takes a tenth."""

COPIES: Final = 20
"""How often a piece repeats what it says, so that a part of another request's would be seen anywhere."""

GOOD_KINDS: Final = (
    *("whole", "stream", "echo", "crossing"),  # in both directions
    *("write", "file"),
    *("background", "detached", "cancels-receive"),
)
"""Kinds of request that a client which stays gets a whole answer to."""

FAILING_KINDS: Final = ("error", "late-error", "exit")
"""Kinds in which the application raises, the second one after the start of its answer."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One request."""

    seed: int
    number: int
    token: str
    """What names it, in its path, its header, its body and its context."""
    kind: str
    """What the application does."""
    end: str
    """What the client, or the server, does."""
    pieces: int
    """How many pieces the answer has."""
    size: int
    """Bytes of the request's body."""
    turn: int
    """When the end comes, in whatever unit it has."""

    def __str__(self) -> str:
        return f"request {self.number} of SOAK_SEED={self.seed} ({self.kind!r}, then {self.end!r} at {self.turn})"

    @property
    def path(self) -> str:
        """Where it goes."""
        return f"/{self.kind}/{self.pieces}/{self.token}"

    @property
    def body(self) -> bytes:
        """The request's body."""
        return body_of(self.token, self.size)

    @property
    def answer(self) -> bytes:
        """The whole answer, of those kinds that have an end."""
        if self.kind == "echo":
            return self.body
        return b"".join(piece_of(self.token, index) for index in range(self.pieces))


def plan_of(number: int, kinds: Sequence[str], ends: Sequence[str], seed: int = SEED) -> Plan:
    """Return the request of that number."""
    dice = random.Random(seed * 10_000_019 + number)  # noqa: S311 - to be the same every time
    return Plan(
        seed,
        number,
        f"{number:05x}-{dice.getrandbits(32):08x}",
        dice.choice(kinds),
        dice.choice(ends),
        dice.randrange(1, 6),
        dice.choice((0, 20, 700, 5000)),
        dice.randrange(12),
    )


def body_of(token: str, size: int) -> bytes:
    """Return so many bytes of a request's body."""
    copies = -(-size // len(token))
    return (token * copies)[:size].encode()


def piece_of(token: str, index: int) -> bytes:
    """Return one piece of an answer."""
    return f"{token}.{index};".encode() * COPIES

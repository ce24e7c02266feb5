"""The application's book: what was begun, opened and closed for each request, and what was not as it should be.

It takes the same memory from its first page to its last, for a soak measures memory.
"""

from __future__ import annotations

from typing import Any, Final

MOST_REQUESTS: Final = 1 << 18
MOST_COMPLAINTS: Final = 20


class Ledger:
    """Counts by the request's number, which its token begins with."""

    def __init__(self) -> None:
        self.begun = bytearray(MOST_REQUESTS)
        self.ended = bytearray(MOST_REQUESTS)
        self.opened = bytearray(MOST_REQUESTS)
        self.closed = bytearray(MOST_REQUESTS)
        self.complaints: list[str] = []

    def begin(self, token: str) -> None:
        """The application was called."""
        self.begun[number_of(token)] += 1

    def end(self, token: str) -> None:
        """The application is done."""
        self.ended[number_of(token)] += 1

    def open(self, token: str) -> None:
        """It opened what has to be closed: an iterable, a file."""
        self.opened[number_of(token)] += 1

    def close(self, token: str) -> None:
        """That was closed."""
        self.closed[number_of(token)] += 1

    def expect(self, token: str, what: str, found: Any, expected: Any) -> None:
        """Complain if a request has something that is not its own."""
        if found != expected:
            self.complain(f"{token}: {what} is {found!r:.200}, not {expected!r:.200}")

    def complain(self, complaint: str) -> None:
        """Keep a complaint, unless there are many."""
        if len(self.complaints) < MOST_COMPLAINTS:
            self.complaints.append(complaint)

    def is_settled(self) -> bool:
        """Whether all that was begun has ended, and all that was opened is closed; once each, or `faults` tell."""
        return self.begun == self.ended and self.opened == self.closed

    def faults(self) -> list[str]:
        """All that is wrong, once nothing runs any more."""
        found = list(self.complaints)
        for what, done, undone in (("call", self.begun, self.ended), ("iterable", self.opened, self.closed)):
            if done != undone or max(done) > 1:
                found += [
                    f"request {number}: {done[number]} {what}s came and {undone[number]} ended"
                    for number in range(MOST_REQUESTS)
                    if done[number] != undone[number] or done[number] > 1
                ][:MOST_COMPLAINTS]
        return found


def number_of(token: str) -> int:
    """The number of the request that a token names."""
    return int(token.partition("-")[0], 16)

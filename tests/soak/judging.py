"""A whole soak: some requests to warm up, then many, then a look at everything that may be left of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.harness import LIMIT, eventually
from tests.soak.footprint import footprint, threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.soak.ledger import Ledger

PARTS: Final = 10
PARTS_TO_WARM_UP: Final = 2
"""All parts are of the same length: what garbage piles up to in one of them, the heap has grown to before it counts."""


def judge(
    requests: int,
    ledger: Ledger,
    *,
    make: Callable[[int, int], list[str]],
    is_idle: Callable[[], bool],
    tasks: Callable[[], int],
    close: Callable[[], None],
    patience: float = LIMIT,
) -> list[str]:
    """Return all that is wrong.

    make: makes the requests from one number to another, and tells what was wrong with their answers.
    is_idle: tells whether nothing of a request runs any more, as far as the adapter knows.
    tasks: how many tasks the adapter's loop has now.
    close: closes the adapter.
    patience: seconds that the end of the last requests may take.
    """
    before = threads()
    faults: list[str] = []

    def settle(holds: Callable[[], bool], what: str) -> None:
        try:
            eventually(holds, what, patience)
        except TimeoutError as late:
            faults.append(str(late))

    def is_over() -> bool:
        return ledger.is_settled() and is_idle()

    part = -(-requests // PARTS)
    warm_up = part * PARTS_TO_WARM_UP
    for first in range(0, warm_up, part):
        faults += make(first, first + part)
    settle(is_over, "the first requests end")
    tasks_before, start = tasks(), footprint()
    for first in range(warm_up, warm_up + requests, part):
        faults += make(first, first + part)
    settle(is_over, "all requests end")
    settle(lambda: tasks() <= tasks_before, "all tasks end")
    faults += [*ledger.faults(), *footprint().faults(start, requests)]
    if sum(ledger.begun) < requests * 0.8:
        faults.append(f"only {sum(ledger.begun)} of {requests} requests reached the application")
    close()
    settle(lambda: threads() <= before, "all threads end")
    return faults

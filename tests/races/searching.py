"""Every order in which threads are interrupted a few times.

Orders that lose something need few interruptions: one thread is stopped between two of its steps, the other does what
must not happen there. So all orders with two interruptions find what a random search of long runs may miss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.handoff.interleaving import Order

if TYPE_CHECKING:
    from collections.abc import Callable


def few_interruptions(
    scenario: Callable[[Callable[[int], int]], object], *, interruptions: int = 2, limit: int = 20_000
) -> int:
    """Run a scenario once for every order with at most so many interruptions; return how many orders that were.

    limit: how many there may be at most, so that a scenario that grew is noticed.
    """
    prefix: list[int] = []
    for number in range(1, limit + 1):
        order = Order(prefix)
        scenario(order)
        place = len(order.chosen) - 1
        while place >= 0 and not can_be_chosen_next(order, place, interruptions):
            place -= 1
        if place < 0:
            return number
        prefix = [*order.chosen[:place], order.chosen[place] + 1]
    raise AssertionError(f"there are more than {limit} orders")


def can_be_chosen_next(order: Order, place: int, interruptions: int) -> bool:
    """Tell whether another thread can go on at this place of an order."""
    before = sum(1 for choice in order.chosen[:place] if choice)
    return order.chosen[place] < order.counts[place] - 1 and before < interruptions

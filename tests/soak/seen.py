"""What a client has seen of an answer, and what is wrong with that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.soak.plans import FAILING_KINDS, GOOD_KINDS, Plan, piece_of

if TYPE_CHECKING:
    from collections.abc import Iterator

STEADY_ENDS = ("none", "slow")
"""Clients that stay for the whole answer, and send the whole request."""


@dataclass(frozen=True)
class Seen:
    """One answer. `error` is what reached the server, None where only a client looks."""

    status: int | None
    token: str | None
    body: bytes
    complete: bool
    error: BaseException | None = None


def faults_of(plan: Plan, seen: Seen) -> Iterator[str]:
    """Say what no request may see; nothing for one that is as it should be."""
    if seen.status == 200:
        if seen.token != plan.token:
            yield f"the answer's header names {seen.token}"
        if not is_beginning(plan, seen.body):
            yield f"the answer is another's: {seen.body!r:.300}"
    is_steady = plan.end in STEADY_ENDS
    if plan.kind in FAILING_KINDS:
        if seen.complete and seen.status == 200:
            yield "the answer looks whole although the application failed"
        if is_steady and seen.error is not None and plan.token not in told(seen.error):
            yield f"the error is another's: {seen.error!r}"
        if is_steady and (seen.status == 200) != (plan.kind == "late-error"):
            yield f"it was answered {seen.status}"
    elif seen.complete and plan.kind != "endless" and (seen.status, seen.body) != (200, plan.answer):
        yield f"{seen.status} looks whole after {len(seen.body)} of {len(plan.answer)} bytes"
    if is_steady and plan.kind in GOOD_KINDS:
        if seen.error is not None:
            yield f"it failed: {seen.error!r}"
        elif not seen.complete:
            yield f"it was answered {seen.status} with {len(seen.body)} of {len(plan.answer)} bytes"


def is_beginning(plan: Plan, body: bytes) -> bool:
    """Tell whether an answer, as far as it came, is the plan's."""
    if plan.kind != "endless":
        return plan.answer.startswith(body)
    piece = piece_of(plan.token, 0)
    return (piece * (len(body) // len(piece) + 1)).startswith(body)


def told(error: BaseException) -> str:
    """What an error and its causes say."""
    return str(error) if error.__cause__ is None else f"{error} {told(error.__cause__)}"

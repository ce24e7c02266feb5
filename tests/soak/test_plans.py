"""A failing soak can be made again."""

from __future__ import annotations

from tests.soak.plans import body_of, piece_of, plan_of

KINDS = ("a", "b", "c")
ENDS = ("d", "e", "f")


def test_the_seed_decides() -> None:
    """B1: the same seed makes the same requests, one by one and in any order; another seed makes others."""
    plans = [plan_of(number, KINDS, ENDS, 7) for number in range(100)]
    assert [plan_of(number, KINDS, ENDS, 7) for number in reversed(range(100))] == plans[::-1]
    assert [plan_of(number, KINDS, ENDS, 8) for number in range(100)] != plans
    assert len({plan.token for plan in plans}) == 100
    assert {(plan.kind, plan.end) for plan in plans} == {(kind, end) for kind in KINDS for end in ENDS}
    assert "SOAK_SEED=7" in str(plans[0])


def test_all_bytes_tell_whose_they_are() -> None:
    """B1: no two requests share a body or a piece of an answer, whatever part of it is looked at."""
    one, other = (plan_of(number, KINDS, ENDS, 7).token for number in range(2))
    assert len(body_of(one, 700)) == 700
    windows = {body_of(one, 700)[start : start + 30] for start in range(600)}
    assert windows.isdisjoint(body_of(other, 700)[start : start + 30] for start in range(600))
    assert piece_of(one, 0) != piece_of(one, 1) != piece_of(other, 1)

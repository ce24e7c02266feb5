"""What counts as a difference between two runs."""

from __future__ import annotations

import pytest

from tests.suites.comparing import Excused, Outcomes, differences

ALL_PASS = {"one": "passed", "two": "passed"}
EXCUSE = {"two": Excused("ASGI has no reason phrase")}


@pytest.mark.parametrize(
    "bridged", [ALL_PASS, {**ALL_PASS, "three": "failed"}], ids=["the same tests", "one more, which does not count"]
)
def test_runs_that_agree(bridged: Outcomes) -> None:
    """The law: nothing is told of tests that pass both ways."""
    assert differences(ALL_PASS, bridged, {}) == []


@pytest.mark.parametrize(
    ("bridged", "what"),
    [
        ({"one": "passed", "two": "failed"}, "fails"),
        ({"one": "passed", "two": "skipped"}, "is skipped"),
        ({"one": "passed"}, "does not run"),
    ],
)
def test_a_test_that_passes_only_without_the_adapters(bridged: Outcomes, what: str) -> None:
    """The law: whatever else becomes of a test that passes without the adapters is told."""
    assert differences(ALL_PASS, bridged, {}) == [f"passes without the adapters, and {what} with them: two"]


@pytest.mark.parametrize("native", ["failed", "skipped"])
@pytest.mark.parametrize("bridged", ["passed", "failed", "skipped"])
def test_a_test_that_passes_in_no_case_without_the_adapters(native: str, bridged: str) -> None:
    """The law is about what works without the adapters."""
    assert differences({"one": native}, {"one": bridged}, {}) == []


def test_an_excused_test() -> None:
    """The law: what is on the closed list may fail."""
    assert differences(ALL_PASS, {"one": "passed", "two": "failed"}, EXCUSE) == []


def test_an_excuse_excuses_no_other_test() -> None:
    """The law: an excuse is for one test."""
    assert differences(ALL_PASS, {"one": "failed", "two": "failed"}, EXCUSE) == [
        "passes without the adapters, and fails with them: one"
    ]


def test_an_excused_test_that_passes() -> None:
    """The law: the list is true; a test that came to pass leaves it."""
    assert differences(ALL_PASS, ALL_PASS, EXCUSE) == ["is excused, and passes with the adapters: two"]


@pytest.mark.parametrize(
    ("native", "what"),
    [({"one": "passed", "two": "failed"}, "fails"), ({"one": "passed"}, "does not run")],
)
def test_an_excuse_for_nothing(native: Outcomes, what: str) -> None:
    """The law: the list is true; an entry is about a test that there is and that passes without the adapters."""
    assert differences(native, {"one": "passed", "two": "failed"}, EXCUSE) == [
        f"is excused, and {what} without the adapters: two"
    ]

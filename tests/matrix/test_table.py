"""The page in docs/, and the tables on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.matrix.behaviours import KEPT, Behaviour
from tests.matrix.directions import DIRECTIONS, WSGI_TO_ASGI, Direction
from tests.matrix.probes import PROBES
from tests.matrix.table import demanded, document, section, summary

PAGE = Path(__file__).parents[2] / "docs" / "servers.md"

directions = pytest.mark.parametrize("direction", DIRECTIONS, ids=lambda direction: direction.adapter)


def test_the_page_is_up_to_date() -> None:
    """The law: docs/servers.md says what the tests demand; `python -m tests.matrix > docs/servers.md` makes it so."""
    assert PAGE.read_text() == document()


def test_every_row_is_tried() -> None:
    """The law: no row stands in the table for which there is no probe."""
    assert set(PROBES) == set(Behaviour)


@directions
def test_every_limit_is_of_a_server(direction: Direction) -> None:
    """The law: no limit is excused of a server that is not tested."""
    names = {name for kind in direction.kinds for name in (kind.name, kind.family)}
    assert {name for name, _ in [*direction.shortfalls, *direction.others]} <= names
    assert all(shortfall.instead != KEPT for shortfall in direction.shortfalls.values())


@directions
def test_what_is_demanded_has_reasons(direction: Direction) -> None:
    """The law: each "no" on the page has its reason."""
    assert "NO LIMIT" not in section(direction, demanded(direction))


def test_what_was_seen_is_printed() -> None:
    """The law: what no limit excuses, and what no test tried, stand out in the table that a run prints."""
    behaviour, kind = Behaviour.COOKIES, WSGI_TO_ASGI.kinds[0]
    printed = section(WSGI_TO_ASGI, {(kind.name, behaviour): "there are none"})
    assert f"| {behaviour.value} | no (1) | not tried |" in printed
    assert f"1. There are none. {kind.name}: NO LIMIT OF THE SERVER'S." in printed


@directions
def test_the_readme_shows_it(direction: Direction) -> None:
    """The law: README says what the tests demand; `python -m tests.matrix summary` prints the tables."""
    assert summary(direction) in PAGE.parents[1].joinpath("README.md").read_text()

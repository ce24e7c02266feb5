"""The probes and their judge: a table that cannot say "no" would tell nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.matrix.behaviours import KEPT, Behaviour
from tests.matrix.probes import PROBES
from tests.matrix.sites import Site
from tests.matrix.trying import check
from tests.matrix.wrong_server import wrong_server
from tests.servers.memory import Growth
from tests.wsgi_servers.diary import Diary

NO_PROCESS = -1


def site(port: int, folder: Path, *, native: bool = False) -> Site:
    """A site of which nothing is to be expected."""
    return Site(port, Diary(folder), lambda: Growth(NO_PROCESS), native=native, patience=0.2, doubt=0.2)


@pytest.mark.parametrize("behaviour", Behaviour, ids=lambda behaviour: behaviour.name)
def test_a_wrong_server_is_noticed(behaviour: Behaviour, tmp_path: Path) -> None:
    """The law: a server that answers in good order, and never what it ought to, passes no probe."""
    with wrong_server(Diary(tmp_path)) as port:
        try:
            seen = PROBES[behaviour](site(port, tmp_path))
        except (AssertionError, OSError):
            return
    assert seen != KEPT


def answering(bridged: str, native: str) -> Callable[[Site], str]:
    """A probe that knows what it will tell."""
    return lambda site: native if site.native else bridged


@pytest.mark.parametrize(
    ("bridged", "native", "expected"),
    [(KEPT, KEPT, KEPT), ("late", "late", "late"), (KEPT, "late", KEPT)],
    ids=["kept", "the server's limit", "more than the server gives"],
)
def test_what_passes(bridged: str, native: str, expected: str, tmp_path: Path) -> None:
    """The law: what ought to be so, or what the server does to its own applications too."""
    sites = site(0, tmp_path), site(0, tmp_path, native=True)
    assert check(answering(bridged, native), *sites, expected) == expected


@pytest.mark.parametrize("native", [KEPT, "never"])
def test_a_limit_of_the_bridge_is_noticed(native: str, tmp_path: Path) -> None:
    """The law: what the server's own applications do not suffer is no limit of the server's."""
    with pytest.raises(AssertionError, match="without it"):
        check(answering("late", native), site(0, tmp_path), site(0, tmp_path, native=True), "late")


@pytest.mark.parametrize(("seen", "expected"), [("late", KEPT), (KEPT, "late"), ("never", "late")])
def test_what_the_tables_do_not_say_is_noticed(seen: str, expected: str, tmp_path: Path) -> None:
    """The law: a server that sheds a limit is noticed as one that gets a new one is."""
    assert check(answering(seen, seen), site(0, tmp_path), site(0, tmp_path, native=True), expected) != expected

"""Tries one behaviour on one server, and says whose fault it is if that is not as it ought to be."""

from __future__ import annotations

from collections.abc import Callable

from tests.matrix.behaviours import KEPT, Behaviour
from tests.matrix.directions import Direction
from tests.matrix.printing import PROPERTY
from tests.matrix.probes import PROBES
from tests.matrix.sites import Site
from tests.servers.kinds import Kind
from tests.wsgi_servers.serving import Served

MANY = 5.0  # seconds: the grace of two after a disconnect, and room
FEW = 0.4


def check(probe: Callable[[Site], str], bridged: Site, native: Site, expected: str) -> str:
    """What the bridged application does; what it cannot do, the server's own kind of application must not do either."""
    seen = probe(bridged)
    if seen == expected != KEPT:
        alone = probe(native)
        assert alone == expected, f"through the bridge: {seen}; without it: {alone}"
    return seen


def try_out(
    direction: Direction,
    served: Served,
    kind: Kind,
    behaviour: Behaviour,
    record: Callable[[str, object], None],
) -> None:
    """Fails unless that server does what the tables say."""
    expected = direction.expected(kind, behaviour)
    patience, doubt = (MANY, FEW) if expected == KEPT else (FEW, MANY)
    bridged, native = (
        Site(served.port, served.diary, served.server.growth, native=native, patience=patience, doubt=doubt)
        for native in (False, True)
    )
    seen = check(PROBES[behaviour], bridged, native, expected)
    record(PROPERTY, [direction.adapter, kind.name, behaviour.name, seen])
    assert seen == expected

"""What the servers cannot give: the bridge adds nothing to that table, and takes nothing away."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wsgi_servers.kinds import ORIGINALS, Kind
from tests.wsgi_servers.limits import LIMITS, Limit, limited
from tests.wsgi_servers.probes import PROBES
from tests.wsgi_servers.serving import Served, serving

UNTESTED_ELSEWHERE = [
    Limit.HALF_CHUNKED_BODIES_LOOK_WHOLE,
    Limit.GATHERS_UPLOADS,
    Limit.CLOSES_UNANNOUNCED,
]
on_originals = pytest.mark.parametrize("kind", ORIGINALS, ids=lambda kind: kind.name, indirect=True, scope="session")


@on_originals
@pytest.mark.parametrize("limit", UNTESTED_ELSEWHERE, ids=lambda limit: limit.name)
def test_bridged_application(served: Served, kind: Kind, limit: Limit) -> None:
    """A2, A5, A8: every promise is kept on every server but where the table excepts it."""
    assert PROBES[limit](served) is limited(kind, limit)


# Their other limits are of keys in the environ, of signals, and of what PEP 3333 has no word for.
PROBED = [kind for kind in ORIGINALS if any((kind.family, limit) in LIMITS for limit in PROBES)]


@pytest.mark.parametrize("kind", PROBED, ids=lambda kind: kind.name)
def test_native_application_has_them_too(kind: Kind, tmp_path: Path) -> None:
    """A2, A5, A8: no adapter could give there what the table excepts."""
    with serving(kind, tmp_path, "native:application") as served:
        for limit, probe in PROBES.items():
            if limited(kind, limit):
                assert probe(served), f"{kind.name} has shed {limit.name}"

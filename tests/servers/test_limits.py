"""What is no row of the table of behaviours is the server's own limit all the same: a native application has it too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.matrix import streams
from tests.matrix.behaviours import KEPT
from tests.matrix.directions import WSGI_TO_ASGI
from tests.matrix.sites import Site
from tests.servers.kinds import KINDS, Kind
from tests.servers.limits import Limit, limited
from tests.wsgi_servers.serving import serving

RETURNS_WITHIN = 2.0  # seconds


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if limited(kind, Limit.SEND_OUTLIVES_CLIENT)], ids=lambda kind: kind.name
)
def test_native_application_has_it_too(kind: Kind, tmp_path: Path) -> None:
    """W18: a native application's `send()` goes on waiting there for a client that has gone."""
    with serving(kind, tmp_path, WSGI_TO_ASGI.application, package="tests.matrix") as served:
        site = Site(served.port, served.diary, served.server.growth, native=True, patience=RETURNS_WITHIN, doubt=0)
        assert streams.stalled_download(site) != KEPT

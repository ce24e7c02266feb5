"""A smaller soak under a real server, in each direction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.servers.kinds import KINDS as ASGI_SERVERS
from tests.servers.running import eventually, running
from tests.soak import asgi_application, wsgi_application
from tests.soak.footprint import Footprint
from tests.soak.plans import PATIENCE, REQUESTS, SEED
from tests.soak.through_sockets import soak
from tests.wsgi_servers.kinds import KINDS as WSGI_SERVERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.servers.kinds import Kind

SERVED = REQUESTS // 40
WARM_UP = 200  # requests, until every kind has failed in every way: servers log that, and Python keeps the source lines
ENDS_WITHIN = 10.0  # seconds

SERVERS = {kind.name: kind for kind in (*ASGI_SERVERS, *WSGI_SERVERS)}
# A WSGI server does not see that a client has left before it writes, and this kind writes no more.
UNDER_WSGI = [kind for kind in asgi_application.KINDS if kind != "waits"]


@pytest.mark.timeout(2 * PATIENCE)
@pytest.mark.parametrize(
    ("kind", "application", "kinds"),
    [
        pytest.param(SERVERS["uvicorn-httptools-uvloop"], "served:app", wsgi_application.KINDS, id="uvicorn"),
        pytest.param(SERVERS["gunicorn-gthread"], "served:application", UNDER_WSGI, id="gunicorn"),
    ],
)
def test_served(kind: Kind, application: str, kinds: Sequence[str], tmp_path: Path) -> None:
    """B1, W10, W18, A6: clients of a real server, many of which vanish, leave nothing behind and get their own."""
    with running(kind, application, tmp_path, package="tests.soak") as server:

        def told() -> dict[str, Any]:
            found: dict[str, Any] = server.ask("/ledger/0/0").json()
            return found

        def settled() -> dict[str, Any]:
            eventually(lambda: told()["settled"], ENDS_WITHIN)
            return told()

        faults = soak(server.port, kinds, 0, WARM_UP)
        start = Footprint.from_told(settled())
        faults += soak(server.port, kinds, WARM_UP, WARM_UP + SERVED)
        last = settled()
        faults += last["faults"]
        # The server may be about to close its connections.
        eventually(lambda: not Footprint.from_told(told()).faults(start, SERVED), ENDS_WITHIN)
        faults += Footprint.from_told(told()).faults(start, SERVED)
        assert faults == [], "\n".join([f"SOAK_SEED={SEED}", *faults, server.log()[-2000:]])

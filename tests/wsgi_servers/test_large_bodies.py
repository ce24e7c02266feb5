"""Bodies of 200 megabytes: none is ever whole in the server's memory."""

from __future__ import annotations

import pytest

from tests.servers.content import blocks, digest
from tests.servers.wire import Wire, head
from tests.wsgi_servers.kinds import ORIGINALS, Kind
from tests.wsgi_servers.limits import Limit, limited
from tests.wsgi_servers.probes import LARGE, MAY_GROW, PATIENCE, WARM_UP, holds_downloads
from tests.wsgi_servers.serving import Served

pytestmark = pytest.mark.parametrize("kind", ORIGINALS, ids=lambda kind: kind.name, indirect=True, scope="session")


def upload(served: Served, size: int) -> str:
    """Send a body with a declared length; what the application made of it."""
    with Wire(served.port, within=PATIENCE) as wire:
        wire.send(head("POST", "/hash", f"Content-Length: {size}"), *blocks(size))
        return wire.answer().body.decode()


def test_upload(served: Served) -> None:
    """A2, A5: the application hashes 200 MB, and the server's processes grow by less than 16 MB."""
    upload(served, WARM_UP)
    growth = served.server.growth()
    assert upload(served, LARGE) == f"{LARGE} {digest(LARGE)}"
    assert growth.bytes() < MAY_GROW


def test_download(served: Served, kind: Kind) -> None:
    """A5: 200 MB stream to a client, and the server's processes grow by less than 16 MB."""
    assert holds_downloads(served) is limited(kind, Limit.HOLDS_DOWNLOADS)

"""Bodies of 200 megabytes: none is ever whole in the server's memory."""

from __future__ import annotations

import hashlib

import pytest

from tests.matrix.behaviours import Behaviour
from tests.servers.content import BLOCK, MEGABYTE, blocks, digest
from tests.servers.wire import Wire, head
from tests.wsgi_servers.kinds import ORIGINALS, Kind
from tests.wsgi_servers.limits import limited
from tests.wsgi_servers.serving import Served

LARGE = 200 * MEGABYTE
WARM_UP = 8 * MEGABYTE  # the first large body makes allocators and threads take what they then keep
MAY_GROW = 16 * MEGABYTE
PATIENCE = 30.0  # seconds without a byte

pytestmark = pytest.mark.parametrize("kind", ORIGINALS, ids=lambda kind: kind.name, indirect=True, scope="session")


def upload(served: Served, size: int) -> str:
    """Send a body with a declared length; what the application made of it."""
    with Wire(served.port, within=PATIENCE) as wire:
        wire.send(head("POST", "/hash", f"Content-Length: {size}"), *blocks(size))
        return wire.answer().body.decode()


def download(served: Served, size: int) -> str:
    """The digest of a body without a declared length."""
    hashed = hashlib.sha256()
    with Wire(served.port, within=PATIENCE) as wire:
        wire.send(head("GET", f"/download?size={size}"))
        response = wire.response()
        while block := response.read(4 * BLOCK):
            hashed.update(block)
    return hashed.hexdigest()


def test_upload(served: Served) -> None:
    """A2, A5: the application hashes 200 MB, and the server's processes grow by less than 16 MB."""
    upload(served, WARM_UP)
    growth = served.server.growth()
    assert upload(served, LARGE) == f"{LARGE} {digest(LARGE)}"
    assert growth.bytes() < MAY_GROW


def test_download(served: Served, kind: Kind) -> None:
    """A5: 200 MB stream to a client, and the server's processes grow by less than 16 MB."""
    download(served, WARM_UP)
    growth = served.server.growth()
    assert download(served, LARGE) == digest(LARGE)
    assert limited(kind, Behaviour.SLOW_READER) or growth.bytes() < MAY_GROW

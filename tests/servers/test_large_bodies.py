"""Bodies of 200 megabytes: none is ever whole in the server's memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from tests.matrix.behaviours import Behaviour
from tests.servers.content import BLOCK, MEGABYTE, blocks, digest
from tests.servers.limits import limited
from tests.servers.probes import fresh_name, slow_client_stalls
from tests.servers.running import RunningServer
from tests.servers.wire import LAST_CHUNK, Wire, chunked, head

SIZE = 200 * MEGABYTE
WARM_UP = 8 * MEGABYTE  # the first large body makes allocators and threads take what they then keep
MAY_GROW = 16 * MEGABYTE
PATIENCE = 60.0  # seconds without a byte; a server that hashes is not idle, only slow


def upload(server: RunningServer, size: int) -> str:
    """Send a body with a declared length; what the application made of it."""
    with Wire(server.port, within=PATIENCE) as wire:
        wire.send(head("POST", "/hash", f"Content-Length: {size}"), *blocks(size))
        return wire.answer().body.decode()


def upload_chunked(server: RunningServer, size: int) -> str:
    """The same in the chunked transfer coding."""
    with Wire(server.port, within=PATIENCE) as wire:
        wire.send(head("POST", "/hash", "Transfer-Encoding: chunked"))
        for block in blocks(size):
            wire.send(chunked(block))
        wire.send(LAST_CHUNK)
        return wire.answer().body.decode()


@pytest.mark.parametrize("send", [upload, upload_chunked], ids=["declared", "chunked"])
def test_upload(server: RunningServer, send: Callable[[RunningServer, int], str]) -> None:
    """W4, W17: the application hashes 200 MB, and the server's processes grow by less than 16 MB."""
    gathered = limited(server.kind, Behaviour.STREAMED_UPLOAD)
    size = WARM_UP if gathered else SIZE
    send(server, WARM_UP)
    growth = server.growth()
    assert send(server, size) == f"{size} {digest(size)}"
    assert gathered or growth.bytes() < MAY_GROW


def test_download(server: RunningServer) -> None:
    """W8, W17: 200 MB stream to a client that stops reading for a while; the application waits, and memory stays."""
    unlimited = limited(server.kind, Behaviour.SLOW_READER)
    server.ask(f"/download?name={fresh_name()}&size={WARM_UP}")
    growth, name, hashed = server.growth(), fresh_name(), hashlib.sha256()
    with Wire(server.port, receive_buffer=BLOCK, within=PATIENCE) as wire:
        wire.send(head("GET", f"/download?name={name}&size={SIZE}"))
        response = wire.response()
        hashed.update(response.read(MEGABYTE))
        assert slow_client_stalls(server, name, taken=MEGABYTE) is not unlimited
        while block := response.read(4 * BLOCK):
            hashed.update(block)
    assert hashed.hexdigest() == digest(SIZE)
    assert unlimited or growth.bytes() < MAY_GROW

"""Files that the application leaves to `wsgi.file_wrapper`, which each server gets in its own best way."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.matrix.behaviours import Behaviour
from tests.servers.content import MEGABYTE, blocks, digest
from tests.servers.limits import limited
from tests.servers.running import RunningServer, eventually
from tests.servers.wire import Wire, head

SIZE = 64 * MEGABYTE
MAY_GROW = 16 * MEGABYTE
CLOSED_WITHIN = 5.0  # seconds; while a send() waits the file is in use, and Limit.SEND_OUTLIVES_CLIENT is 3 seconds


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is larger than what any server may hold of it."""
    path = tmp_path_factory.mktemp("files") / "large.bin"
    with path.open("wb") as file:
        file.writelines(blocks(SIZE))
    return path


def every_file_is_closed(server: RunningServer) -> bool:
    """Whether every file was closed once, by the thread that opened it, and the request that asks is the only one."""
    counts = server.counts()
    assert "closed again" not in counts
    assert "closed by another thread" not in counts
    return counts.get("closed") == counts["opened"] and (counts["busy"], counts["in_flight"]) == (1, 1)


def test_whole_file(server: RunningServer, file: Path) -> None:
    """W10, W11, W17: a file arrives whole, is never whole in memory, and is closed once."""
    growth, hashed = server.growth(), hashlib.sha256()
    with Wire(server.port) as wire:
        wire.send(head("GET", f"/file?path={file}"))
        response = wire.response()
        assert response.getheader("Content-Length") == str(SIZE)
        while block := response.read(MEGABYTE):
            hashed.update(block)
    assert hashed.hexdigest() == digest(SIZE)
    assert limited(server.kind, Behaviour.SLOW_READER) or growth.bytes() < MAY_GROW
    assert eventually(lambda: every_file_is_closed(server), CLOSED_WITHIN)


def test_half_a_file(server: RunningServer, file: Path) -> None:
    """W10, W18: the client of a file vanishes; the file is closed once, and no thread stays with it."""
    with Wire(server.port) as wire:
        wire.send(head("GET", f"/file?path={file}"))
        assert len(wire.response().read(MEGABYTE)) == MEGABYTE
        wire.reset()
    assert eventually(lambda: every_file_is_closed(server), CLOSED_WITHIN)

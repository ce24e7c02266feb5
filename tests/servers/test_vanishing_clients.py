"""Clients that go away in the middle: no thread, no iterable and no half of a body is left over."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.servers.application import THREADS
from tests.servers.content import BLOCK, MEGABYTE
from tests.servers.kinds import KINDS, Kind
from tests.servers.limits import Limit, limited
from tests.servers.probes import fresh_name, send_outlives_client
from tests.servers.running import RunningServer, eventually, running
from tests.servers.wire import Wire, chunked, head

APPLICATION = "application:app"

CLIENTS = 100
STARTS_WITHIN = 10.0  # seconds until all threads stream
FREE_WITHIN = 3.0  # seconds until all of them are free again
RETURNS_WITHIN = 5.0  # seconds until the servers' calls have returned too: Limit.SEND_OUTLIVES_CLIENT delays them
AT_ONCE = 1.0  # seconds for the first answer after that
ENDS_WITHIN = 5.0  # seconds from SIGTERM

# An endless response as fast as the client takes it needs a server that says when the client takes no more.
STREAMS = [
    pytest.param(kind, target, id=f"{kind.name}-{target[1:]}")
    for kind in KINDS
    for target in ("/ticks", "/flood")
    if target != "/flood" or not limited(kind, Limit.NO_BACK_PRESSURE)
]


def vanish(wires: list[Wire]) -> None:
    """Every second client is killed, the others close."""
    for index, wire in enumerate(wires):
        if index % 2:
            wire.reset()
        else:
            wire.close()


def all_threads_are_free(server: RunningServer) -> bool:
    """Whether the request that asks has the only thread in use, and no request waits for one."""
    counts = server.counts()
    return (counts["busy"], counts["queued"]) == (1, 0)


def all_calls_returned(server: RunningServer) -> bool:
    """Whether the server's call for the request that asks is the only one."""
    return server.counts()["in_flight"] == 1


@contextmanager
def connected(server: RunningServer, clients: int) -> Iterator[list[Wire]]:
    """Connections of so many clients, whose receive buffers are small."""
    with ExitStack() as stack:
        yield [stack.enter_context(Wire(server.port, receive_buffer=BLOCK)) for _ in range(clients)]


@pytest.mark.parametrize(("kind", "target"), STREAMS)
def test_a_hundred_streams(kind: Kind, target: str, tmp_path: Path) -> None:
    """W18, W10, B1: a hundred clients open an endless stream and vanish; nothing of them is left."""
    with running(kind, APPLICATION, tmp_path) as server:
        with connected(server, CLIENTS) as wires:
            for wire in wires:
                wire.send(head("GET", target))
            assert eventually(lambda: len(select.select(wires, [], [], 0)[0]) >= THREADS, STARTS_WITHIN)
            vanish(wires)

        vanished = time.monotonic()
        assert server.ask("/").body == b"hello"
        assert time.monotonic() - vanished < AT_ONCE
        assert eventually(lambda: all_threads_are_free(server), vanished + FREE_WITHIN - time.monotonic())

        assert eventually(lambda: all_calls_returned(server), RETURNS_WITHIN)

        counts = server.counts()
        assert THREADS <= counts["opened"] <= CLIENTS
        assert counts["closed"] == counts["opened"]
        assert "closed again" not in counts
        assert "closed by another thread" not in counts
        assert counts["stuck"] == 0
        assert server.stop(ENDS_WITHIN) < ENDS_WITHIN


def test_a_stalled_client(server: RunningServer) -> None:
    """W18: a client vanishes while the server waits for it to read; the server's call returns at once."""
    assert send_outlives_client(server) is limited(server.kind, Limit.SEND_OUTLIVES_CLIENT)


def test_a_wave_of_half_uploads(own_server: RunningServer) -> None:
    """W18, W5: all threads but one read a body whose client vanishes; all of them are free again."""
    server, readers = own_server, THREADS - 1
    with connected(server, readers) as wires:
        for wire in wires:
            wire.send(head("POST", "/upload?name=all", f"Content-Length: {MEGABYTE}"), bytes(MEGABYTE // 2))
        if limited(server.kind, Limit.GATHERS_UPLOADS):
            begun = 0
        else:
            begun = readers
            assert eventually(lambda: server.counts().get("uploads begun") == readers, STARTS_WITHIN)
        vanish(wires)
    assert eventually(lambda: all_threads_are_free(server), FREE_WITHIN)
    assert eventually(lambda: all_calls_returned(server), FREE_WITHIN)
    counts = server.counts()
    assert counts.get("uploads begun", 0) == begun
    assert "uploads taken for whole" not in counts
    assert server.stop(ENDS_WITHIN) < ENDS_WITHIN


@pytest.mark.parametrize("way", [Wire.reset, Wire.close], ids=["reset", "closed"])
@pytest.mark.parametrize("framing", ["Content-Length: 10000000", "Transfer-Encoding: chunked"])
def test_half_an_upload(server: RunningServer, framing: str, way: Callable[[Wire], None]) -> None:
    """W5: the reader of a body whose client vanished gets an OSError, never a short body that looks whole."""
    name, half = fresh_name(), bytes(MEGABYTE)
    with Wire(server.port) as wire:
        wire.send(head("POST", f"/upload?name={name}", framing), chunked(half) if "chunked" in framing else half)
        runs = server.ask(f"/entered?name={name}&within=1").body == b"yes"
        assert runs is not limited(server.kind, Limit.GATHERS_UPLOADS)
        way(wire)
    if runs:
        outcome = server.ask(f"/outcome?name={name}").json()
        assert outcome["finished"]
        assert outcome["size"] <= len(half)
        assert {"ClientDisconnected", "OSError"} <= set(outcome["error"])
    assert eventually(lambda: all_calls_returned(server), FREE_WITHIN)
    assert "uploads taken for whole" not in server.counts()


@pytest.mark.parametrize("way", [Wire.reset, Wire.close], ids=["reset", "closed"])
def test_half_a_small_upload(server: RunningServer, way: Callable[[Wire], None]) -> None:
    """W18, W5: a small body is awaited before a thread is taken; if half of it comes, the application never runs."""
    before = server.counts()
    with Wire(server.port) as wire:
        wire.send(head("POST", "/upload?name=small", "Content-Length: 1000"), bytes(500))
        if not limited(server.kind, Limit.GATHERS_UPLOADS):
            assert eventually(lambda: server.counts()["in_flight"] == 2, STARTS_WITHIN)
        way(wire)
    assert eventually(lambda: all_calls_returned(server), FREE_WITHIN)
    after = server.counts()
    assert after.get("uploads begun") == before.get("uploads begun")
    assert "uploads taken for whole" not in after

"""Clients that go away in the middle: no thread, no iterable and no half of a body is left over."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.matrix.behaviours import Behaviour
from tests.servers.application import THREADS
from tests.servers.content import BLOCK, MEGABYTE
from tests.servers.kinds import KINDS, Kind
from tests.servers.limits import Limit, limited
from tests.servers.probes import fresh_name, slow_client_stalls
from tests.servers.running import RunningServer, eventually, running
from tests.servers.wire import LAST_CHUNK, Wire, chunked, head

CLIENTS = 100
STARTS_WITHIN = 10.0  # seconds until all threads stream
FREE_WITHIN = 3.0  # seconds until all of them are free again
RETURNS_WITHIN = 5.0  # seconds until the servers' calls have returned too: Limit.SEND_OUTLIVES_CLIENT delays them
AT_ONCE = 1.0  # seconds for the first answer after that
ENDS_WITHIN = 5.0  # seconds from SIGTERM

# An endless response as fast as the client takes it needs a server that says when the client takes no more.
BOUNDED = [kind for kind in KINDS if not limited(kind, Behaviour.SLOW_READER)]

# Neither is received before the application runs: they have no declared length. Of a longer one no more than
# write_buffer is received ahead (W17), and the disconnect behind the rest is not heard of: a limit that README names.
SMALL = head("POST", "/ticks", "Transfer-Encoding: chunked") + chunked(b"abc") + LAST_CHUNK
BELOW_THE_BUFFER = head("POST", "/ticks", "Transfer-Encoding: chunked") + chunked(bytes(60_000)) + LAST_CHUNK


@pytest.fixture(scope="session")
def shared_server(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server for this module alone, which stops it in the end."""
    with running(kind, "application:app", tmp_path_factory.mktemp(kind.name)) as server:
        yield server


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


def hundred_streams(server: RunningServer, target: str) -> None:
    """A hundred clients open an endless stream and vanish; nothing of them may be left."""
    before = server.counts()
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
    opened, closed = (counts[what] - before.get(what, 0) for what in ("opened", "closed"))
    assert THREADS <= opened <= CLIENTS
    assert closed == opened
    assert "closed again" not in counts
    assert "closed by another thread" not in counts
    assert counts["stuck"] == 0


def test_a_hundred_slow_streams(server: RunningServer) -> None:
    """W18, W10, B1: nothing is left of clients that leave a stream with pauses."""
    hundred_streams(server, "/ticks")


@pytest.mark.parametrize("kind", BOUNDED, ids=lambda kind: kind.name, indirect=True, scope="session")
def test_a_hundred_fast_streams(server: RunningServer) -> None:
    """W18, W10, B1: nothing is left of clients that leave a stream which comes as fast as they take it."""
    hundred_streams(server, "/flood")


@pytest.mark.parametrize("request_bytes", [SMALL, BELOW_THE_BUFFER], ids=["small", "below the buffer"])
def test_an_unread_body(server: RunningServer, request_bytes: bytes) -> None:
    """W18, B1: no byte of a body was read, behind which the disconnect stands; nothing of its stream is left."""
    before = server.counts()
    with Wire(server.port) as wire:
        wire.send(request_bytes)
        assert wire.take_head().startswith(b"HTTP/1.1 200")
        assert wire.take(1)
        wire.reset()
    assert eventually(lambda: server.counts()["busy"] == 1, FREE_WITHIN)
    after = server.counts()
    assert [after[what] - before.get(what, 0) for what in ("opened", "closed")] == [1, 1]


def test_a_stalled_client(server: RunningServer) -> None:
    """W18: a client vanishes while the server waits for it to read; the server's call returns at once."""
    name, size = fresh_name(), 64 * MEGABYTE
    with Wire(server.port, receive_buffer=BLOCK) as wire:
        wire.send(head("GET", f"/download?name={name}&size={size}"))
        slow_client_stalls(server, name, len(wire.response().read(BLOCK)))
        wire.reset()
    returned = eventually(lambda: all_calls_returned(server), within=2)
    assert returned is not limited(server.kind, Limit.SEND_OUTLIVES_CLIENT)


def test_a_wave_of_half_uploads(server: RunningServer) -> None:
    """W18, W5: all threads but one read a body whose client vanishes; all of them are free again."""
    readers, before = THREADS - 1, server.counts().get("uploads begun", 0)
    with connected(server, readers) as wires:
        for wire in wires:
            wire.send(head("POST", "/upload?name=all", f"Content-Length: {MEGABYTE}"), bytes(MEGABYTE // 2))
        if limited(server.kind, Behaviour.STREAMED_UPLOAD):
            begun = 0
        else:
            begun = readers
            assert eventually(lambda: server.counts().get("uploads begun") == before + readers, STARTS_WITHIN)
        vanish(wires)
    assert eventually(lambda: all_threads_are_free(server), FREE_WITHIN)
    assert eventually(lambda: all_calls_returned(server), FREE_WITHIN)
    counts = server.counts()
    assert counts.get("uploads begun", 0) == before + begun
    assert "uploads taken for whole" not in counts


@pytest.mark.parametrize("way", [Wire.reset, Wire.close], ids=["reset", "closed"])
@pytest.mark.parametrize("framing", ["Content-Length: 10000000", "Transfer-Encoding: chunked"])
def test_half_an_upload(server: RunningServer, framing: str, way: Callable[[Wire], None]) -> None:
    """W5: the reader of a body whose client vanished gets an OSError, never a short body that looks whole."""
    name, half = fresh_name(), bytes(MEGABYTE)
    with Wire(server.port) as wire:
        wire.send(head("POST", f"/upload?name={name}", framing), chunked(half) if "chunked" in framing else half)
        runs = server.ask(f"/entered?name={name}&within=1").body == b"yes"
        assert runs is not limited(server.kind, Behaviour.STREAMED_UPLOAD)
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
        if not limited(server.kind, Behaviour.STREAMED_UPLOAD):
            assert eventually(lambda: server.counts()["in_flight"] == 2, STARTS_WITHIN)
        way(wire)
    assert eventually(lambda: all_calls_returned(server), FREE_WITHIN)
    after = server.counts()
    assert after.get("uploads begun") == before.get("uploads begun")
    assert "uploads taken for whole" not in after


def test_the_server_stops(server: RunningServer) -> None:
    """W18: after all these clients nothing delays its end. The last test of this module."""
    assert server.stop(ENDS_WITHIN) < ENDS_WITHIN

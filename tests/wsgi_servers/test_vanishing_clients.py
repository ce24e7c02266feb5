"""Clients that go away in the middle: the application hears of it, and nothing of their requests is left."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.matrix.behaviours import Behaviour
from tests.servers.content import BLOCK
from tests.servers.probes import fresh_name
from tests.servers.running import eventually
from tests.servers.wire import Wire, chunked, head
from tests.wsgi_servers.kinds import ORIGINALS, Kind
from tests.wsgi_servers.limits import limited
from tests.wsgi_servers.serving import Served

WITHIN = 3.0  # seconds
CLIENTS = 3

pytestmark = pytest.mark.parametrize("kind", ORIGINALS, ids=lambda kind: kind.name, indirect=True, scope="session")

ways = pytest.mark.parametrize("way", [Wire.reset, Wire.close], ids=["reset", "closed"])


def pid_of(served: Served, name: str) -> int:
    """The process that serves the request of that name."""
    return next(entry.pid for entry in served.diary.entries() if entry.name == name)


def bridges(threads: list[str]) -> list[str]:
    """Those of them that are not the server's own, whose pools grow and shrink as they like."""
    return [name for name in threads if name.startswith("bridge-")]


def everything_alive(served: Served, kind: Kind) -> dict[int, dict[str, Any]]:
    """What each process has before a test."""
    found: dict[int, dict[str, Any]] = {}

    def all_answered() -> bool:
        answer = served.server.ask("/alive").json()
        found[answer["pid"]] = answer
        return len(found) == kind.processes

    assert eventually(all_answered, WITHIN)
    return found


def nothing_remains(served: Served, before: dict[int, dict[str, Any]], name: str) -> bool:
    """Whether the process that served `name` has no more tasks, threads and files than before.

    One file more is let pass: a server may hold a connection of its own for a moment, Apache to its process does. A
    file that is left for each client is seen all the same, at the second one.
    """
    pid = pid_of(served, name)
    now, then = served.alive(pid), before[pid]
    return (
        now["tasks"] <= then["tasks"]
        and now["files"] <= then["files"] + 1
        and bridges(now["threads"]) == bridges(then["threads"])
        and (now["in flight"], now["background"], now["stuck"]) == (1, 0, 0)
    )


@ways
@pytest.mark.parametrize("target", ["/ticks", "/flood", "/watched"])
def test_endless_streams(served: Served, kind: Kind, target: str, way: Callable[[Wire], None]) -> None:
    """A6, B1: their clients vanish; within 3 seconds the application knows, and its `finally` blocks have run."""
    before = everything_alive(served, kind)
    for _ in range(CLIENTS):
        name = fresh_name()
        with Wire(served.port, receive_buffer=BLOCK) as wire:
            wire.send(head("GET", f"{target}?name={name}"))
            assert wire.response().read1(100)
            way(wire)
        events = served.events(name, "finally", WITHIN)
        if target == "/watched":
            assert events == ["http.request", "http.disconnect", "finally"]
        else:
            assert events in (["refused", "finally"], ["cancelled", "finally"])
        assert eventually(partial(nothing_remains, served, before, name), WITHIN)


def test_a_silent_stream(served: Served, kind: Kind) -> None:
    """A6: what sends nothing hears of the disconnect at its next chunk, and at once where the server can be asked."""
    name = fresh_name()
    with Wire(served.port) as wire:
        wire.send(head("GET", f"/silent?name={name}"))
        assert wire.response().read1(100) == b"first"
        wire.close()
    deaf = limited(kind, Behaviour.SILENT_STREAM)
    assert eventually(lambda: "heard" in served.diary.events(name), 0.3 if deaf else WITHIN) is not deaf
    served.diary.allow(name)
    events = served.events(name, "finally", WITHIN)
    assert events[0] == ("not heard" if deaf else "heard")


@ways
@pytest.mark.parametrize("framing", ["Content-Length: 10000000", "Transfer-Encoding: chunked"])
def test_half_an_upload(served: Served, kind: Kind, framing: str, way: Callable[[Wire], None]) -> None:
    """A2: a body whose client vanished ends with `http.disconnect`, and never looks whole."""
    name, half = fresh_name(), bytes(BLOCK)
    is_chunked = "chunked" in framing
    with Wire(served.port) as wire:
        wire.send(head("POST", f"/upload?name={name}", framing), chunked(half) if is_chunked else half)
        eventually(lambda: "read" in served.diary.events(name), within=0.5)
        way(wire)
    if is_chunked and limited(kind, Behaviour.CHUNKED_UPLOAD):
        assert served.events(name, "finally", WITHIN) == ["whole", "finally"]
    elif is_chunked and limited(kind, Behaviour.ABORTED_CHUNKED_UPLOAD):
        assert served.events(name, "finally", WITHIN) == ["read", "whole", "finally"]
    elif limited(kind, Behaviour.STREAMED_UPLOAD):
        assert served.diary.events(name) == []
    else:
        events = served.events(name, "finally", WITHIN)
        assert events[-2:] == ["refused", "finally"]
        assert "whole" not in events
    assert served.server.ask("/").body == b"hello"

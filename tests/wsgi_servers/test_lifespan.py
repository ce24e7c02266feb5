"""Startup and shutdown, once in each process that serves."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.servers.running import eventually
from tests.wsgi_servers.kinds import ORIGINALS, Kind
from tests.wsgi_servers.limits import Limit, limited
from tests.wsgi_servers.serving import Served, serving

ENDS_WITHIN = 5.0  # seconds
KILLED = [kind for kind in ORIGINALS if limited(kind, Limit.KILLED_BY_SIGTERM)]


def answering(served: Served, kind: Kind) -> set[int]:
    """The processes that answer, each with a state of its own; asked until all of them have, and are idle again."""
    processes = kind.processes
    started: dict[int, float] = {}
    asked = 0

    def all_answered() -> bool:
        nonlocal asked
        with ThreadPoolExecutor(4) as clients:
            for answer in clients.map(lambda _: served.server.ask("/state").json(), range(8)):
                asked += 1
                assert started.setdefault(answer["pid"], answer["started"]) == answer["started"]
        return len(started) >= processes

    assert eventually(all_answered, within=10), f"only {len(started)} of {processes} processes answer"
    assert len(set(started.values())) == processes
    if kind.family == "uwsgi":
        # It runs no exit hooks in a worker that is busy, which it is until it has logged its request.
        assert eventually(lambda: served.server.log().count("GET /state ") == asked, within=5)
    return set(started)


def test_lifespan(own: Served, kind: Kind) -> None:
    """A9, A10: startup runs once in each worker, not in the parent; its state reaches requests; shutdown runs."""
    pids = answering(own, kind)
    assert sorted(own.diary.pids("lifespan.startup")) == sorted(pids)
    if kind.processes > 1:
        assert own.server.process.pid not in pids
    assert own.diary.pids("lifespan.shutdown") == []

    # Ctrl-C, or a service manager's KillSignal=, is how those servers end in order that SIGTERM kills.
    own.server.stop(ENDS_WITHIN, by=signal.SIGINT if limited(kind, Limit.KILLED_BY_SIGTERM) else signal.SIGTERM)
    assert sorted(own.diary.pids("lifespan.shutdown")) == sorted(pids)
    assert "Error" not in own.server.log()


@pytest.mark.parametrize("killed", KILLED, ids=lambda kind: kind.name)
def test_servers_that_sigterm_kills(killed: Kind, tmp_path: Path) -> None:
    """A10: no shutdown is promised where the server leaves SIGTERM to the kernel; the table names those servers."""
    with serving(killed, tmp_path) as served:
        served.server.stop(ENDS_WITHIN)
        assert served.server.process.returncode == -signal.SIGTERM
        assert served.diary.pids("lifespan.startup") != []
        assert served.diary.pids("lifespan.shutdown") == []

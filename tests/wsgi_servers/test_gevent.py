"""gevent's monkey patching: the threads, locks and sockets that an application finds are greenlets' there."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.probes import fresh_name
from tests.servers.running import Answer
from tests.servers.wire import Wire, head
from tests.wsgi_servers.kinds import GEVENT, GEVENT_PATCHED, GEVENT_PRELOADED, Kind
from tests.wsgi_servers.pace import SLEEPS
from tests.wsgi_servers.serving import Served, serving

CLIENTS = 8
ENDS_WITHIN = 5.0  # seconds


@pytest.fixture
def several(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """A server for several adapters, none of which was called yet."""
    kind: Kind = request.param
    with serving(kind, tmp_path, "with_fastapi:application") as served:
        yield served
        sys.stdout.write(served.server.log())


def on(*kinds: Kind) -> pytest.MarkDecorator:
    """Run a test on some kinds."""
    return pytest.mark.parametrize("several", kinds, ids=[kind.name for kind in kinds], indirect=True)


@on(GEVENT, GEVENT_PATCHED, GEVENT_PRELOADED)
def test_first_requests_at_once(several: Served) -> None:
    """A9, A10: requests that all find an adapter unstarted are answered, and each process starts up once."""
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(several.port)) for _ in range(CLIENTS)]
        for wire in wires:
            wire.send(head("GET", "/raw/state"))
        answers = [wire.answer().json() for wire in wires]
    assert sorted(several.diary.pids("lifespan.startup")) == sorted({answer["pid"] for answer in answers})


@on(GEVENT, GEVENT_PATCHED)
def test_several_adapters(several: Served) -> None:
    """A13, A9: first requests at once to two adapters, `def` endpoints, threads and look-ups; and the worker ends."""

    def ask(number: int) -> Answer:
        return several.server.ask("/raw/in-threads" if number % 2 else "/api/blocking")

    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(clients.map(ask, range(CLIENTS)))
        started = time.monotonic()
        again = list(clients.map(ask, range(CLIENTS)))
        assert time.monotonic() - started < CLIENTS / 2 * SLEEPS, "requests wait for one another"
    for number, answer in enumerate(answers + again):
        assert answer.status == 200
        if number % 2:
            assert answer.json() == {"found": True, "ticked": True}
        else:
            assert answer.json()["found"] is True

    name = fresh_name()
    assert several.server.ask(f"/raw/background?name={name}").body == b"answered"
    several.diary.allow(name)
    assert several.events(name, "finally", within=2) == ["working", "worked", "finally"]

    several.server.stop(ENDS_WITHIN)
    assert several.diary.pids("lifespan.shutdown") == several.diary.pids("lifespan.startup")

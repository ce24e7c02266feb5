"""What a request costs, in what can be counted: lines of `bridge`, wake-ups of the loop, what the loop makes for it.

A time says little on a busy machine. These counts are the same wherever they are taken, so a change that makes the hot
path longer fails here, and is seen in the benchmarks as well.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from typing import Any

import pytest

import bridge
from benchmarks import applications, asgi_applications, null_server, null_wsgi_server
from bridge.handoff.doorbell import Doorbell
from tests.harness import LIMIT
from tests.races.yielding import at_lines

REQUESTS = 30
CHUNKS = 500
ROOM = 1.07  # what another version of Python counts more, or another order of the two threads


class Lines:
    """Counts, from any thread."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._asked = 0

    def at_line(self) -> None:
        """Count one; a single step, so that no thread's is lost."""
        next(self._numbers)

    def so_far(self) -> int:
        """How many there have been."""
        self._asked += 1
        return next(self._numbers) - self._asked + 1


COUNTED = {"call_soon_threadsafe": "wake-ups", "call_at": "timers", "create_task": "tasks"}


@pytest.fixture(autouse=True)
def _rings_are_wake_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Doorbell.ring

    def counted(doorbell: Doorbell, call: Callable[[], None]) -> bool:
        loop = doorbell._loop()
        assert isinstance(loop, CountingLoop)
        loop.asked["wake-ups"] += 1
        return ring(doorbell, call)

    monkeypatch.setattr(Doorbell, "ring", counted)


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()
        for method, what in COUNTED.items():
            setattr(self, method, self._counted(what, getattr(self, method)))

    def _counted(self, what: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            self.asked[what] += 1
            return method(*arguments, **options)

        return counted


@dataclass
class Cost:
    """What a request takes: lines of `bridge`, and what the loop is asked for."""

    lines: int
    asked: Counter[str]


class Meter:
    """Finds what each request takes, apart from what other threads and the clock bring now and then."""

    def __init__(self, lines: Lines, loop: CountingLoop) -> None:
        self._lines = lines
        self._loop = loop
        self._costs: list[Cost] = []

    @contextmanager
    def request(self) -> Iterator[None]:
        """One of the requests."""
        asked, lines = self._loop.asked.copy(), self._lines.so_far()
        yield
        self._costs.append(Cost(self._lines.so_far() - lines, self._loop.asked - asked))

    def least(self) -> Cost:
        """The least that any request took, of each thing."""
        assert len(self._costs) == REQUESTS
        # Each by itself: the look at those in flight, once a second, may fall into the one with the fewest lines.
        asked = reduce(Counter.__and__, (cost.asked for cost in self._costs))
        return Cost(min(cost.lines for cost in self._costs), asked)


def wsgi_to_asgi(application: Any) -> Cost:
    """Requests through WsgiToAsgi, one after the other."""
    lines = Lines()

    async def main() -> Cost:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, CountingLoop)
        loop.set_debug(False)
        meter = Meter(lines, loop)
        async with bridge.WsgiToAsgi(application, threads=1) as app:
            for _ in range(REQUESTS):
                with meter.request():
                    await null_server.exchange(app)
        return meter.least()

    with at_lines(lines), asyncio.Runner(loop_factory=CountingLoop) as runner:
        return runner.run(asyncio.wait_for(main(), LIMIT))


def asgi_to_wsgi(application: Any) -> Cost:
    """Requests through AsgiToWsgi, one after the other."""
    lines, loops = Lines(), []

    def new_loop() -> CountingLoop:
        loops.append(CountingLoop())
        loops[0].set_debug(False)
        return loops[0]

    with at_lines(lines), bridge.AsgiToWsgi(application, loop_factory=new_loop) as app:
        app.start()
        meter = Meter(lines, loops[0])
        for _ in range(REQUESTS):
            with meter.request():
                null_wsgi_server.exchange(app)
    return meter.least()


@pytest.mark.parametrize(
    ("measure", "application", "lines", "wake_ups"),
    [
        pytest.param(wsgi_to_asgi, applications.hello, 410, 1, id="WsgiToAsgi, a list"),
        # Its close() may take long, so it is not waited for before the answer is sent.
        pytest.param(wsgi_to_asgi, applications.hello_closing, 454, 2, id="WsgiToAsgi, an iterator"),
        pytest.param(asgi_to_wsgi, asgi_applications.hello, 384, 1, id="AsgiToWsgi"),
    ],
)
def test_a_small_request(measure: Callable[[Any], Cost], application: Any, lines: int, wake_ups: int) -> None:
    """A small request wakes the loop as often as it must, and takes so many lines of ours."""
    cost = measure(application)
    assert cost.lines <= lines * ROOM
    assert cost.asked["wake-ups"] <= wake_ups
    assert cost.asked["timers"] == 0
    assert cost.asked["tasks"] == (measure is asgi_to_wsgi and sys.version_info < (3, 12))


@pytest.mark.parametrize(
    ("measure", "application", "lines"),
    [
        pytest.param(wsgi_to_asgi, applications.Streamed(applications.CHUNK, CHUNKS), 29.0, id="WsgiToAsgi"),
        pytest.param(asgi_to_wsgi, asgi_applications.Streamed(applications.CHUNK, CHUNKS), 29.0, id="AsgiToWsgi"),
    ],
)
def test_a_chunk(measure: Callable[[Any], Cost], application: Any, lines: float) -> None:
    """A chunk of a stream that is read as fast as it is made takes so many lines of ours, and no wake-up of its own."""
    cost = measure(application)
    assert cost.lines / CHUNKS <= lines * ROOM
    assert cost.asked["wake-ups"] < CHUNKS / 5


def test_a_longer_path_is_seen() -> None:
    """The count sees a few lines more for each request, so that the bounds above mean something."""

    def asks_for_more(environ: Any, start_response: Any) -> Any:
        for _ in range(200):
            environ["bridge.disconnected"]()
        return applications.hello(environ, start_response)

    assert wsgi_to_asgi(asks_for_more).lines > wsgi_to_asgi(applications.hello).lines * ROOM

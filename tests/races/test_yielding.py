"""Whole requests in both directions while threads are switched at any line of `bridge`.

    RACES_SECONDS=600 RACES_SEED=1 python -m pytest tests/races/test_yielding.py

lets it go on for longer, and begins with another seed. A failure tells its seed.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from bridge import AsgiToWsgi, WsgiToAsgi
from bridge.handoff.baton import Baton
from tests.conformance import test_b1_asgi_storm as asgi_storm
from tests.conformance import test_b1_storm as wsgi_storm
from tests.conformance.applications import PLAIN
from tests.conformance.asgi_applications import END, STARTED
from tests.harness import LIMIT, eventually, request, run, until
from tests.harness.native import chunk
from tests.harness.wsgi_call import serve
from tests.races.yielding import yielding

SECONDS = float(os.environ.get("RACES_SECONDS", "3"))
"""How long each of the four storms goes on; it ends with the round that it is in."""

SEED = int(os.environ.get("RACES_SEED", "0"))

SIDE_BY_SIDE = 6
REQUESTS = 24


def echo_wsgi(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    """Answer with the request's body, piece by piece, by `write` and by chunks."""
    write = start_response("200 OK", list(PLAIN))
    write(environ["PATH_INFO"].encode())
    while piece := environ["wsgi.input"].read1(-1):
        yield piece


async def echo_asgi(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the request's body, piece by piece."""
    await send(STARTED)
    await send(chunk(scope["path"].encode()))
    more = True
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        await send(chunk(message["body"]))
        more = message["more_body"]
    await send(END)


def upload(dice: random.Random) -> list[bytes]:
    """A body in pieces, told apart from any other."""
    return [dice.randbytes(dice.randrange(1, 3000)) for _ in range(dice.randrange(1, 8))]


def echoes_wsgi(dice: random.Random, _path: Path) -> None:
    """Let requests of all sizes be echoed through `WsgiToAsgi`, side by side."""
    adapter = WsgiToAsgi(echo_wsgi, threads=3, write_buffer=dice.randrange(1, 4000), prefetch_size=dice.randrange(3000))

    async def one(number: int, body: list[bytes]) -> None:
        response = await request(adapter, "POST", f"/{number}", body=body)
        assert response.error is None
        assert response.complete
        assert response.body == b"/%d" % number + b"".join(body)

    async def main() -> None:
        async with adapter, anyio.create_task_group() as group:
            for number in range(REQUESTS):
                group.start_soon(one, number, upload(dice))

    run(main)


def echoes_asgi(dice: random.Random, _path: Path) -> None:
    """Let requests of all sizes be echoed through `AsgiToWsgi`, side by side."""
    with AsgiToWsgi(
        echo_asgi, lifespan="off", write_buffer=dice.randrange(1, 4000), prefetch_size=dice.randrange(3000)
    ) as adapter:
        bodies = [upload(dice) for _ in range(REQUESTS)]

        def one(number: int) -> None:
            body = bodies[number]
            answer = serve(adapter, "POST", f"/{number}", body=body, terminated=bool(number % 2), read1=number % 3 == 0)
            assert answer.error is None
            assert answer.body == b"/%d" % number + b"".join(body)

        side_by_side(one, REQUESTS)


def side_by_side(one: Callable[[int], None], count: int) -> None:
    """Do so many things in a few threads; raise the first error."""
    numbers = iter(range(count))
    lock = threading.Lock()
    failures: list[BaseException] = []

    def work() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            try:
                one(number)
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(SIDE_BY_SIDE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * LIMIT)
        assert not thread.is_alive()
    if failures:
        raise failures[0]


def ends_wsgi(dice: random.Random, path: Path) -> None:
    """Let requests through `WsgiToAsgi` end in every way there is."""
    app = wsgi_storm.Storm(path)
    adapter = WsgiToAsgi(app, threads=3, write_buffer=2000)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(REQUESTS):
                kind, end = dice.choice(wsgi_storm.KINDS), dice.choice(wsgi_storm.ENDS)
                group.start_soon(wsgi_storm.one, adapter, kind, end, dice.randrange(40))
        await until(lambda: adapter.stats().busy == 0, "every thread is free")
        found = adapter.stats()
        assert (found.in_flight, found.queued, found.stuck) == (0, 0, 0)
        assert [chunks.closed for chunks in app.answers] == [1] * len(app.answers)
        assert all(file.closed for file in app.files)

    with adapter:
        run(main, limit=40)


def ends_asgi(dice: random.Random, _path: Path) -> None:
    """Let requests through `AsgiToWsgi` end in every way there is."""
    app = asgi_storm.Storm()
    with AsgiToWsgi(app, lifespan="off", write_buffer=2000, prefetch_size=1000, disconnect_grace=0.05) as adapter:
        script = [(dice.choice(asgi_storm.KINDS), dice.choice(asgi_storm.ENDS)) for _ in range(REQUESTS)]
        side_by_side(lambda number: asgi_storm.one(adapter, *script[number], number), REQUESTS)
        eventually(lambda: adapter.stats().in_flight + adapter.stats().background == 0, "nothing is in flight")
        eventually(lambda: not app.detached, "detached tasks have ended")
        eventually(lambda: adapter.stats().busy == 0, "every thread is free")
        found = adapter.stats()
        assert app.begun == app.ended
        assert (found.stuck, found.queued) == (0, 0)
        assert found.completed + found.failed + found.disconnected == app.begun


@pytest.mark.timeout(60 + 3 * SECONDS)
@pytest.mark.parametrize("storm", [echoes_wsgi, echoes_asgi, ends_wsgi, ends_asgi])
def test_storm(storm: Callable[[random.Random, Path], None], tmp_path: Path) -> None:
    """B1: nothing hangs, leaks or is mixed up, wherever in `bridge` a thread is held up."""
    path = tmp_path / "file"
    path.write_bytes(b"f" * 100_000)
    until_when = time.monotonic() + SECONDS
    seed, pauses_made = SEED, 0
    while pauses_made == 0 or time.monotonic() < until_when:
        try:
            with yielding(seed) as pauses:
                storm(random.Random(seed), path)  # noqa: S311 - to be the same every time
        except BaseException as error:
            error.add_note(f"RACES_SEED={seed}")
            raise
        seed += 1
        pauses_made += pauses.made
        assert pauses.made > 100, "it has traced nothing"


def test_a_broken_baton_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The storms see a hand-off that loses wake-ups: it takes much longer, or never ends."""
    waits: list[bool] = []

    class Forgets(Baton):
        """A wake that comes before its wait is lost."""

        def wait(self, timeout: float = -1) -> bool:
            super().wait(0)
            waits.append(super().wait(min(timeout, 0.5)))
            return waits[-1]

    monkeypatch.setattr("bridge.asgi_request.Baton", Forgets)
    for seed in range(20):
        with yielding(seed):
            echoes_asgi(random.Random(seed), tmp_path)  # noqa: S311 - to be the same every time
        if not all(waits):
            return
    raise AssertionError(f"none of {len(waits)} wake-ups was lost")

"""No loop is ever held up by bridge: neither by a wait that can be seen, nor by one that lasts."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from asgiref.sync import sync_to_async

from bridge import AsgiToWsgi, WsgiToAsgi
from bridge.handoff.workers import Job, Worker, WorkerPool
from bridge.in_flight import InFlight
from tests.conformance.applications import PLAIN, answering
from tests.conformance.asgi_applications import END, STARTED, body_of
from tests.harness import LIMIT, request, run
from tests.harness.native import chunk
from tests.harness.wsgi_call import serve
from tests.leaks.blocking import BRIDGE, watching
from tests.races import test_yielding as storms

SLOW = 0.6
"""Seconds that each foreign call takes; a loop that waits for one is held up for as long."""

TOO_LONG = 0.4
"""Seconds for one callback of a loop, on a machine that is busy with other things."""


@pytest.mark.parametrize("storm", [storms.echoes_wsgi, storms.echoes_asgi, storms.ends_wsgi, storms.ends_asgi])
def test_nothing_waits(storm: Callable[[random.Random, Path], None], tmp_path: Path) -> None:
    """B1: with requests of all kinds and ends, bridge does nothing on a loop, or under its locks, that may wait."""
    path = tmp_path / "file"
    path.write_bytes(b"f" * 100_000)
    with watching() as watch:
        for seed in range(3):
            storm(random.Random(seed), path)  # noqa: S311 - to be the same every time
    assert watch.found == []


WAITS = {
    "time.sleep": "time.sleep(0)",
    "open": "open(__file__).close()",
    "Condition.wait": "threading.Event().wait(0.001)",
    "Baton.wait": "Baton().wait(0.001)",
    "Thread.join": "thread = threading.Thread(target=int); thread.start(); thread.join()",
}
"""By what is found."""


def of_bridge(source: str) -> Callable[..., Any]:
    """Return a function that looks as if it stood in bridge."""
    lines = [
        "import threading, time",
        "from bridge.handoff.baton import Baton",
        f"__file__ = {__file__!r}",
        "def call(*_):",
        f"    {source}",
    ]
    names: dict[str, Any] = {}
    exec(compile("\n".join(lines), BRIDGE + "-wrong.py", "exec"), names)  # noqa: S102
    return names["call"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", WAITS)
def test_a_wait_on_the_loop_is_found(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """B1: each kind of wait is found if bridge has it on the loop, and is none of bridge's if an application has it."""
    leave, wait = InFlight.leave, of_bridge(WAITS[name])

    def leave_and_wait(home: InFlight, request: Any) -> None:
        leave(home, request)
        wait()

    monkeypatch.setattr(InFlight, "leave", leave_and_wait)
    with watching() as watch:
        storms.echoes_wsgi(random.Random(1), tmp_path)  # noqa: S311
    assert any(found.startswith(name) for found in watch.found)


def test_an_applications_own_waits(tmp_path: Path) -> None:
    """B1: what an ASGI application does on its loop is its own affair."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        time.sleep(0)  # noqa: ASYNC251 - on purpose
        await send(STARTED)
        await send(END)

    with watching() as watch, AsgiToWsgi(app, lifespan="off") as adapter:
        assert serve(adapter).error is None
    assert watch.looks > 0
    assert watch.found == []


def test_a_wait_under_a_lock_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """B1: a worker that waits while it holds a lock of the pool's would make the loop wait."""
    take_job, wait = WorkerPool._take_job, of_bridge(WAITS["time.sleep"])

    def wait_and_take(pool: WorkerPool, worker: Worker) -> Job | None:
        wait()
        return take_job(pool, worker)

    monkeypatch.setattr(WorkerPool, "_take_job", wait_and_take)
    ran = threading.Event()
    with watching() as watch:
        pool = WorkerPool(1)
        pool.submit(ran.set)
        assert ran.wait(LIMIT)
        pool.retire()
    assert "under a lock" in watch.found[0]


# ---- what lasts ------------------------------------------------------------------------------------------------------


class SlowIterable:
    """Takes its time at each step, in the worker's thread."""

    def __init__(self) -> None:
        self._chunks = iter([b"a", b"b"])

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        time.sleep(SLOW / 2)
        return next(self._chunks)

    def close(self) -> None:
        time.sleep(SLOW)


def slow_wsgi(environ: dict[str, Any], start_response: Any) -> Any:
    """Take long for everything."""
    time.sleep(SLOW)
    environ["wsgi.input"].read()
    start_response("200 OK", list(PLAIN))
    return SlowIterable()


@pytest.fixture
def slow_callbacks(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What asyncio's debug mode complained of."""
    caplog.set_level(logging.WARNING, "asyncio")
    return lambda: [entry.getMessage() for entry in caplog.records if entry.name == "asyncio"]


def in_debug_mode(loop: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
    """Return a loop that complains of callbacks that take too long, and of calls from wrong threads."""
    loop.set_debug(True)
    loop.slow_callback_duration = TOO_LONG
    return loop


def test_slow_wsgi_applications(slow_callbacks: Callable[[], list[str]]) -> None:
    """B1: whatever takes long in a worker thread, no callback of the loop does."""

    async def main() -> None:
        in_debug_mode(asyncio.get_running_loop())
        async with WsgiToAsgi(slow_wsgi, threads=4) as adapter, anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(request, adapter, "POST", "/")

    run(main, debug=True)
    assert slow_callbacks() == []


class SlowInput:
    """A client that sends slowly."""

    def __init__(self) -> None:
        self.pieces = [b"a", b"b"]

    def read(self, _size: int) -> bytes:
        time.sleep(SLOW / 2)
        return self.pieces.pop(0)


async def slow_asgi(scope: Any, receive: Any, send: Any) -> None:
    """Let threads take long, those of the server and of asgiref."""
    await body_of(receive)
    await sync_to_async(time.sleep)(SLOW)
    await asyncio.to_thread(time.sleep, SLOW)
    await send(STARTED)
    await send(chunk(b"a"))
    await send(END)


def test_slow_asgi_servers(slow_callbacks: Callable[[], list[str]]) -> None:
    """B1: whatever takes long in the server's threads, no callback of the loop does."""

    def slow_start(_status: str, _headers: object, _error: object = None) -> Any:
        time.sleep(SLOW)

    def one() -> None:
        environ = {
            "REQUEST_METHOD": "POST",
            "wsgi.url_scheme": "http",
            "wsgi.input": SlowInput(),
            "CONTENT_LENGTH": "2",
            "PATH_INFO": "/",
        }
        answer = adapter(environ, slow_start)
        for _ in answer:
            time.sleep(SLOW)
        close = getattr(answer, "close", None)
        if close is not None:
            close()

    with AsgiToWsgi(
        slow_asgi, lifespan="off", prefetch_size=0, loop_factory=lambda: in_debug_mode(asyncio.new_event_loop())
    ) as adapter:
        threads = [threading.Thread(target=one) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * LIMIT)
            assert not thread.is_alive()
    assert slow_callbacks() == []


def test_a_slow_callback_is_found(slow_callbacks: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """B1: a bridge that waits on the loop is complained of."""
    leave = InFlight.leave

    def leave_late(home: InFlight, request: Any) -> None:
        time.sleep(SLOW)
        leave(home, request)

    monkeypatch.setattr(InFlight, "leave", leave_late)

    async def main() -> None:
        in_debug_mode(asyncio.get_running_loop())
        async with WsgiToAsgi(answering(b"ok"), threads=1) as adapter:
            await request(adapter)

    run(main, debug=True)
    assert any("took" in message for message in slow_callbacks())

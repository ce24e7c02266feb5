"""Gates, lifespans, interruptions and child processes do what the other tests rely on."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from typing import Any

import pytest

from tests.harness import (
    BACKENDS,
    OMIT,
    Gate,
    Interrupted,
    Lifespan,
    Violation,
    eventually,
    http_scope,
    run,
    run_python,
    throw_away,
    until,
)
from tests.harness.settling import settle, stays


@pytest.mark.parametrize("backend", BACKENDS)
def test_gate_opened_by_a_thread(backend: str) -> None:
    """A coroutine passes a gate that a thread opens."""

    async def main() -> None:
        gate = Gate("door")
        thread = threading.Thread(target=gate.open)
        thread.start()
        await gate.passed()
        thread.join()
        assert gate.is_open

    run(main, backend=backend)


def test_shut_gate() -> None:
    """A gate that nobody opens ends the wait with an error, in threads and coroutines."""
    gate = Gate("door")
    with pytest.raises(TimeoutError, match="door"):
        gate.wait(0.01)
    with pytest.raises(TimeoutError, match="door"):
        run(lambda: gate.passed(0.01))


def test_eventually() -> None:
    """A condition that never holds is an error that names it."""
    eventually(lambda: True, "true")
    with pytest.raises(TimeoutError, match="pigs fly"):
        eventually(lambda: False, "pigs fly", limit=0.01)


@pytest.mark.parametrize("backend", BACKENDS)
def test_until(backend: str) -> None:
    """In a coroutine the loop goes on while a condition is waited for."""

    async def main() -> None:
        turns: list[int] = []
        await until(lambda: turns.append(1) or len(turns) > 2, "three turns")  # type: ignore[func-returns-value]
        with pytest.raises(TimeoutError, match="pigs fly"):
            await until(lambda: False, "pigs fly", limit=0.01)

    run(main, backend=backend)


def test_stays() -> None:
    """What must remain so is looked at to the end of the while."""
    looks: list[int] = []

    def holds() -> bool:
        looks.append(1)
        return len(looks) < 3

    run(lambda: stays(lambda: True, seconds=0.01))
    with pytest.raises(AssertionError):
        run(lambda: stays(holds, seconds=5))
    run(settle)


def test_thrown_away_loop() -> None:
    """A loop can be closed under its tasks without a word."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(asyncio.sleep(60))
    loop.run_until_complete(asyncio.sleep(0))
    throw_away(loop)
    assert loop.is_closed()
    assert not task.done()


def test_omitted_keys() -> None:
    """`OMIT` leaves a key out of the scope."""
    assert "client" in http_scope()
    assert "client" not in http_scope(client=OMIT)


async def answering(_scope: Any, receive: Any, send: Any) -> None:
    """An application with a correct lifespan."""
    assert (await receive())["type"] == "lifespan.startup"
    await send({"type": "lifespan.startup.complete"})
    assert (await receive())["type"] == "lifespan.shutdown"
    await send({"type": "lifespan.shutdown.complete"})


@pytest.mark.parametrize("backend", BACKENDS)
def test_lifespan(backend: str) -> None:
    """An application with a lifespan is started and stopped."""

    async def main() -> None:
        async with Lifespan(answering) as lifespan:
            assert lifespan.messages == ["lifespan.startup.complete"]
        assert lifespan.messages == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        assert lifespan.error is None

    run(main, backend=backend)


def test_wrong_answer_to_a_lifespan() -> None:
    """An answer that does not belong to the event is a violation in the application."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def main() -> None:
        lifespan = Lifespan(app)
        with pytest.raises(TimeoutError, match="no answer"):
            await lifespan.__aenter__()
        assert isinstance(lifespan.error, Violation)

    run(main)


def test_interrupted_at_each_wait() -> None:
    """A coroutine is cancelled at each of its waits in turn, and at none beyond the last."""
    places: list[list[int]] = []

    async def three_waits(seen: list[int]) -> None:
        for number in (1, 2, 3):
            await asyncio.sleep(0)
            seen.append(number)

    async def main(at: int) -> int:
        seen: list[int] = []
        interrupted = Interrupted(three_waits(seen), at)
        task = asyncio.ensure_future(awaited(interrupted))
        await asyncio.wait([task])
        places.append(seen)
        assert task.cancelled() == (at <= 3)
        return interrupted.suspensions

    assert [run(lambda at=at: main(at)) for at in (1, 2, 3, 4)] == [1, 2, 3, 3]  # type: ignore[misc]
    assert places == [[], [1], [1, 2], [1, 2, 3]]


def test_interrupted_on_arrival() -> None:
    """A cancellation on arrival comes when the result is there and before the coroutine has it."""
    told: list[str] = []

    async def wait_for(future: asyncio.Future[None]) -> None:
        try:
            await future
        except asyncio.CancelledError:
            told.append("cancelled" if future.done() and not future.cancelled() else "too early")
            raise

    async def main() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.ensure_future(awaited(Interrupted(wait_for(future), 1, on_arrival=True)))
        await asyncio.sleep(0)
        future.set_result(None)
        await asyncio.wait([task])

    run(main)
    assert told == ["cancelled"]


async def awaited(awaitable: Any) -> None:
    """Make a coroutine of any awaitable."""
    await awaitable


def test_child() -> None:
    """A program runs in its own process, with its arguments; one that hangs is an error."""
    child = run_python("import sys; print(sys.argv[1]); sys.exit(3)", "word")
    assert (child.stdout, child.returncode) == ("word\n", 3)
    with pytest.raises(subprocess.TimeoutExpired):
        run_python("import time; time.sleep(60)", limit=0.5)

"""The shutdown: in order, late, failing, or in the middle of the startup."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from bridge import application_lifespan
from bridge.application_lifespan import ApplicationLifespan, Phase
from bridge.handoff.loops import AsyncioLoop
from tests.harness import LIMIT, run
from tests.harness.settling import settle
from tests.lifespan.applications import Exemplary, begin, begun, shut_down

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LOOPS = ("asyncio", "uvloop")


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged as an error."""
    caplog.set_level(logging.ERROR, "bridge")
    return caplog


def up(at_shutdown: Callable[[Any], Awaitable[None]]) -> Any:
    """An application that starts, and does something when it is told to shut down."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await at_shutdown(send)

    return app


@pytest.mark.parametrize("backend", LOOPS)
def test_in_order(backend: str, errors: pytest.LogCaptureFixture) -> None:
    """A10: the application is told, and has done what it wants to do when the shutdown is over."""

    async def main() -> None:
        app = Exemplary()
        lifespan = await begun(app)
        await shut_down(lifespan)
        assert app.told == ["startup", "shutdown"]
        assert lifespan.phase is Phase.OVER

    run(main, backend=backend)
    assert errors.records == []


def test_waited_for() -> None:
    """A10: the shutdown takes as long as the application does, within the grace."""

    async def main() -> None:
        ended: list[str] = []
        go_on = asyncio.Event()

        async def at_shutdown(send: Any) -> None:
            await go_on.wait()
            ended.append("closed")
            await send({"type": "lifespan.shutdown.complete"})

        lifespan = await begun(up(at_shutdown))
        shutting_down = asyncio.create_task(shut_down(lifespan))
        await settle()
        assert not shutting_down.done()
        assert lifespan.phase is Phase.STOPPING
        go_on.set()
        await shutting_down
        assert ended == ["closed"]

    run(main)


def test_in_the_task_of_the_startup() -> None:
    """A10: startup and shutdown are one task: a task group that the startup opens is closed by the shutdown."""
    tasks: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, LIMIT)
            tasks.append(asyncio.current_task())
            await send({"type": "lifespan.startup.complete"})
            await receive()
            tasks.append(asyncio.current_task())
            group.cancel_scope.cancel()
        await send({"type": "lifespan.shutdown.complete"})

    async def main() -> None:
        await shut_down(await begun(app))

    run(main)
    assert tasks[0] is tasks[1]


def test_an_end_without_an_answer(errors: pytest.LogCaptureFixture) -> None:
    """A10: an application that returns instead of answering the shutdown has shut down."""

    async def at_shutdown(send: Any) -> None:
        pass

    async def main() -> None:
        lifespan = await begun(up(at_shutdown))
        started = time.monotonic()
        await shut_down(lifespan)
        assert time.monotonic() - started < LIMIT / 2
        assert lifespan.phase is Phase.OVER

    run(main)
    assert errors.records == []


@pytest.mark.parametrize("message", ["could not close", None])
def test_failed(message: str | None, errors: pytest.LogCaptureFixture) -> None:
    """A10: a shutdown that the application calls failed is over, and told in the log with its reason."""

    async def at_shutdown(send: Any) -> None:
        answer = {"type": "lifespan.shutdown.failed"}
        await send(answer if message is None else {**answer, "message": message})

    async def main() -> None:
        lifespan = await begun(up(at_shutdown))
        await shut_down(lifespan)
        assert lifespan.phase is Phase.OVER

    run(main)
    [record] = errors.records
    assert (message or "no reason") in record.getMessage()


@pytest.mark.parametrize("error", [ValueError("could not close"), SystemExit(3), asyncio.CancelledError()])
def test_an_error(error: BaseException, errors: pytest.LogCaptureFixture) -> None:
    """A10: an error of the shutdown is told in the log, whatever it is, and the shutdown is over at once."""

    async def at_shutdown(send: Any) -> None:
        raise error

    async def main() -> None:
        lifespan = await begun(up(at_shutdown))
        started = time.monotonic()
        await shut_down(lifespan)
        assert time.monotonic() - started < LIMIT / 2
        assert lifespan.phase is Phase.OVER

    run(main)
    [record] = errors.records
    assert record.exc_info is not None
    assert record.exc_info[1] is error


@pytest.mark.parametrize("grace", [0, 0.05])
def test_longer_than_the_grace(grace: float, errors: pytest.LogCaptureFixture) -> None:
    """A10: an application that takes longer is cancelled, its clean-up runs, and the log says so."""
    cleaned_up: list[str] = []

    async def at_shutdown(send: Any) -> None:
        try:
            await asyncio.sleep(LIMIT)
        finally:
            await asyncio.sleep(0)
            cleaned_up.append("yes")

    async def main() -> None:
        lifespan = await begun(up(at_shutdown))
        started = time.monotonic()
        await shut_down(lifespan, grace)
        assert time.monotonic() - started < grace + 1
        await settle()

    run(main)
    assert cleaned_up == ["yes"]
    assert f"longer than {grace:.1f} seconds" in errors.text


def test_cancellation_ignored(monkeypatch: pytest.MonkeyPatch, errors: pytest.LogCaptureFixture) -> None:
    """A10, B1: one that goes on all the same is waited for no longer than a limit."""
    monkeypatch.setattr(application_lifespan, "_ENDS_WITHIN", 0.05)

    async def main() -> None:
        release = asyncio.Event()

        async def at_shutdown(send: Any) -> None:
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    pass

        lifespan = await begun(up(at_shutdown))
        started = time.monotonic()
        await shut_down(lifespan, 0.01)
        assert time.monotonic() - started < 1
        assert "is cancelled" in errors.text
        release.set()
        await settle()

    run(main)


def test_in_the_middle_of_the_startup(errors: pytest.LogCaptureFixture) -> None:
    """A10: an application that still starts is cancelled, and who waits for the startup waits no longer."""
    ended: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        try:
            await asyncio.sleep(LIMIT)
        finally:
            ended.append("cancelled")

    async def main() -> None:
        for required in (False, True):
            lifespan = begin(app, required=required)
            await settle()
            await shut_down(lifespan)
            assert lifespan.decided.is_set()
            assert lifespan.phase is not Phase.UP

    run(main)
    assert ended == ["cancelled"] * 2


def test_twice() -> None:
    """A11: a second shutdown, beside the first or after it, does nothing, and the application is told once."""

    async def main() -> None:
        go_on = asyncio.Event()
        received: list[Any] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "lifespan.startup.complete"})
            received.append(await receive())
            await go_on.wait()
            again = asyncio.ensure_future(receive())
            await asyncio.sleep(0)
            assert not again.done(), "there is one shutdown"
            again.cancel()
            await send({"type": "lifespan.shutdown.complete"})

        lifespan = await begun(app)
        first = asyncio.create_task(shut_down(lifespan))
        await settle()
        go_on.set()
        await first
        await shut_down(lifespan)
        assert received == [{"type": "lifespan.shutdown"}]

    run(main)


def test_received_by_two_tasks() -> None:
    """A10: of two tasks of the application that wait in receive() one gets the shutdown."""

    async def main() -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            waiting = [asyncio.ensure_future(receive()) for _ in range(2)]
            await send({"type": "lifespan.startup.complete"})
            done, others = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            assert [task.result() for task in done] == [{"type": "lifespan.shutdown"}]
            for task in others:
                task.cancel()
            received.append(len(others))
            await send({"type": "lifespan.shutdown.complete"})

        received: list[int] = []
        await shut_down(await begun(app))
        assert received == [1]

    run(main)


def test_a_cancelled_receive() -> None:
    """A10: a receive() that was cancelled takes no message away."""

    async def main() -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "lifespan.startup.complete"})
            for _ in range(3):
                with anyio.move_on_after(0.001):
                    await receive()
            gave_up.set()
            received.append(await receive())
            await send({"type": "lifespan.shutdown.complete"})

        gave_up = asyncio.Event()
        received: list[Any] = []
        lifespan = await begun(app)
        await asyncio.wait_for(gave_up.wait(), LIMIT)
        await shut_down(lifespan)
        assert received == [{"type": "lifespan.shutdown"}]

    run(main)


def test_nothing_to_shut_down(errors: pytest.LogCaptureFixture) -> None:
    """A10: the shutdown of a lifespan that was never begun is over at once."""

    async def main() -> None:
        lifespan = ApplicationLifespan(Exemplary(), AsyncioLoop(asyncio.get_running_loop()), required=True)
        await shut_down(lifespan)
        assert lifespan.phase is Phase.RUNNING

    run(main)
    assert errors.records == []


@pytest.mark.parametrize("error", [None, ValueError("a background task's"), SystemExit(3)])
def test_an_end_before_the_shutdown(error: BaseException | None, errors: pytest.LogCaptureFixture) -> None:
    """A10: a lifespan that ends by itself after its startup is told in the log; the shutdown has nothing to do."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        if error is not None:
            raise error

    async def main() -> None:
        lifespan = await begun(app)
        await settle()
        assert lifespan.phase is Phase.OVER
        started = time.monotonic()
        await shut_down(lifespan)
        assert time.monotonic() - started < LIMIT / 2

    run(main)
    [record] = errors.records
    assert "before the shutdown" in record.getMessage()
    assert (record.exc_info[1] if record.exc_info else None) is error

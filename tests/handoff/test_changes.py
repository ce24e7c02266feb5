"""Waiting for a change, in one loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import anyio
import pytest

from bridge.handoff.changes import Changes
from bridge.handoff.loops import make_loop, running_loop_key
from tests.harness import BACKENDS, LIMIT, run
from tests.harness.settling import settle

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Each kind of loop."""
    return str(request.param)


def changes_here() -> Changes:
    """Changes in the loop that runs here."""
    return Changes(make_loop(*running_loop_key()))


def test_all_look_again(backend: str) -> None:
    """A3: whoever waits is woken by a change, looks, and may wait for the next one."""

    async def main() -> None:
        changes, seen = changes_here(), [0, 0, 0]
        value = 0

        async def wait(number: int) -> None:
            while value < 2:
                await changes.wait()
                seen[number] += 1

        async with anyio.create_task_group() as group:
            for number in range(3):
                group.start_soon(wait, number)
            await settle()
            assert seen == [0, 0, 0]
            for value in (1, 2):
                changes.tell()
                await settle()
                assert seen == [value] * 3

    run(main, backend=backend)


def test_nobody_waits(backend: str) -> None:
    """A3: a change that nobody waits for is not kept for later: who waits has looked before."""

    async def main() -> None:
        changes = changes_here()
        changes.tell()
        with anyio.move_on_after(0.01) as scope:
            await changes.wait()
        assert scope.cancelled_caught

    run(main, backend=backend)


def test_a_limit(backend: str) -> None:
    """A10: a wait with a limit ends after it, or at the change."""

    async def main() -> None:
        changes = changes_here()
        with anyio.fail_after(LIMIT):
            await changes.wait(0.01)
        ended: list[str] = []

        async def wait() -> None:
            await changes.wait(LIMIT)
            ended.append("told")

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await settle()
            assert ended == []
            changes.tell()
            await settle()
            assert ended == ["told"]

    run(main, backend=backend)


@pytest.mark.parametrize("how", ["cancelled", "late"])
def test_nothing_is_kept(how: str, backend: str) -> None:
    """B1: a wait that was given up leaves nothing behind, however often it is tried."""

    async def main() -> None:
        changes = changes_here()
        for _ in range(20):
            if how == "late":
                await changes.wait(0)
            else:
                with anyio.move_on_after(0):
                    await changes.wait()
        assert changes._slots == []

    run(main, backend=backend)


@pytest.mark.parametrize("order", [lambda tasks: tasks, lambda tasks: tasks[::-1]], ids=["before", "after"])
def test_cancelled_at_the_change(order: Callable[[list[object]], list[object]]) -> None:
    """A2: a wait that is cancelled in the turn of the change takes nobody else's wake-up away."""

    async def main() -> None:
        changes = changes_here()
        cancelled, other = (asyncio.ensure_future(changes.wait()) for _ in range(2))
        await settle()
        for step in order([cancelled.cancel, changes.tell]):
            step()  # type: ignore[operator]
        await asyncio.wait_for(other, LIMIT)
        await asyncio.wait([cancelled])
        assert changes._slots == []

    run(main)

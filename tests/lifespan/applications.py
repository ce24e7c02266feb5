"""Applications with a lifespan, and how to run it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from bridge.application_lifespan import ApplicationLifespan
from bridge.handoff.loops import AsyncioLoop
from tests.harness import LIMIT, until

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Application = Callable[[Any, Any, Any], Coroutine[Any, Any, None]]


def begin(app: Application, *, required: bool = False) -> ApplicationLifespan:
    """Begin an application's lifespan on the loop that runs here."""
    lifespan = ApplicationLifespan(app, AsyncioLoop(asyncio.get_running_loop()), required=required)
    lifespan.begin_in_loop()
    return lifespan


async def begun(app: Application, *, required: bool = False) -> ApplicationLifespan:
    """Run the startup, whatever comes of it."""
    lifespan = begin(app, required=required)
    await until(lifespan.decided.is_set, "the startup has ended")
    return lifespan


async def shut_down(lifespan: ApplicationLifespan, grace: float = LIMIT) -> None:
    """Run the shutdown; it has a limit of its own, which is not above the harness's."""
    await asyncio.wait_for(lifespan.shut_down_in_loop(grace), 2 * LIMIT)


class Exemplary:
    """The application of the specification; it tells what it does."""

    def __init__(self, **state: Any) -> None:
        self.state = state
        self.told: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        assert (await receive()) == {"type": "lifespan.startup"}
        self.told.append("startup")
        scope["state"].update(self.state)
        await send({"type": "lifespan.startup.complete"})
        assert (await receive()) == {"type": "lifespan.shutdown"}
        self.told.append("shutdown")
        await send({"type": "lifespan.shutdown.complete"})


async def fails_to_start(_scope: Any, receive: Any, send: Any) -> None:
    """An application whose startup fails, and that then waits for a shutdown, as the specification's example does."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.failed", "message": "no database"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
            return

"""A server's start and stop, as the lifespan specification has them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio

from tests.harness.gates import Gate, first_of
from tests.harness.limits import LIMIT
from tests.harness.scopes import lifespan_scope
from tests.harness.violations import Violation

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

ANSWERS = {
    "lifespan.startup": {"lifespan.startup.complete", "lifespan.startup.failed"},
    "lifespan.shutdown": {"lifespan.shutdown.complete", "lifespan.shutdown.failed"},
}


class Lifespan:
    """`async with Lifespan(app) as lifespan:` starts the application, runs the block and stops it."""

    def __init__(self, app: Any, scope: dict[str, Any] | None = None) -> None:
        self.app = app
        self.scope = lifespan_scope() if scope is None else scope
        self.messages: list[str] = []
        self.error: BaseException | None = None
        self.returned = Gate("the return of the application")
        self._events: list[str] = []
        self._asked = Gate("the next event")
        self._answered = Gate("the answer")
        self._expected: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._nursery: Any = None

    async def __aenter__(self) -> Self:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._nursery = anyio.create_task_group()
            await self._nursery.__aenter__()
            self._nursery.start_soon(self._run)
        else:
            self._task = loop.create_task(self._run())
        await self.ask("lifespan.startup")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None and "lifespan.shutdown.complete" not in self.messages:
                await self.ask("lifespan.shutdown")
                await self.returned.passed()
        finally:
            if self._task is not None:
                self._task.cancel()
                await asyncio.wait([self._task], timeout=LIMIT)
            else:
                self._nursery.cancel_scope.cancel()
                await self._nursery.__aexit__(None, None, None)

    async def ask(self, event: str, limit: float = LIMIT) -> str:
        """Send an event and return the type of the answer."""
        await self.tell(event)
        with anyio.move_on_after(limit):
            await first_of(self._answered, self.returned)
        if not self._answered.is_open:
            raise TimeoutError(f"no answer to {event} within {limit:g} s; {self.error!r}")
        return self.messages[-1]

    async def tell(self, event: str) -> None:
        """Send an event without waiting for the answer."""
        self._expected = ANSWERS[event]
        self._answered = Gate(f"the answer to {event}")
        self._events.append(event)
        self._asked.open()

    async def answered(self, limit: float = LIMIT) -> str:
        """Wait for the answer to the event that `tell` sent."""
        await self._answered.passed(limit)
        return self.messages[-1]

    @property
    def has_answered(self) -> bool:
        """Whether the last event has its answer."""
        return self._answered.is_open

    async def _run(self) -> None:
        try:
            await self.app(self.scope, self._receive, self._send)
        except BaseException as error:
            self.error = error
            if self._nursery is not None and not isinstance(error, Exception):
                raise  # trio's own cancellation must reach its scope
        finally:
            self.returned.open()

    async def _receive(self) -> dict[str, Any]:
        while not self._events:
            self._asked = Gate("the next event")
            await first_of(self._asked)
        return {"type": self._events.pop(0)}

    async def _send(self, message: Any) -> None:
        if type(message) is not dict or message.get("type") not in self._expected:
            raise Violation(f"no answer to a lifespan event: {message!r}")
        self._expected = set()
        self.messages.append(message["type"])
        self._answered.open()

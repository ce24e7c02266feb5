"""An ASGI application with a lifespan that does what the test wants, and remembers what it was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.conformance.asgi_applications import answer

if TYPE_CHECKING:
    from tests.harness import Gate


class WithLifespan:
    """Answers `startup` and `shutdown` by `complete`, `failed`, by raising an error, or after a gate.

    startup: one entry for each attempt; the last is for all that follow.
    """

    def __init__(self, *startup: Any, shutdown: Any = "complete", state: dict[str, Any] | None = None) -> None:
        self.startup = list(startup) or ["complete"]
        self.shutdown = shutdown
        self.state = state or {}
        self.seen: list[str] = []
        self.scopes: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        if scope["type"] != "lifespan":
            await answer(send)
            return
        await self._answer("startup", self.startup.pop(0) if len(self.startup) > 1 else self.startup[0], receive, send)
        scope["state"].update(self.state)
        await send({"type": "lifespan.startup.complete"})
        await self._answer("shutdown", self.shutdown, receive, send)
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, event: str, how: str | Gate | BaseException, receive: Any, send: Any) -> None:
        """Take the event; return if it is to be answered by `complete`."""
        assert (await receive()) == {"type": f"lifespan.{event}"}
        self.seen.append(event)
        if isinstance(how, BaseException):
            raise how
        if how == "failed":
            await send({"type": f"lifespan.{event}.failed", "message": "failed on purpose"})
            raise EndOfLifespan
        if not isinstance(how, str):
            await how.passed()


class EndOfLifespan(Exception):
    """Raised after `failed`, as Starlette does."""

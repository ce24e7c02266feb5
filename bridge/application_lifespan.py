"""The lifespan of an ASGI application, run for a server that knows of none (specs/lifespan.rst).

::

    RUNNING --startup.complete--> UP --(shut_down)--> STOPPING --shutdown.complete / failed, or the end--> OVER
       |----startup.failed------> FAILED
       |----end or error--------> UNSUPPORTED ("auto"), FAILED ("on")

The application's call is one task from startup to shutdown, as the specification has it: what it opens in a task group
at the startup is closed in the same task.
"""

from __future__ import annotations

import logging
import threading
import time
from contextvars import Context
from enum import Enum
from typing import Any

from bridge._types import ASGIApplication, Message
from bridge.errors import ApplicationError
from bridge.handoff.changes import Changes
from bridge.handoff.loops import Cancellable, Loop

logger = logging.getLogger("bridge")

# Seconds that an application gets to end after it was cancelled.
_ENDS_WITHIN = 1.0


class Phase(Enum):
    """Where a lifespan is."""

    RUNNING = "at its startup"
    UP = "after its startup"
    FAILED = "after its startup failed"
    UNSUPPORTED = "not supported"
    STOPPING = "at its shutdown"
    OVER = "after its shutdown"


class ApplicationLifespan:
    """One run of an application's lifespan on a loop.

    required: an application that does not answer the startup has failed; else it is taken for one without lifespan.

    ``state`` is the application's to fill; ``decided`` is set once the startup has ended in some way, and ``phase`` and
    ``failure`` tell in which.
    """

    def __init__(self, app: ASGIApplication, loop: Loop, *, required: bool) -> None:
        self._app = app
        self._loop = loop
        self._required = required
        self._startup_was_received = False
        self._shutdown_was_received = False
        self._has_returned = False
        self._changes = Changes(loop)
        self._task: Cancellable | None = None
        self.state: dict[str, Any] = {}
        self.phase = Phase.RUNNING
        self.failure: BaseException | None = None
        self.began_at = time.monotonic()
        self.decided_at = 0.0
        self.decided = threading.Event()

    # ---- in the loop -------------------------------------------------------------------------------------------------

    def begin_in_loop(self) -> None:
        """Start the application's lifespan."""
        # A context of its own: whoever's request comes first would lend its variables to all later ones.
        self._task = self._loop.spawn(self._run, self._ended_in_loop, Context())

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        error: BaseException | None = None
        try:
            await self._app(scope, self._receive, self._send)
        except BaseException as raised:  # noqa: BLE001  it is told below, and must not end the loop
            error = raised
        self._returned_in_loop(error)

    def cancel_in_loop(self) -> None:
        """Cancel the application's lifespan, if it still runs."""
        if self._task is not None:
            self._task.cancel()

    def _returned_in_loop(self, error: BaseException | None) -> None:
        self._has_returned = True
        if self.phase is Phase.RUNNING:
            if self._required:
                self._fail(
                    error
                    or ApplicationError(
                        "the application returned without an answer to lifespan.startup",
                        source='ASGI specs/lifespan.rst, "Startup Complete - send event"',
                    )
                )
            else:
                logger.info(
                    "bridge: the application has no lifespan, it is served without one%s",
                    "" if error is None else f" ({type(error).__name__}: {error})",
                )
                logger.debug("bridge: what it raised for a lifespan", exc_info=error)
                self._decide(Phase.UNSUPPORTED)
            return
        if self.phase is Phase.UP:
            logger.error("bridge: the application's lifespan ended before the shutdown", exc_info=error)
        elif error is not None and self.phase is Phase.STOPPING:
            logger.error("bridge: the application's shutdown failed", exc_info=error)
        if self.phase is not Phase.FAILED:
            self.phase = Phase.OVER

    def _ended_in_loop(self) -> None:
        if self.phase is Phase.RUNNING:
            self._fail(ApplicationError("the application's startup was cancelled"))  # before its first step
        self._has_returned = True
        self._changes.tell()

    async def _receive(self) -> Message:
        if not self._startup_was_received:
            self._startup_was_received = True
            return {"type": "lifespan.startup"}
        while self.phase is not Phase.STOPPING or self._shutdown_was_received:
            if self.phase is Phase.FAILED:
                raise ApplicationError("the application waits in a lifespan whose startup failed: nothing more comes")
            await self._changes.wait()
        self._shutdown_was_received = True
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "lifespan.startup.complete" and self.phase is Phase.RUNNING:
            self._decide(Phase.UP)
        elif kind == "lifespan.startup.failed" and self.phase is Phase.RUNNING:
            self._fail(ApplicationError(f"the application's startup failed: {message.get('message') or 'no reason'}"))
        elif kind == "lifespan.shutdown.complete" and self.phase is Phase.STOPPING:
            self.phase = Phase.OVER
            self._changes.tell()
        elif kind == "lifespan.shutdown.failed" and self.phase is Phase.STOPPING:
            logger.error("bridge: the application's shutdown failed: %s", message.get("message") or "no reason")
            self.phase = Phase.OVER
            self._changes.tell()
        else:
            raise ApplicationError(
                f"the application sent {kind!r} in its lifespan, {self.phase.value}",
                source='ASGI specs/lifespan.rst, "Lifespan Protocol"',
            )

    def _fail(self, failure: BaseException) -> None:
        self.failure = failure
        logger.error("bridge: the application's startup failed", exc_info=failure)
        self._decide(Phase.FAILED)

    def _decide(self, phase: Phase) -> None:
        self.phase = phase
        self.decided_at = time.monotonic()
        self._changes.tell()
        self.decided.set()

    async def shut_down_in_loop(self, grace: float) -> None:
        """Shut the application down, within grace seconds; cancel it if it goes on."""
        if self._task is None:
            return
        if self.phase is Phase.RUNNING:
            # First: an application without lifespan would end in the same way, and be served.
            self.failure = ApplicationError("the application's startup was cancelled")
            self._decide(Phase.FAILED)
        if self.phase is Phase.UP:
            self.phase = Phase.STOPPING
            self._changes.tell()
            await self._changes.wait(grace)
            if self.phase is Phase.STOPPING:
                logger.error("bridge: the application's shutdown took longer than %.1f seconds and is cancelled", grace)
        if self.phase in (Phase.FAILED, Phase.STOPPING) and not self._has_returned:
            self._task.cancel()
            await self._changes.wait(_ENDS_WITHIN)

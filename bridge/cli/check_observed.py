"""What ``check`` sees of an ASGI application between it and ``AsgiToWsgi``: errors that it swallows, its lifespan."""

from __future__ import annotations

import threading
from typing import Any

from bridge._types import ASGIApplication, Receive, Scope, Send
from bridge.cli.check_errors import tell_error
from bridge.cli.check_report import Outcome
from bridge.errors import ApplicationError

_LOOKS_AT_END = 1000  # calls of receive() after http.disconnect; each returns at once, so a loop of them is soon there


class Observed:
    """An ASGI application that is watched.

    ``outcome`` is that of the probe under way; a call adds to the one that was there when it began.
    """

    def __init__(self, application: ASGIApplication) -> None:
        self._application = application
        self._changed = threading.Condition()
        self._running = 0  # calls of the probe under way
        self.outcome = Outcome("")
        self.lifespan = Lifespan()

    def begin(self, outcome: Outcome) -> None:
        """Have the next calls counted, and their remarks added to an outcome."""
        with self._changed:
            self.outcome = outcome
            self._running = 0

    def wait(self, seconds: float) -> bool:
        """Wait until all calls of the probe have ended; return whether they have."""
        with self._changed:
            return self._changed.wait_for(lambda: self._running == 0, seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application."""
        if scope["type"] == "lifespan":
            await self.lifespan.run(self._application, scope, receive, send)
            return
        with self._changed:
            outcome = self.outcome
            self._running += 1
        try:
            await _Request(outcome).run(self._application, scope, receive, send)
        finally:
            with self._changed:
                if outcome is self.outcome:
                    self._running -= 1
                    self._changed.notify_all()


class _Request:
    """One call for an HTTP request."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._disconnects = 0
        self._has_answered = False

    async def run(self, application: ASGIApplication, scope: Scope, receive: Receive, send: Send) -> None:
        async def receive_observed() -> Any:
            message = await receive()
            if message["type"] == "http.disconnect":
                self._count_disconnect()
            return message

        async def send_observed(message: Any) -> None:
            self._look_at_names(message)
            try:
                await send(message)
            except ApplicationError as error:
                self._tell(error)  # now: the application may swallow it
                raise
            if message["type"] == "http.response.body" and not message.get("more_body"):
                self._has_answered = True

        try:
            await application(scope, receive_observed, send_observed)
        except Exception as error:
            if self._has_answered:
                self._tell(error)  # else it is raised to the server
            raise

    def _count_disconnect(self) -> None:
        self._disconnects += 1
        if self._disconnects > _LOOKS_AT_END:
            error = ApplicationError(
                f"the application has called receive() {_LOOKS_AT_END} times after http.disconnect",
                source='ASGI specs/www.rst, "Disconnect - receive event"',
            )
            self._outcome.finding(str(error), error.source)
            raise error

    def _look_at_names(self, message: Any) -> None:
        headers = message.get("headers") if isinstance(message, dict) else None
        if not isinstance(headers, list | tuple):
            return
        for pair in headers:
            if isinstance(pair, list | tuple) and pair and isinstance(pair[0], bytes) and pair[0] != pair[0].lower():
                # No finding: every server lower-cases them, since some frameworks never have.
                self._outcome.note(
                    "the application sends header names that are not in lower case, such as "
                    f"{pair[0].decode('latin-1')!r}",
                    'ASGI specs/www.rst, "Response Start - send event"',
                )
                return

    def _tell(self, error: Exception) -> None:
        tell_error(self._outcome, error, "the client has its answer by then")


class Lifespan:
    """What the application does with its lifespan (ASGI specs/lifespan.rst)."""

    def __init__(self) -> None:
        self.sent: list[Any] = []  # types of messages that the server took
        self.refused: ApplicationError | None = None  # by the server, whatever became of it in the application
        self.raised: Exception | None = None
        self.has_returned = False

    def has_started(self) -> bool:
        """Whether it has completed its startup."""
        return "lifespan.startup.complete" in self.sent

    def is_unanswered(self) -> bool:
        """Whether an application that has a lifespan, as it seems, has failed to start or still does."""
        has_ended = self.has_returned or self.raised is not None
        return not self.has_started() and ("lifespan.startup.failed" in self.sent or not has_ended)

    async def run(self, application: ASGIApplication, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application."""

        async def send_observed(message: Any) -> None:
            try:
                await send(message)
            except ApplicationError as error:
                self.refused = self.refused or error
                raise
            self.sent.append(message["type"])

        try:
            await application(scope, receive, send_observed)
        except Exception as error:  # not CancelledError, which ends one that takes too long
            self.raised = error
            raise
        self.has_returned = True

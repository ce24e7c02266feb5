"""The strict ASGI server of the harness, with a client that may leave after any byte of the response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.harness.exchange import Exchange
from tests.harness.violations import Violation
from tests.roundtrip.requests import messages_of, scope_of
from tests.roundtrip.sight import Complaint, Sight

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.roundtrip.client import Client
    from tests.roundtrip.requests import Request
    from tests.roundtrip.sight import Ending


class AsgiServer(Exchange):
    """Serves one request.

    It raises from `send()` once the client has left, as the specification has it since 2.4. A body where there is none
    (HEAD, 204, 304) it swallows, as servers do; that a bridge sends none is asked of the record by `manners`.
    """

    def __init__(self, app: Any, request: Request, client: Client) -> None:
        gone = ConnectionResetError("the client left")
        super().__init__(app, scope_of(request), body=messages_of(request), gone=gone)
        self._client = client
        self._unmannerly: list[str] = []

    async def serve(self) -> Sight:
        """Serve the request."""
        async with self:
            await self.finished.passed()
        return self._sight()

    def check(self) -> None:
        """Leave it to `manners`: what an application breaks natively is a complaint."""

    def manners(self) -> Iterator[str]:
        """Say what an application may do, and a bridge must not."""
        yield from self._unmannerly
        yield from map(str, self.violations)

    async def _next_message(self) -> dict[str, Any]:
        message = await super()._next_message()
        if self.client_gone.is_open:
            self._client.leave()
        return message

    async def send(self, message: Any) -> None:
        """Take a message, and give the client what it has of the body."""
        body = message.get("body", b"")
        if body and self._is_bodiless:
            self._unmannerly.append(f"a body where there is none: {body!r}")
            message = {**message, "body": b""}
        was_complete = self.response.complete
        try:
            await super().send(message)
        except Violation as violation:
            raise Complaint(str(violation)) from violation
        if not was_complete and not self._is_bodiless and body:
            self._client.take(body)
            if self._client.has_left:
                self.disconnect()

    @property
    def _is_bodiless(self) -> bool:
        """RFC 9110, 6.4.1."""
        return self.checker.head or self.response.status in (204, 304)

    def _ending(self) -> Ending:
        response = self.response
        if self._client.has_left:
            return "left"
        if response.status is None:
            return "refused"
        if response.complete or self._is_bodiless or len(self._client.body) == self.checker.length:
            return "complete"
        return "broken"

    def _sight(self) -> Sight:
        response = self.response
        ending = self._ending()
        errors = [] if response.error is None else [response.error]
        if not errors and not response.complete and not self.client_gone.is_open:
            errors = [Complaint("the application returned without a complete response")]
        is_late = ending == "complete"
        return Sight(
            status=response.status,
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers],
            body=self._client.body,
            took_its_share=self._client.took_its_share,
            ending=ending,
            bodiless=response.status is not None and self._is_bodiless,
            errors=[] if is_late else errors,
            late_errors=errors if is_late else [],
        )

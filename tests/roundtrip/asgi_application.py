"""Plays the script of an ASGI application, and keeps what it sees."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.roundtrip.asgi_scripts import Begin, Listen, Pause, Receive, Send
from tests.roundtrip.failures import FAILURES
from tests.roundtrip.sight import Seen

if TYPE_CHECKING:
    from tests.roundtrip.asgi_scripts import AsgiOp, AsgiScript
    from tests.roundtrip.client import Client
    from tests.roundtrip.wsgi_scripts import Fail


class AsgiPlayer:
    """One call of the application."""

    def __init__(self, script: AsgiScript, client: Client) -> None:
        self.script = script
        self.seen = Seen(coroutine=True)
        self._client = client
        self._scope: dict[str, Any] = {}
        self._receive: Any = None
        self._send: Any = None
        self._unread = b""
        self._unsaid = b""
        self._given = 0
        self._declared: int | None = None
        self._body_is_over = False
        self._has_no_body = False
        self._has_ended = False

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Be the ASGI application."""
        seen = self.seen
        seen.calls += 1
        seen.opened += 1
        seen.given = {**scope, "headers": [tuple(pair) for pair in scope["headers"]]}
        self._scope, self._receive, self._send = scope, receive, send
        try:
            for op in self.script.ops:
                await self._do(op)
            seen.note("returns")
        finally:
            seen.closes += 1

    async def _do(self, op: AsgiOp) -> None:
        if isinstance(op, Begin):
            await self._begin(op)
        elif isinstance(op, Send):
            await self._send_body(op)
        elif isinstance(op, Receive):
            await self._read(op.size)
        elif isinstance(op, Listen):
            await self._listen()
        elif isinstance(op, Pause):
            await asyncio.sleep(0)
            if self._has_ended and self.seen.late_from is None:
                self.seen.late_from = len(self.seen.events)
        else:
            self._fail(op)

    async def _begin(self, op: Begin) -> None:
        self.seen.note("start", op.status)
        lengths = [value for name, value in op.headers if name == b"content-length"]
        self._declared = int(lengths[0]) if lengths else None
        self._has_no_body = self._scope["method"] == "HEAD" or op.status in (204, 304)
        await self._tell({"type": "http.response.start", "status": op.status, "headers": list(op.headers)})

    async def _send_body(self, op: Send) -> None:
        if op.body is not None:
            body = bytes(op.body)
        else:
            body, self._unsaid = self._unsaid, b""
        message: dict[str, Any] = {"type": "http.response.body", "body": body, "more_body": op.more}
        if op.terse:
            message = {key: value for key, value in message.items() if value}
        self.seen.note("body", body, op.more)
        self._given += len(body)
        self._has_ended = self._has_ended or not op.more
        await self._tell(message)
        if self.script.in_step and op.more and not self._has_no_body:
            await self._client.waited(self._given)

    async def _tell(self, message: dict[str, Any]) -> None:
        try:
            await self._send(message)
        except OSError:
            self.seen.heard = True
            self.seen.note("send failed")
            raise
        self.seen.note("sent")

    async def _read(self, size: int | None) -> None:
        # specs/www.rst, "Disconnect": once the response is whole, a server has nothing else to say; and for a bridge in
        # between it is whole with its last declared byte.
        if self._given and self._declared is not None and self._given >= self._declared:
            return
        while not self._body_is_over and (size is None or len(self._unread) < size):
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.seen.heard = self._body_is_over = True
                self.seen.note("disconnect")
                if not self.script.shrugs:
                    raise self._error("TimeoutError")
                return
            self._unread += message.get("body", b"")
            self._body_is_over = not message.get("more_body", False)
        piece = self._unread if size is None else self._unread[:size]
        self._unread = self._unread[len(piece) :]
        self._unsaid += piece
        self.seen.note("read", piece)

    async def _listen(self) -> None:
        if not self._has_ended and not self._client.has_left:
            return
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._body_is_over = True
        self.seen.heard = True
        self.seen.note("disconnect")

    def _fail(self, op: Fail) -> None:
        self.seen.note("fail", op.error)
        raise self._error(op.error)

    def _error(self, name: str) -> BaseException:
        error = FAILURES[name](f"as the script has it, {len(self.seen.raised)}")
        self.seen.raised.append(error)
        return error

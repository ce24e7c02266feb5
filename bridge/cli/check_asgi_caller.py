"""The ASGI side of ``check``: it calls ``WsgiToAsgi`` as an ASGI server does, and checks what comes."""

from __future__ import annotations

import asyncio
from typing import Any

from bridge._types import Message
from bridge.cli.check_errors import consequence_of, tell_error
from bridge.cli.check_probes import Probe
from bridge.cli.check_report import Outcome
from bridge.errors import ClientDisconnected
from bridge.translation.responses import BODY, COMPLETE, AsgiResponse
from bridge.wsgi_to_asgi import WsgiToAsgi

_LOOKS_EVERY = 0.01  # seconds


async def call_asgi(adapter: WsgiToAsgi, probe: Probe, limit: float, outcome: Outcome) -> bool:
    """Send a probe, all of its requests at once, and wait for at most ``limit`` seconds; return whether all ended."""
    busy = adapter.stats().busy
    calls = [_Call(probe, limit, outcome) for _ in range(probe.calls)]
    in_time = await asyncio.gather(*(call.run(adapter) for call in calls))
    if not all(in_time):
        return False
    try:
        async with asyncio.timeout(limit):
            while adapter.stats().busy > busy:  # noqa: ASYNC110  nothing else tells of it
                await asyncio.sleep(_LOOKS_EVERY)
    except TimeoutError:
        outcome.still_runs(limit)
    return True


class _Call:
    """One call of the adapter."""

    def __init__(self, probe: Probe, limit: float, outcome: Outcome) -> None:
        self._probe = probe
        self._limit = limit
        self._outcome = outcome
        self._response = AsgiResponse(probe.method)
        self._pieces = list(probe.pieces or (b"",))
        self._is_over = asyncio.Event()  # the answer is complete, or the client has left

    async def run(self, adapter: WsgiToAsgi) -> bool:
        """Call it; return whether it ended in time."""
        response = self._response
        limit = asyncio.timeout(self._limit)
        try:
            async with limit:
                await adapter(self._probe.scope(), self._receive, self._send)
        except Exception as error:  # noqa: BLE001  it is the application's
            if not limit.expired() and not (self._is_over.is_set() and isinstance(error, ClientDisconnected)):
                tell_error(self._outcome, error, consequence_of(response.state))
        has_begun = response.state in (BODY, COMPLETE)
        if has_begun:
            self._outcome.answered(response.status)
        if not limit.expired():
            return True
        if response.state is COMPLETE:
            self._outcome.still_runs(self._limit)
        elif has_begun:
            self._outcome.not_ended(self._limit)
        else:
            self._outcome.not_answered(self._limit)
        return False

    async def _receive(self) -> Message:
        if self._pieces and not self._is_over.is_set():
            piece = self._pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self._pieces)}
        await self._is_over.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if self._is_over.is_set():
            return  # ASGI specs/main.rst, "Error Handling": "the send awaitable callable should act as a no-op"
        chunk = self._response.message(message)
        if self._response.state is COMPLETE or (chunk and self._probe.leaves):
            self._is_over.set()

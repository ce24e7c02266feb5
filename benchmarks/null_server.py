"""An ASGI server without a network: what is left is the cost of the adapter and of the application.

It keeps the promises on which adapters build. The request body comes in as many messages as it has blocks; asked again
after the last one, `receive` waits, and gives `http.disconnect` once the response is complete. `send` never waits, as
on a server whose client reads fast. There is no task for each request, which costs the same whatever the adapter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from .typical_request import CLIENT, HEADERS, PATH, QUERY, SERVER

Message = dict[str, Any]
ASGIApplication = Callable[[Any, Any, Any], Awaitable[None]]


class Exchange:
    """One request and its response, as the server sees them."""

    __slots__ = ("_blocks", "_complete", "_given", "_waiter", "received", "status")

    def __init__(self, blocks: Sequence[bytes]) -> None:
        self._blocks = blocks
        self._given = 0
        self._complete = False
        self._waiter: asyncio.Future[None] | None = None
        self.status = 0
        self.received = 0

    async def receive(self) -> Message:
        """The next block of the body; after the last one `http.disconnect`, when the response is complete."""
        if self._given < len(self._blocks):
            block = self._blocks[self._given]
            self._given += 1
            return {"type": "http.request", "body": block, "more_body": self._given < len(self._blocks)}
        if not self._complete:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Count what the adapter sends."""
        if message["type"] == "http.response.body":
            self.received += len(message.get("body", b""))
            if not message.get("more_body", False):
                self._complete = True
                if self._waiter is not None and not self._waiter.done():
                    self._waiter.set_result(None)
        else:
            self.status = message["status"]

    @property
    def complete(self) -> bool:
        """Whether the last body message has been sent."""
        return self._complete


async def exchange(app: ASGIApplication, blocks: Sequence[bytes] = (b"",), path: str = PATH) -> Exchange:
    """Run one request to its end: a GET without a body, or a POST of `blocks` with their length declared."""
    headers = HEADERS.copy()
    method = "GET"
    if blocks[0]:
        method = "POST"
        headers.append((b"content-length", b"%d" % sum(map(len, blocks))))
        headers.append((b"content-type", b"application/octet-stream"))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": QUERY.encode(),
        "root_path": "",
        "headers": headers,
        "client": CLIENT,
        "server": SERVER,
        "state": {},
    }
    served = Exchange(blocks)
    await app(scope, served.receive, served.send)
    return served

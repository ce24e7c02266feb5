"""A native ASGI application with some of the same paths: what it cannot have from a server, no adapter can give."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

import anyio  # hypercorn runs it on trio too
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from tests.servers.content import blocks
from tests.servers.rendezvous import PATIENCE


class Meeting:
    """What one request leaves for others, which know it by the same name."""

    def __init__(self) -> None:
        self.entered = anyio.Event()
        self.released = anyio.Event()
        self.size = 0


_meetings: defaultdict[str, Meeting] = defaultdict(Meeting)
_counts: Counter[str] = Counter()


class Exchange:
    """One request and its response."""

    def __init__(self, query: bytes, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        self.arguments = dict(parse_qsl(query.decode()))
        self.meeting = _meetings[self.arguments.get("name", "")]
        self._receive = receive
        self._send = send

    async def start(self) -> None:
        """Send status 200."""
        await self._send({"type": "http.response.start", "status": 200, "headers": [], "trailers": False})

    async def body(self, body: bytes, *, more: bool) -> None:
        """Send a piece of the body."""
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def text(self, text: str) -> None:
        """Send a whole response."""
        await self.start()
        await self.body(text.encode(), more=False)

    async def read(self) -> None:
        """Read the request's body, as far as it comes, and answer with its size."""
        size, more = 0, True
        while more:
            message = await self._receive()
            if message["type"] != "http.request":
                return  # the client has gone
            self.meeting.entered.set()
            size += len(message["body"])
            more = message["more_body"]
        await self.text(f"{size} bytes")


async def hello(exchange: Exchange) -> None:
    """Whatever has no path of its own."""
    await exchange.text("hello")


async def counts(exchange: Exchange) -> None:
    """How many calls have not returned."""
    await exchange.text(json.dumps(_counts))


async def release(exchange: Exchange) -> None:
    """Let the request of that name go on."""
    exchange.meeting.released.set()
    await exchange.text("released")


async def entered(exchange: Exchange) -> None:
    """Whether, `within` seconds, the request of that name runs (for an upload: has some of its body)."""
    with anyio.move_on_after(float(exchange.arguments["within"])):
        await exchange.meeting.entered.wait()
    await exchange.text("yes" if exchange.meeting.entered.is_set() else "no")


async def read_late(exchange: Exchange) -> None:
    """Read the body only once another request allows it."""
    exchange.meeting.entered.set()
    with anyio.move_on_after(PATIENCE):
        await exchange.meeting.released.wait()
    await exchange.read()


async def download(exchange: Exchange) -> None:
    """Stream a large body; the meeting tells how much of it the server has accepted."""
    await exchange.start()
    for block in blocks(int(exchange.arguments["size"])):
        await exchange.body(block, more=True)
        exchange.meeting.size += len(block)
    await exchange.body(b"", more=False)


async def made(exchange: Exchange) -> None:
    """How many bytes the download of that name has sent."""
    await exchange.text(str(exchange.meeting.size))


async def fail_after(exchange: Exchange) -> None:
    """Raise in the middle of a body."""
    await exchange.start()
    await exchange.body(b"12345", more=True)
    raise RuntimeError("raised after the start")


PATHS: dict[str, Callable[[Exchange], Awaitable[None]]] = {
    "/counts": counts,
    "/download": download,
    "/entered": entered,
    "/fail-after": fail_after,
    "/made": made,
    "/read-late": read_late,
    "/release": release,
    "/upload": Exchange.read,
}


async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Serve HTTP only; every server does without a lifespan if it is refused."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    _counts["in_flight"] += 1
    try:
        await PATHS.get(scope["path"], hello)(Exchange(scope["query_string"], receive, send))
    finally:
        _counts["in_flight"] -= 1

"""The site as an ASGI application: native on ASGI servers, bridged on WSGI servers.

Path for path it is wsgi_site.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import unquote_to_bytes

import anyio  # hypercorn runs it on trio too

from bridge._types import Receive, Scope, Send
from tests.matrix.contents import MARK, described
from tests.servers.content import blocks
from tests.wsgi_servers.exchange import TEXT, Exchange, diary
from tests.wsgi_servers.pace import TICK, TICKS


@asynccontextmanager
async def listening(exchange: Exchange) -> AsyncIterator[None]:
    """Give the block up at a disconnect, as Starlette's streams do."""
    async with anyio.create_task_group() as both:

        async def listen() -> None:
            while (await exchange.receive())["type"] != "http.disconnect":
                pass
            exchange.note("heard")
            both.cancel_scope.cancel()

        both.start_soon(listen)
        yield
        both.cancel_scope.cancel()


async def hello(exchange: Exchange) -> None:
    """A short answer whose length is known."""
    await exchange.text("hello")


async def body(exchange: Exchange) -> None:
    """Size and digest of the request's body."""
    await exchange.text(described([chunk async for chunk in exchange.chunks()]))


async def read_late(exchange: Exchange) -> None:
    """Reads its body only once the test allows it."""
    exchange.note("begun")
    await diary.allowed(exchange.name)
    await body(exchange)


async def refused(exchange: Exchange) -> None:
    """Answers without a look at its body."""
    await exchange.text("refused", 403)


async def upload(exchange: Exchange) -> None:
    """Reads its body, and notes how that ended."""
    number = 0
    try:
        async for _ in exchange.chunks():
            if number == 0:
                exchange.note("read")
            number += 1
    except OSError:
        exchange.note("broken")
        raise
    exchange.note("whole")
    await exchange.text("whole")


async def parts(exchange: Exchange) -> None:
    """A body whose second chunk is not made before the test allows it."""
    await exchange.start(TEXT)
    await exchange.body(b"first ", more=True)
    async with listening(exchange):
        await exchange.body(b"second" if await diary.allowed(exchange.name) else b"nobody came")


async def download(exchange: Exchange) -> None:
    """A large body without a declared length, and notes of how much of it was made."""
    try:
        await exchange.start(TEXT)
        for number, block in enumerate(blocks(int(exchange.arguments["size"]))):
            if number % MARK == 0:
                exchange.note("made")
            await exchange.body(block, more=True)
        await exchange.body(b"")
    finally:
        exchange.note("finally")


async def ticks(exchange: Exchange) -> None:
    """A long stream with a pause after each small chunk."""
    try:
        await exchange.start(TEXT)
        for _ in range(TICKS):
            await exchange.body(b"tick\n", more=True)
            await anyio.sleep(TICK)
        await exchange.body(b"")
    finally:
        exchange.note("finally")


async def silent(exchange: Exchange) -> None:
    """Sends nothing after its first chunk until it hears of a disconnect, or until the test allows it."""
    await exchange.start(TEXT)
    await exchange.body(b"first", more=True)
    async with listening(exchange):
        await diary.allowed(exchange.name)
        exchange.note("not heard")


async def streamed(exchange: Exchange) -> None:
    """A short body without a declared length."""
    await exchange.start(TEXT)
    await exchange.body(b"one ", more=True)
    await exchange.body(b"two")


async def cookies(exchange: Exchange) -> None:
    """One field name, repeated."""
    fields = [(b"set-cookie", b"a=1"), (b"x-between", b"yes"), (b"set-cookie", b"b=2; Path=/")]
    await exchange.start(TEXT, (b"content-length", b"7"), *fields)
    await exchange.body(b"cookies")


async def no_content(exchange: Exchange) -> None:
    """A status that forbids a body."""
    await exchange.start((b"x-kept", b"yes"), status=204)
    await exchange.body(b"")


async def not_modified(exchange: Exchange) -> None:
    """The other one."""
    await exchange.start((b"etag", b'"v1"'), status=304)
    await exchange.body(b"")


async def fail_before(exchange: Exchange) -> None:
    """Raises before the response started."""
    raise RuntimeError("raised before the start")


async def fail_after(exchange: Exchange) -> None:
    """Raises in the middle of a body; `declared` says whether that body's length was announced."""
    length = [(b"content-length", b"10")] if exchange.arguments["declared"] == "yes" else []
    await exchange.start(TEXT, *length)
    await exchange.body(b"12345", more=True)
    await anyio.sleep(TICK)  # the chunk has gone out
    raise RuntimeError("raised after the start")


async def path(exchange: Exchange) -> None:
    """The bytes of the path, and the request target."""
    target = exchange.scope["raw_path"]
    await exchange.text(f"{unquote_to_bytes(target).decode('latin-1')} {target.decode('latin-1')}")


PATHS: dict[str, Callable[[Exchange], Awaitable[None]]] = {
    "/": hello,
    "/body": body,
    "/cookies": cookies,
    "/download": download,
    "/fail-after": fail_after,
    "/fail-before": fail_before,
    "/no-content": no_content,
    "/not-modified": not_modified,
    "/parts": parts,
    "/read-late": read_late,
    "/refused": refused,
    "/silent": silent,
    "/streamed": streamed,
    "/ticks": ticks,
    "/upload": upload,
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve HTTP only; what the path does not name is told back."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    await PATHS.get(scope["path"], path)(Exchange(scope, receive, send))

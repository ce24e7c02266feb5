"""The ASGI application under test, without a framework: a path for each behaviour, and a diary of what it saw."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from bridge import AsgiToWsgi
from bridge._types import Receive, Scope, Send
from tests.matrix.asgi_site import fail_after, fail_before, no_content
from tests.servers.content import BLOCK, blocks
from tests.wsgi_servers.exchange import TEXT, Exchange, diary
from tests.wsgi_servers.pace import EVENTS, TICK


async def hello(exchange: Exchange) -> None:
    """A short answer whose length is known."""
    await exchange.text("hello")


async def show_scope(exchange: Exchange) -> None:
    """The scope, without what only this process can use."""
    await exchange.json({key: value for key, value in exchange.scope.items() if key != "wsgi.environ"})


async def alive(exchange: Exchange) -> None:
    """What this process has that it could lose or leave behind."""
    stats = adapter.stats()
    await exchange.json(
        {
            "pid": os.getpid(),
            "tasks": len(asyncio.all_tasks()),
            "threads": sorted(thread.name for thread in threading.enumerate()),
            "files": len(os.listdir("/proc/self/fd")),
            "in flight": stats.in_flight,
            "background": stats.background,
            "stuck": stats.stuck,
        }
    )


async def hash_body(exchange: Exchange) -> None:
    """Size and SHA-256 of the request's body, which is never whole in memory."""
    sha, size = hashlib.sha256(), 0
    async for chunk in exchange.chunks():
        sha.update(chunk)
        size += len(chunk)
    await exchange.text(f"{size} {sha.hexdigest()}")


async def form(exchange: Exchange) -> None:
    """The fields and files of a form, as Starlette reads them."""
    async with Request({**exchange.scope}, exchange.receive).form() as fields:
        told = [
            (key, value if isinstance(value, str) else [value.filename, hashlib.sha256(await value.read()).hexdigest()])
            for key, value in fields.multi_items()
        ]
    await exchange.json(told)


async def download(exchange: Exchange) -> None:
    """A large streamed body without a declared length."""
    await exchange.start(TEXT)
    for block in blocks(int(exchange.arguments["size"])):
        await exchange.body(block, more=True)
    await exchange.body(b"")


async def events(exchange: Exchange) -> None:
    """Server-sent events, each of which waits until the test allows it."""
    await exchange.start((b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache"))
    for number in range(EVENTS):
        if not await diary.allowed(f"{exchange.name}-{number}"):
            return  # the response never looks whole then
        await exchange.body(b"data: %d\n\n" % number, more=True)
    await exchange.body(b"")


async def not_modified(exchange: Exchange) -> None:
    """A status that forbids a body, with one, as naive middleware has it."""
    await exchange.start((b"etag", b'"v1"'), status=304)
    await exchange.body(b"must not be sent")


async def state(exchange: Exchange) -> None:
    """What startup left for requests, and which process answers."""
    await exchange.json({"pid": os.getpid(), **exchange.scope["state"]})


async def background(exchange: Exchange) -> None:
    """Answer, then work on until the test allows the end."""
    with exchange.leaving_noted():
        await exchange.text("answered")
        exchange.note("working")
        await diary.allowed(exchange.name)
        exchange.note("worked")


async def ticks(exchange: Exchange) -> None:
    """An endless stream with a pause after each small chunk."""
    with exchange.leaving_noted():
        await exchange.start((b"content-type", b"text/event-stream"))
        while True:
            await exchange.body(b"tick\n", more=True)
            await asyncio.sleep(TICK)


async def flood(exchange: Exchange) -> None:
    """An endless stream, as fast as the client takes it."""
    with exchange.leaving_noted():
        await exchange.start(TEXT)
        while True:
            await exchange.body(bytes(BLOCK), more=True)


async def watched(exchange: Exchange) -> None:
    """An endless stream whose application listens for the disconnect, as Starlette's does."""
    await exchange.start(TEXT)
    listening = asyncio.ensure_future(exchange.receive())
    with exchange.leaving_noted():
        message: dict[str, Any] = {}
        while message.get("type") != "http.disconnect":
            if listening.done():
                message = listening.result()
                listening = asyncio.ensure_future(exchange.receive())
                exchange.note(message["type"])
            else:
                await exchange.body(b"tick\n", more=True)
                await asyncio.wait([listening], timeout=TICK)
    listening.cancel()


async def silent(exchange: Exchange) -> None:
    """A stream that sends nothing after its first chunk until it hears of a disconnect, or until the test allows it."""
    with exchange.leaving_noted():
        await exchange.start(TEXT)
        await exchange.body(b"first", more=True)
        await exchange.receive()  # the request has no body
        gone = asyncio.ensure_future(exchange.receive())
        allowed = asyncio.create_task(diary.allowed(exchange.name))
        await asyncio.wait([gone, allowed], return_when=asyncio.FIRST_COMPLETED)
        allowed.cancel()
        if gone.done():
            exchange.note("heard")
            return
        gone.cancel()
        exchange.note("not heard")
        while True:
            await exchange.body(b"more", more=True)
            await asyncio.sleep(TICK)


async def upload(exchange: Exchange) -> None:
    """Read the body to its end, and note how that went."""
    size = 0
    with exchange.leaving_noted():
        async for chunk in exchange.chunks():
            if chunk and not size:
                exchange.note("read")
            size += len(chunk)
        exchange.note("whole")
    await exchange.text(f"{size} bytes")


async def send_file(exchange: Exchange) -> None:
    """The file at `path`, left to the server."""
    path = exchange.arguments["path"]
    await exchange.start(TEXT, (b"content-length", b"%d" % os.stat(path).st_size))
    await exchange.send({"type": "http.response.pathsend", "path": path})


async def hints(exchange: Exchange) -> None:
    """Early hints, and the response once the test allows it."""
    await exchange.send({"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload"]})
    await diary.allowed(exchange.name)
    await exchange.text("hinted")


async def in_threads(exchange: Exchange) -> None:
    """Work that asyncio and anyio leave to threads, while the loop goes on."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(TICK / 10)

    ticking = asyncio.create_task(tick())
    await asyncio.to_thread(time.sleep, 2 * TICK)
    await anyio.to_thread.run_sync(time.sleep, 2 * TICK)
    found = await asyncio.get_running_loop().getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
    ticking.cancel()
    await exchange.json({"found": bool(found), "ticked": ticks > 4})


PATHS: dict[str, Callable[[Exchange], Awaitable[None]]] = {
    "/": hello,
    "/alive": alive,
    "/background": background,
    "/download": download,
    "/events": events,
    "/fail-after": fail_after,
    "/fail-before": fail_before,
    "/file": send_file,
    "/flood": flood,
    "/form": form,
    "/hash": hash_body,
    "/hints": hints,
    "/in-threads": in_threads,
    "/no-content": no_content,
    "/not-modified": not_modified,
    "/silent": silent,
    "/state": state,
    "/ticks": ticks,
    "/upload": upload,
    "/watched": watched,
}


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    """Leave a state to requests; the diary tells how often it ran, and where."""
    while True:
        event = (await receive())["type"]
        diary.write("lifespan", event)
        if event == "lifespan.startup":
            scope["state"]["started"] = time.time()
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Run what the path names; one that is not in the table shows its scope."""
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    path = scope["path"].removeprefix(scope["root_path"])
    await PATHS.get(path, show_scope)(Exchange(scope, receive, send))


adapter = AsgiToWsgi(app)
# Mounted at a prefix as well, as in a site whose other parts are WSGI applications.
application = DispatcherMiddleware(adapter, {"/mounted": adapter})

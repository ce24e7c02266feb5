"""An ASGI application that the command line serves on WSGI servers; it tells what its lifespan does."""

from __future__ import annotations

SOURCE = """
import asyncio
import os


def tell(line):
    os.write(1, f"{line}\\n".encode())  # at once, so that no other thread's line comes between


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    path = scope["path"]
    size = 0
    if path != "/unread":
        more = True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    if path == "/endless":
        try:
            while True:
                await send({"type": "http.response.body", "body": b"again\\n", "more_body": True})
                await asyncio.sleep(0.05)
        finally:
            tell("the stream ended")
    if path == "/broken":
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise LookupError("nowhere")
    if path == "/pieces":
        await send({"type": "http.response.body", "body": b"one ", "more_body": True})
        await send({"type": "http.response.body", "body": b"two ", "more_body": True})
    body = f"{scope['method']} {scope['raw_path'].decode()} {size} {scope['state']['from']}".encode()
    await send({"type": "http.response.body", "body": body})


async def lifespan(scope, receive, send):
    await receive()
    scope["state"]["from"] = "startup"
    tell("startup")
    await send({"type": "lifespan.startup.complete"})
    await receive()
    tell("shutdown")
    await send({"type": "lifespan.shutdown.complete"})


async def no_database(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})


class Twice:
    def __init__(self, scope):
        self.scope = scope

    async def __call__(self, receive, send):
        await application(self.scope, receive, send)


create = lambda: application
"""

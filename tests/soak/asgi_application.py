"""The ASGI application of a soak, which looks at everything that it is given."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any, Final

from asgiref.sync import sync_to_async

from tests.soak.context import FROM_APPLICATION, FROM_SERVER, token_of
from tests.soak.footprint import footprint
from tests.soak.ledger import Ledger
from tests.soak.plans import body_of, piece_of

KINDS: Final = (
    *("whole", "whole", "stream", "stream", "echo", "echo", "crossing", "background", "detached", "cancels-receive"),
    *("error", "late-error", "exit", "endless", "waits"),
)


class Application:
    """Does what the path says: `/kind/pieces/token`."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.detached: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            raise NotImplementedError
        _, kind, pieces, token = scope["path"].split("/")
        if kind == "ledger":
            await self.tell(send)
            return
        ledger = self.ledger
        ledger.begin(token)
        try:
            self.look_at(scope, token)
            await self.answer(kind, int(pieces), token, scope, receive, send)
        finally:
            self.ledger.expect(token, "the server's variable at the end", FROM_SERVER.get(""), token)
            ledger.end(token)

    def look_at(self, scope: Any, token: str) -> None:
        """Find out whether all of it belongs to one request."""
        ledger = self.ledger
        ledger.expect(token, "the header", dict(scope["headers"])[b"x-token"].decode(), token)
        ledger.expect(token, "the server's variable", FROM_SERVER.get(""), token)
        ledger.expect(token, "an application's variable", FROM_APPLICATION.get(), None)
        ledger.expect(token, "the environ", token_of(scope["wsgi.environ"]["PATH_INFO"]), token)
        FROM_APPLICATION.set(token)

    async def answer(self, kind: str, pieces: int, token: str, scope: Any, receive: Any, send: Any) -> None:
        """Do what the kind wants."""
        if kind == "error":
            raise LookupError(token)
        if kind == "exit":
            raise SystemExit(token)
        if kind == "cancels-receive":
            task = asyncio.ensure_future(receive())
            await asyncio.sleep(0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if kind == "crossing":
            await asyncio.gather(*(sync_to_async(self.look_in_thread)(token) for _ in range(2)))
        if kind == "detached":
            task = asyncio.create_task(sync_to_async(self.look_in_thread)(token))
            self.detached.add(task)
            task.add_done_callback(self.detached.discard)
        body = await self.body_of(scope, token, receive) if kind == "echo" else b""
        headers = [(b"content-type", b"text/plain"), (b"x-token", token.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if kind == "whole":
            await end(send, b"".join(piece_of(token, index) for index in range(pieces)))
            return
        while kind == "endless":
            await more(send, piece_of(token, 0))
        if kind == "echo":
            await more(send, body[:1000])
            await end(send, body[1000:])
            return
        for index in range(pieces):
            await more(send, piece_of(token, index))
        if kind == "late-error":
            raise LookupError(token)
        if kind == "waits":
            await receive()
            await receive()
            return
        await end(send)
        if kind == "background":
            await asyncio.sleep(0)
            await sync_to_async(self.look_in_thread)(token)

    async def body_of(self, scope: Any, token: str, receive: Any) -> bytes:
        """Read the body, and look whose it is."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError(f"the client of {token} left")
            body += message["body"]
            if not message["more_body"]:
                size = int(dict(scope["headers"])[b"x-size"])
                self.ledger.expect(token, "the body", bytes(body), body_of(token, size))
                return bytes(body)

    def look_in_thread(self, token: str) -> None:
        """Look at the variables in a thread-sensitive call."""
        self.ledger.expect(token, "the variable in a thread", FROM_SERVER.get(""), token)
        self.ledger.expect(token, "the application's variable in a thread", FROM_APPLICATION.get(), token)

    async def tell(self, send: Any) -> None:
        """Tell what the ledger has; for a test in another process, and for one that counts tasks."""
        found = {
            "faults": self.ledger.faults(),
            "settled": self.ledger.is_settled(),
            "tasks": len(asyncio.all_tasks()),
            **footprint().told(),
        }
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await end(send, json.dumps(found).encode())


async def more(send: Any, body: bytes) -> None:
    """Send a piece of the body."""
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def end(send: Any, body: bytes = b"") -> None:
    """Send the last piece."""
    await send({"type": "http.response.body", "body": body, "more_body": False})

"""One request and its response, for the ASGI applications under test."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl

import anyio  # of native applications hypercorn runs some on trio

from bridge._types import Receive, Scope, Send
from tests.wsgi_servers.diary import Diary

TEXT = (b"content-type", b"text/plain")

diary = Diary.of_this_process()


class Exchange:
    """One request and its response."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.arguments = dict(parse_qsl(scope["query_string"].decode()))
        self.name = self.arguments.get("name", "")

    def note(self, event: str) -> None:
        """Write into the diary, under the name that the client chose."""
        diary.write(self.name, event)

    async def start(self, *headers: tuple[bytes, bytes], status: int = 200) -> None:
        """Send the start of the response."""
        await self.send({"type": "http.response.start", "status": status, "headers": list(headers)})

    async def body(self, body: bytes, *, more: bool = False) -> None:
        """Send a piece of the body."""
        await self.send({"type": "http.response.body", "body": body, "more_body": more})

    async def text(self, text: str, status: int = 200) -> None:
        """Send a whole response of known length."""
        body = text.encode("latin-1")
        await self.start(TEXT, (b"content-length", b"%d" % len(body)), status=status)
        await self.body(body)

    async def json(self, value: Any) -> None:
        """Send a whole response that tells a value; bytes become text of the same code points."""
        await self.text(json.dumps(value, default=lambda found: found.decode("latin-1") if found else ""))

    async def chunks(self) -> AsyncIterator[bytes]:
        """The pieces of the request's body that are not empty; OSError if the client goes before its end."""
        more = True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ConnectionResetError("the client has gone")
            if message.get("body"):
                yield message["body"]
            more = message.get("more_body", False)

    @contextmanager
    def leaving_noted(self) -> Iterator[None]:
        """Tell the diary how a block ended, last that it has."""
        try:
            yield
        except anyio.get_cancelled_exc_class():
            self.note("cancelled")
            raise
        except OSError:
            self.note("refused")
            raise
        finally:
            self.note("finally")

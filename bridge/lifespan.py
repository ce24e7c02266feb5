"""The lifespan protocol, for an application that has none (specs/lifespan.rst).

A WSGI application knows neither startup nor shutdown, so both are answered for it; what there is to do at the shutdown
is the adapter's: to let running requests end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bridge._types import Receive, Send
from bridge.errors import ServerError


async def answer_lifespan(receive: Receive, send: Send, shut_down: Callable[[], Awaitable[None]]) -> None:
    """Answer the messages of one lifespan scope; await shut_down before the shutdown is called complete.

    Raises ServerError for a message that is not of the lifespan protocol.
    """
    while True:
        kind = (await receive()).get("type")
        if kind == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif kind == "lifespan.shutdown":
            await shut_down()
            await send({"type": "lifespan.shutdown.complete"})
            return
        else:
            raise ServerError(f"the server gave a message of type {kind!r} in a lifespan scope")

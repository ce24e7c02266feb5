"""Native ASGI applications, right and wrong, to test the harness with."""

from __future__ import annotations

from typing import Any


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the body of the request; correct in every detail."""
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode("ascii"))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def sending(*messages: Any) -> Any:
    """Return an application that sends these messages, right or wrong."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return app


def start(status: Any = 200, *headers: Any) -> dict[str, Any]:
    """Return a start message, right or wrong."""
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def chunk(body: Any = b"", *, more: Any = True) -> dict[str, Any]:
    """Return a body message, right or wrong."""
    return {"type": "http.response.body", "body": body, "more_body": more}

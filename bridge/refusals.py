"""The answers that bridge gives itself, before or instead of the application's."""

from __future__ import annotations

from bridge._types import Message, Scope, Send, StartResponse
from bridge.translation.headers import response_headers_to_wsgi
from bridge.translation.status import status_from_code


def refusal_messages(
    scope: Scope, status: int, reason: str, *, retry_after: int | None = None
) -> tuple[Message, Message]:
    """Return the two messages of a short text response.

    retry_after: seconds after which the client may try again (RFC 9110, 10.2.3).
    """
    body = f"{status_from_code(status)}\n\n{reason}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    if retry_after is not None:
        headers.append((b"retry-after", b"%d" % retry_after))
    if scope.get("method") == "HEAD":
        body = b""
    return (
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body, "more_body": False},
    )


def refuse_in_wsgi(
    start_response: StartResponse, method: str | None, status: int, reason: str, *, retry_after: int | None = None
) -> list[bytes]:
    """Answer a request of a WSGI server that does not reach the application."""
    start, body = refusal_messages({"method": method}, status, reason, retry_after=retry_after)
    headers, _, _ = response_headers_to_wsgi(start["headers"])
    start_response(status_from_code(status), headers)
    return [body["body"]] if body["body"] else []


async def refuse(send: Send, scope: Scope, status: int, reason: str, *, retry_after: int | None = None) -> None:
    """Answer a request that does not reach the application."""
    for message in refusal_messages(scope, status, reason, retry_after=retry_after):
        await send(message)


async def refuse_websocket(send: Send, scope: Scope) -> None:
    """Deny a WebSocket: with a response that says why where the server can send one, else by closing (a 403)."""
    if "websocket.http.response" in (scope.get("extensions") or {}):
        for message in refusal_messages(scope, 501, "This is a WSGI application, and WSGI has no WebSockets."):
            await send({**message, "type": "websocket." + message["type"]})
    else:
        await send({"type": "websocket.close", "code": 1000, "reason": "WSGI has no WebSockets"})

"""Bridges that are wrong in one thing each, around an ASGI application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

Application = Any
Message = dict[str, Any]


def with_messages(change: Callable[[Message], Message]) -> Any:
    """Return a bridge that does something to each message of the response."""

    def broken(app: Application) -> Application:
        async def bridge(scope: Any, receive: Any, send: Any) -> None:
            async def changed(message: Message) -> None:
                await send(change(message))

            await app(scope, receive, changed)

        return bridge

    return broken


def with_headers(change: Callable[[list[tuple[bytes, bytes]]], list[tuple[bytes, bytes]]]) -> Any:
    """Return a bridge that does something to the headers of the response."""
    return with_messages(
        lambda message: {**message, "headers": change(list(message["headers"]))} if "headers" in message else message
    )


def with_scope(change: Callable[[Message], Message]) -> Any:
    """Return a bridge that does something to the scope."""
    return lambda app: lambda scope, receive, send: app(change(scope), receive, send)


def with_request(make: Callable[[], Callable[[Message], Message]]) -> Any:
    """Return a bridge that does something to each message of the request."""

    def broken(app: Application) -> Application:
        async def bridge(scope: Any, receive: Any, send: Any) -> None:
            change = make()

            async def changed() -> Message:
                return change(await receive())

            await app(scope, changed, send)

        return bridge

    return broken


def once_each(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Drop repeated headers."""
    return list(dict(headers).items())


def cookies_joined(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Join Set-Cookie by commas."""
    cookies = [value for name, value in headers if name == b"set-cookie"]
    others = [header for header in headers if header[0] != b"set-cookie"]
    return [*others, (b"set-cookie", b", ".join(cookies))] if cookies else others


def request_cookies_joined(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Join Cookie as if it were any other field."""
    cookies = [part for name, value in headers if name == b"cookie" for part in value.split(b"; ")]
    others = [header for header in headers if header[0] != b"cookie"]
    return [*others, (b"cookie", b",".join(cookies))] if cookies else others


def losing_a_byte() -> Callable[[Message], Message]:
    """Lose the last byte of a message that another one follows."""
    return lambda message: {**message, "body": message["body"][:-1]} if message.get("more_body") else message


def ending_at_leaving() -> Callable[[Message], Message]:
    """Take the client's leaving for the end of its body."""
    ends = iter([{"type": "http.request", "body": b""}])
    return lambda message: next(ends, message) if message["type"] == "http.disconnect" else message


def swallowing(app: Application) -> Application:
    """Return a bridge that ends the response as if whole when the application fails."""

    async def bridge(scope: Any, receive: Any, send: Any) -> None:
        messages = []

        async def noting(message: Message) -> None:
            await send(message)
            messages.append(message)

        try:
            await app(scope, receive, noting)
        except Exception:
            if not messages or not messages[-1].get("more_body"):
                raise
            await send({"type": "http.response.body"})

    return bridge


def wrapping(app: Application) -> Application:
    """Return a bridge that replaces the application's error."""

    async def bridge(scope: Any, receive: Any, send: Any) -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:
            raise RuntimeError("the bridge says that the application failed") from error

    return bridge


def holding_back(app: Application) -> Application:
    """Return a bridge that gives all at the end."""

    async def bridge(scope: Any, receive: Any, send: Any) -> None:
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                while held:
                    await send(held.pop(0))

        await app(scope, receive, hold)

    return bridge


BROKEN: Final[dict[str, Any]] = {
    "drops repeated headers": with_headers(once_each),
    "joins cookies": with_headers(cookies_joined),
    "loses a header": with_headers(lambda headers: headers[1:]),
    "loses a byte of the response": with_messages(
        lambda message: {**message, "body": message["body"][:-1]} if message.get("body") else message
    ),
    "loses a byte between messages": with_request(losing_a_byte),
    "loses an error after the start": swallowing,
    "replaces an error": wrapping,
    "loses the query": with_scope(lambda scope: {**scope, "query_string": b""}),
    "loses the raw path": with_scope(lambda scope: {**scope, "raw_path": scope["path"].encode()}),
    "loses the mount": with_scope(lambda scope: {**scope, "root_path": ""}),
    "joins the request's cookies by comma": with_scope(
        lambda scope: {**scope, "headers": request_cookies_joined(scope["headers"])}
    ),
}

ending_a_broken_body: Final = with_request(ending_at_leaving)

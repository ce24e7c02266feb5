"""Bridges that are wrong in one thing each, around a WSGI application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Application = Any


def with_headers(change: Callable[[list[tuple[str, str]]], list[tuple[str, str]]]) -> Any:
    """Return a bridge that does something to the headers of the response."""

    def broken(app: Application) -> Application:
        def bridge(environ: dict[str, Any], start_response: Any) -> Any:
            return app(environ, lambda status, headers, *more: start_response(status, change(headers), *more))

        return bridge

    return broken


def with_chunks(change: Callable[[Iterator[bytes]], Iterator[bytes]]) -> Any:
    """Return a bridge that does something to the iterable, and closes it."""

    def broken(app: Application) -> Application:
        def bridge(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
            iterable = app(environ, start_response)

            def chunks() -> Iterator[bytes]:
                try:
                    yield from change(iter(iterable))
                finally:
                    if hasattr(iterable, "close"):
                        iterable.close()

            return chunks()

        return bridge

    return broken


def with_environ(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """Return a bridge that does something to the environ."""
    return lambda app: lambda environ, start_response: app(change(environ), start_response)


def once_each(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Drop repeated headers."""
    return list({name.lower(): (name, value) for name, value in headers}.values())


def cookies_joined(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Join Set-Cookie by commas."""
    cookies = [value for name, value in headers if name.lower() == "set-cookie"]
    others = [header for header in headers if header[0].lower() != "set-cookie"]
    return [*others, ("Set-Cookie", ", ".join(cookies))] if cookies else others


def losing_a_byte(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Lose the first byte of what follows a chunk."""
    is_first = True
    for chunk in chunks:
        yield chunk if is_first else chunk[1:]
        is_first = is_first and not chunk


def swallowing(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """End the response as if whole when the application fails."""
    try:
        yield from chunks
    except Exception:  # noqa: S110  that is what is wrong with it
        pass


def all_at_once(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Give all at the end."""
    yield b"".join(chunks)


def wrapping(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Replace the application's error."""
    try:
        yield from chunks
    except Exception as error:
        raise RuntimeError("the bridge says that the application failed") from error


def forgetting_close(app: Application) -> Application:
    """Return a bridge that never closes."""

    def bridge(environ: dict[str, Any], start_response: Any) -> Any:
        iterable = app(environ, start_response)
        return (chunk for chunk in iterable)

    return bridge


def closing_twice(app: Application) -> Application:
    """Return a bridge that closes twice."""

    def bridge(environ: dict[str, Any], start_response: Any) -> Any:
        iterable = app(environ, start_response)
        return Twice(iterable) if hasattr(iterable, "close") else iterable

    return bridge


class Twice:
    """Closes twice."""

    def __init__(self, iterable: Any) -> None:
        self._iterable = iterable

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._iterable)

    def close(self) -> None:
        """Close, and close again."""
        self._iterable.close()
        self._iterable.close()


class ShortInput:
    """An input that ends where the client left."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        def read(*size: int) -> Any:
            try:
                return getattr(self._stream, name)(*size)
            except OSError:
                return [] if name == "readlines" else b""

        return read

    def __iter__(self) -> Any:
        return iter(self.readline, b"")


BROKEN: Final[dict[str, Any]] = {
    "drops repeated headers": with_headers(once_each),
    "joins cookies": with_headers(cookies_joined),
    "loses a header": with_headers(lambda headers: headers[1:]),
    "loses a byte between chunks": with_chunks(losing_a_byte),
    "loses an error after the start": with_chunks(swallowing),
    "replaces an error": with_chunks(wrapping),
    "loses the query": with_environ(lambda environ: {**environ, "QUERY_STRING": ""}),
    "takes the path for text": with_environ(
        lambda environ: {
            **environ,
            "PATH_INFO": environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace").encode().decode("latin-1"),
        }
    ),
    "merges underscores": with_environ(lambda environ: {**environ, "HTTP_X_A": environ.get("HTTP_X_A", "") + ","}),
    "forgets close()": forgetting_close,
    "closes twice": closing_twice,
    "calls twice": lambda app: (
        lambda environ, start_response: (
            app({**environ}, lambda *_: lambda _: None),
            app(environ, start_response),
        )[1]
    ),
}

ending_a_broken_body: Final = with_environ(lambda environ: {**environ, "wsgi.input": ShortInput(environ["wsgi.input"])})
"""Takes the client's leaving for the end of its body."""

holding_back: Final = with_chunks(all_at_once)
"""Gives all at the end."""

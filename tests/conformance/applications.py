"""Small WSGI applications, and iterables that remember how they were used."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tests.conformance.adapting import get
from tests.harness import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Self

PLAIN = [("Content-Type", "text/plain")]


def answering(*chunks: bytes, status: str = "200 OK", headers: list[tuple[str, str]] | None = None) -> Any:
    """Return an application that answers every request with a list of these chunks."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response(status, list(PLAIN if headers is None else headers))
        return list(chunks)

    return app


def streaming(source: Callable[[], Iterable[bytes]], headers: list[tuple[str, str]] | None = None) -> Any:
    """Return an application that answers every request with what `source()` returns."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", list(PLAIN if headers is None else headers))
        return source()

    return app


def endless(chunk: bytes = b"x" * 1000) -> Iterator[bytes]:
    """Yield chunks for ever."""
    while True:
        yield chunk


class Chunks:
    """An iterable that remembers how it was used."""

    def __init__(self, source: Iterable[bytes] = ()) -> None:
        self._source = iter(source)
        self.taken = 0
        self.closed = 0
        self.threads: list[int] = []

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        self.threads.append(threading.get_ident())
        chunk = next(self._source)
        self.taken += 1
        return chunk

    def close(self) -> None:
        """Count, so that a test can demand exactly one."""
        self.threads.append(threading.get_ident())
        self.closed += 1


def environ_of(method: str = "GET", path: str = "/", **request: Any) -> dict[str, Any]:
    """Return the environ that an application gets for a request."""
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.update(environ)
        start_response("200 OK", list(PLAIN))
        return [b"ok"]

    response = get(app, method, path, **request)
    if response.status != 200 or response.error is not None:
        raise AssertionError(f"answered {response.status}") from response.error
    return seen


def result_in_app(step: Callable[[dict[str, Any]], Any], method: str = "GET", path: str = "/", **request: Any) -> Any:
    """Return what `step(environ)` returns inside an application; raise what it raises."""
    kept: list[Any] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            kept.append(step(environ))
        except BaseException as error:
            kept.append(error)
            raise
        start_response("200 OK", list(PLAIN))
        return [b"ok"]

    get(app, method, path, **request)
    # After a disconnect the ASGI call need not wait for the application
    eventually(lambda: kept, "the application is called")
    if isinstance(kept[0], BaseException):
        raise kept[0]
    return kept[0]

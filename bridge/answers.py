"""What ``AsgiToWsgi`` returns to the server when it is no plain list."""

from __future__ import annotations

from typing import Protocol, Self


class _Body(Protocol):
    def next_chunk(self) -> bytes: ...
    def finish(self) -> None: ...
    def abandon(self) -> None: ...


class Chunks:
    """A body that is still being made: the iterable of PEP 3333, with its ``close()``.

    No generator: code of a generator does not run before the first ``next()``, and its ``close()`` may not be called
    while it runs.
    """

    __slots__ = ("_body", "_is_closed")

    def __init__(self, body: _Body) -> None:
        self._body = body
        self._is_closed = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if self._is_closed:
            raise StopIteration
        return self._body.next_chunk()

    def close(self) -> None:
        """End the answer, complete or not (PEP 3333, "Specification Details")."""
        if not self._is_closed:
            self._is_closed = True
            self._body.finish()

    def __del__(self) -> None:
        # A server that forgets close() must not leave an application behind that sends to nobody.
        if not self._is_closed:
            self._body.abandon()


class FailedAnswer(list[bytes]):
    """A complete body whose application failed just after it: the error comes when the body was sent."""

    def __init__(self, parts: list[bytes], error: BaseException) -> None:
        super().__init__(parts)
        self._error: BaseException | None = error

    def close(self) -> None:
        """Raise the application's error, once."""
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # with the traceback it would be a cycle

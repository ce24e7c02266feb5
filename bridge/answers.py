"""What ``AsgiToWsgi`` returns to the server when it is no plain list."""

from __future__ import annotations

import io
from typing import Protocol, Self


class _Body(Protocol):
    def next_chunk(self) -> bytes: ...
    def finish(self) -> None: ...
    def forsake(self) -> None: ...


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
        # A server that forgets close() must not leave an application behind that sends to nobody. (One that a signal
        # handler interrupted before it had its attributes is no answer: its request was left already.)
        if not getattr(self, "_is_closed", True):
            self._body.forsake()


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


class WholeAnswer(list[bytes]):
    """A complete body whose application is not done with it: its ``close()`` is the end of both."""

    def __init__(self, parts: list[bytes], body: _Body) -> None:
        super().__init__(parts)
        self._body: _Body | None = body

    def close(self) -> None:
        """Wait for the application's end, and raise its error; once."""
        body, self._body = self._body, None
        if body is not None:
            body.finish()

    def __del__(self) -> None:
        body = getattr(self, "_body", None)
        if body is not None:
            body.forsake()


class FileOfAnswer(io.BufferedReader):
    """A file that is the body, and whose application is not done with it, as with a ``WholeAnswer``."""

    def __init__(self, path: str, body: _Body) -> None:
        super().__init__(io.FileIO(path))
        self._body: _Body | None = body

    def close(self) -> None:
        """Close the file; wait for the application's end, and raise its error; once."""
        body, self._body = self._body, None
        super().close()
        if body is not None:
            body.finish()

    def __del__(self) -> None:
        # In whatever thread that is: not the one to wait in.
        body, self._body = getattr(self, "_body", None), None
        if body is not None:
            body.forsake()
        super().__del__()

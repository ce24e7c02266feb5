"""The WSGI application of a soak, which looks at everything that it is given."""

from __future__ import annotations

import json
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import async_to_sync

from tests.soak.context import FROM_APPLICATION, FROM_SERVER, token_of
from tests.soak.footprint import footprint
from tests.soak.ledger import Ledger
from tests.soak.plans import body_of, piece_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

KINDS: Final = (
    *("whole", "whole", "stream", "stream", "echo", "echo", "write", "file", "crossing"),
    *("error", "late-error", "exit", "endless"),
)


class Application:
    """Does what the path says: `/kind/pieces/token`."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger = ledger
        self.folder = folder

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Serve one request."""
        _, kind, pieces, token = environ["PATH_INFO"].split("/")
        if kind == "ledger":
            return self.told(start_response)
        ledger = self.ledger
        ledger.begin(token)
        try:
            self.look_at(environ, token)
            return self.answer(kind, int(pieces), token, environ, start_response)
        finally:
            ledger.end(token)

    def look_at(self, environ: dict[str, Any], token: str) -> None:
        """Find out whether all of it belongs to one request."""
        ledger = self.ledger
        ledger.expect(token, "the header", environ["HTTP_X_TOKEN"], token)
        ledger.expect(token, "the server's variable", FROM_SERVER.get(""), token)
        ledger.expect(token, "an application's variable", FROM_APPLICATION.get(), None)
        ledger.expect(token, "the scope", token_of(environ["asgi.scope"]["path"]), token)
        FROM_APPLICATION.set(token)

    def answer(self, kind: str, pieces: int, token: str, environ: dict[str, Any], start_response: Any) -> Any:
        """Do what the kind wants."""
        if kind == "error":
            raise LookupError(token)
        if kind == "exit":
            raise SystemExit(token)
        body = b""
        if kind == "echo":
            body = environ["wsgi.input"].read()
            expected = body_of(token, int(environ["HTTP_X_SIZE"]))
            self.ledger.expect(token, "the body", body, expected)
        if kind == "crossing":
            self.ledger.expect(token, "the variable on the loop", async_to_sync(variable)(), token)
        write = start_response("200 OK", [("Content-Type", "text/plain"), ("X-Token", token)])
        if kind == "whole":
            return [piece_of(token, index) for index in range(pieces)]
        if kind == "write":
            for index in range(pieces):
                write(piece_of(token, index))
            return []
        if kind == "file":
            return environ["wsgi.file_wrapper"](self.file(pieces, token))
        return Pieces(self.ledger, token, self.pieces(kind, pieces, token, body))

    def pieces(self, kind: str, pieces: int, token: str, body: bytes) -> Iterator[bytes]:
        """Yield what the kind wants."""
        while kind == "endless":
            yield piece_of(token, 0)
        if kind == "echo":
            yield body[:1000]
            yield body[1000:]
            return
        for index in range(pieces):
            yield piece_of(token, index)
        if kind == "late-error":
            raise LookupError(token)

    def file(self, pieces: int, token: str) -> Any:
        """Return a file of its own; its closing is counted."""
        file = tempfile.TemporaryFile(buffering=0, dir=self.folder)  # noqa: SIM115 - the server closes it
        file.write(b"".join(piece_of(token, index) for index in range(pieces)))
        file.seek(0)
        self.ledger.open(token)
        close = file.close

        def close_and_count() -> None:
            close()
            self.ledger.close(token)

        file.close = close_and_count  # type: ignore[method-assign]
        return file

    def told(self, start_response: Any) -> list[bytes]:
        """Tell what the ledger has; for a test in another process."""
        found = {"faults": self.ledger.faults(), "settled": self.ledger.is_settled(), **footprint().told()}
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(found).encode()]


async def variable() -> str:
    """What a coroutine on the loop sees of the server's variable."""
    return FROM_SERVER.get("")


class Pieces:
    """An iterable that knows whose it is."""

    def __init__(self, ledger: Ledger, token: str, source: Iterator[bytes]) -> None:
        self._ledger, self._token, self._source = ledger, token, source
        self._thread = threading.get_ident()
        ledger.open(token)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        return next(self._source)

    def close(self) -> None:
        """Count, and look at where that happens."""
        ledger, token = self._ledger, self._token
        ledger.close(token)
        ledger.expect(token, "the thread of close()", threading.get_ident(), self._thread)
        ledger.expect(token, "the variable in close()", FROM_SERVER.get(""), token)
        ledger.expect(token, "the application's variable in close()", FROM_APPLICATION.get(), token)

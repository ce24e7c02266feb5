"""Plays the script of a WSGI application, and keeps what it sees."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from tests.harness import LIMIT, eventually
from tests.roundtrip.failures import FAILURES
from tests.roundtrip.sight import Seen
from tests.roundtrip.wsgi_scripts import Fail, Read, Start, Step, Write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Self

    from tests.roundtrip.client import Client
    from tests.roundtrip.wsgi_scripts import Op, WsgiScript


class WsgiPlayer:
    """One call of the application."""

    def __init__(self, script: WsgiScript, client: Client) -> None:
        self.script = script
        self.seen = Seen()
        self._client = client
        self._environ: dict[str, Any] = {}
        self._start_response: Any = None
        self._write: Any = None
        self._unsaid = b""
        self._given = 0
        self._declared: int | None = None
        self._has_no_body = False
        self._input_is_over = False

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Be the WSGI application."""
        seen = self.seen
        seen.calls += 1
        seen.given = dict(environ)
        self._environ, self._start_response = environ, start_response
        script = self.script
        self._do(script.call)
        if script.form == "generator":
            return self._generator()
        if script.form == "iterable":
            return Chunks(self)
        chunks = [self.step(step) for step in script.steps]
        self._do(script.last)
        seen.returned_whole = True
        return chunks if script.form == "list" else tuple(chunks)

    def _generator(self) -> Iterator[bytes]:
        self.seen.opened += 1
        try:
            for step in self.script.steps:
                yield self.step(step)
            self.end()
        finally:
            self.seen.closes += 1

    def step(self, step: Step) -> bytes:
        """Make a chunk."""
        self._do(step.ops)
        chunk = self._content(step.chunk)
        self.seen.note("chunk", chunk)
        self._given += len(chunk)
        return chunk

    def end(self) -> None:
        """Do what comes after the last chunk."""
        self._do(self.script.last)
        self.seen.note("end")

    def close(self) -> None:
        """Count, and fail where the script says so."""
        self.seen.closes += 1
        self.seen.note("close")
        for op in self.script.close:
            self._fail(op)

    def _content(self, chunk: bytes | None) -> bytes:
        if chunk is not None:
            return bytes(chunk)
        chunk, self._unsaid = self._unsaid, b""
        return chunk

    def _do(self, ops: tuple[Op, ...]) -> None:
        self._keep_step()
        for op in ops:
            if isinstance(op, Start):
                self._start(op)
            elif isinstance(op, Write):
                self._write_chunk(self._content(op.chunk))
            elif isinstance(op, Read):
                self._read(op)
            else:
                self._fail(op)

    def _keep_step(self) -> None:
        """Wait until the client has what was given."""
        if not self.script.in_step or self._has_no_body or self.script.form in ("list", "tuple"):
            return
        self._client.wait(self._given if self._declared is None else min(self._given, self._declared))
        is_gone = self._environ.get("bridge.disconnected")
        if self.script.waits_to_hear and is_gone is not None and self._client.has_left and self._given:
            eventually(is_gone, "the application hears that its client left", LIMIT)
            self.seen.heard = True

    def _start(self, op: Start) -> None:
        self.seen.note("start", op.status, op.again)
        if not op.again:
            self._write = self._start_response(op.status, list(op.headers))
        else:
            error = RuntimeError("replaces the answer")
            self.seen.raised.append(error)
            try:
                raise error
            except RuntimeError:
                self._write = self._start_response(op.status, list(op.headers), sys.exc_info())
        self.seen.note("started")
        lengths = [value for name, value in op.headers if name.lower() == "content-length"]
        self._declared = int(lengths[0]) if lengths else None
        self._has_no_body = self._environ["REQUEST_METHOD"] == "HEAD" or op.status[:3] in ("204", "304")

    def _write_chunk(self, chunk: bytes) -> None:
        self.seen.note("write", chunk)
        try:
            self._write(chunk)
        except OSError:
            self.seen.heard = True
            raise
        self.seen.note("written")
        self._given += len(chunk)
        self._keep_step()

    def _read(self, op: Read) -> None:
        # specs/www.rst, "Disconnect": once the response is whole, an ASGI server has nothing else to say; so what comes
        # after the last declared byte cannot read.
        is_whole = self._given and self._declared is not None and self._given >= self._declared
        if self._input_is_over or is_whole:
            return
        stream = self._environ["wsgi.input"]
        try:
            if op.method == "next":
                content = next(iter(stream), b"")
            else:
                content = getattr(stream, op.method)(*([] if op.size is None else [op.size]))
        except OSError:
            self.seen.heard = self._input_is_over = True
            self.seen.note("read failed")
            if not self.script.shrugs:
                raise
            return
        self.seen.note("read", op.method, op.size, content)
        self._unsaid += b"".join(content) if isinstance(content, list) else content

    def _fail(self, op: Fail) -> None:
        error = FAILURES[op.error](f"as the script has it, {len(self.seen.raised)}")
        self.seen.raised.append(error)
        self.seen.note("fail", op.error)
        raise error


class Chunks:
    """An iterable that is no generator."""

    def __init__(self, player: WsgiPlayer) -> None:
        player.seen.opened += 1
        self._player = player
        self._steps = iter(player.script.steps)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        step = next(self._steps, None)
        if step is None:
            self._player.end()
            raise StopIteration
        return self._player.step(step)

    def close(self) -> None:
        """Be closed."""
        self._player.close()

"""What a signal handler raises in the server's thread, at any line of the bridge: a request's time is up, say."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bridge
from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import body_of
from tests.harness import eventually
from tests.harness.native import chunk, start
from tests.harness.wsgi_call import Call, serve

if TYPE_CHECKING:
    from types import FrameType

BRIDGE = str(Path(bridge.__file__).parent)

Place = tuple[str, int]


class Interruption(KeyboardInterrupt):
    """What the handler raises."""


class Interrupted:
    """A WSGI application around another whose thread is interrupted just before it comes to a line of the bridge.

    `lines` is where it has come by.
    """

    def __init__(self, app: Any, place: Place | None) -> None:
        self.app = app
        self.place = place
        self.lines: dict[Place, None] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        sys.settrace(self.trace)  # until the thread ends, which serves this one request
        return self.app(environ, start_response)

    def trace(self, frame: FrameType, event: str, _argument: Any) -> Any:
        """Look at each line; called by the interpreter."""
        if not frame.f_code.co_filename.startswith(BRIDGE):
            return None
        if event == "line":
            line = (frame.f_code.co_filename, frame.f_lineno)
            self.lines[line] = None
            if line == self.place:
                sys.settrace(None)
                raise Interruption
        return self.trace


class Streaming:
    """An ASGI application that reads, and answers faster than it is read; it counts its ends."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun += 1
        try:
            await body_of(receive)
            await send(start(200, (b"content-type", b"text/plain")))
            for _ in range(3):
                await send(chunk(b"x" * 1000))
            await send(chunk(b"end", more=False))
        finally:
            self.ended += 1


def test_at_every_line() -> None:
    """A6, B1: the exception reaches the server, the application ends, and the adapter serves the next request."""
    app = Streaming()
    adapter = adapt(app, disconnect_grace=0.01, write_buffer=1500, prefetch_size=0)

    def interrupted(place: Place | None) -> tuple[Call, dict[Place, None]]:
        spy = Interrupted(adapter, place)
        with Call(spy, "POST", body=[b"a", b"b"], valid=False) as call:
            return call, spy.lines

    def is_over() -> bool:
        return app.begun == app.ended and adapter.stats().in_flight == 0

    whole, lines = interrupted(None)
    assert whole.answer.body == b"x" * 3000 + b"end"
    assert len(lines) > 150
    for place in lines:
        call, _ = interrupted(place)
        # Not every request comes by every line: whether a thread sleeps depends on which of the two is faster.
        if call.answer.error is None:
            assert call.answer.body == whole.answer.body
        else:
            assert isinstance(call.answer.error, Interruption), place
            assert not call.answer.complete or "close raised" in call.answer.steps
        eventually(is_over, f"the application ends after an interruption at {place}", 2)
        assert serve(adapter, "POST", limit=2).body == whole.answer.body, place

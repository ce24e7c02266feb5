"""A5: send() waits when the client is slow; bounded bytes in memory."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import END, STARTED
from tests.harness import eventually
from tests.harness.native import chunk
from tests.harness.settling import LONG_ENOUGH
from tests.harness.wsgi_call import Call


class Counting:
    """An application that sends chunks for ever and counts them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.sent = 0
        self.over = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await send(STARTED)
            while True:
                await send(chunk(b"x" * self.size))
                self.sent += self.size
        finally:
            self.over = True


@pytest.mark.parametrize(("size", "buffer"), [(1, 100), (1000, 65_536), (10_000, 1000), (100_000, 65_536), (1, 1)])
def test_bounded(size: int, buffer: int) -> None:
    """A5: beyond what the client took and the chunk in hand no more than write_buffer is held."""
    app = Counting(size)
    with Call(adapt(app, write_buffer=buffer), hold_after=1) as call:
        call.held.wait()
        settled = settled_count(app)
        assert settled - len(call.answer.body) <= buffer + size
        call.leave()
    eventually(lambda: app.over, "the application ends")


def settled_count(app: Counting) -> int:
    """Return how much was sent once that no longer grows."""
    before, deadline = -1, time.monotonic() + 10
    while before != app.sent and time.monotonic() < deadline:
        before = app.sent
        time.sleep(LONG_ENOUGH / 2)
    return app.sent


def test_goes_on_when_there_is_room() -> None:
    """A5: a send() that waited goes on as soon as the client reads on, again and again."""
    chunks = [b"%05d" % number * 1000 for number in range(200)]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        for piece in chunks:
            await send(chunk(piece))
        await send(END)

    with Call(adapt(app, write_buffer=5000), hold_after=1) as call:
        call.held.wait()
        call.resume.open()
    assert (call.answer.body, call.answer.complete) == (b"".join(chunks), True)


def test_one_large_chunk() -> None:
    """A5: a chunk that is larger than the buffer passes."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        await send(chunk(b"a" * 1_000_000))
        await send(chunk(b"b" * 1_000_000))
        await send(END)

    with Call(adapt(app, write_buffer=10)) as call:
        pass
    assert call.answer.body == b"a" * 1_000_000 + b"b" * 1_000_000


def test_several_senders() -> None:
    """A5: several tasks of the application that wait in send() all go on."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        await asyncio.gather(*(send(chunk(b"%d" % number * 1000)) for number in range(10)))
        await send(END)

    with Call(adapt(app, write_buffer=10), hold_after=1) as call:
        call.held.wait()
        call.resume.open()
    assert sorted(call.answer.body) == sorted(b"0123456789" * 1000)


def test_other_requests_go_on() -> None:
    """A5: a slow client holds up nobody else."""
    slow = Counting(10_000)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/slow":
            await slow(scope, receive, send)
        await send(STARTED)
        await send(chunk(b"quick", more=False))

    adapter = adapt(app)
    with Call(adapter, path="/slow", hold_after=1) as call:
        call.held.wait()
        with Call(adapter) as quick:
            pass
        assert quick.answer.body == b"quick"
        call.leave()
    eventually(lambda: slow.over, "the application ends")

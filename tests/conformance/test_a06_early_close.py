"""A6: the server closes the iterable early."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from bridge import ClientDisconnected
from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import END, STARTED, body_of, endless
from tests.harness import Gate, eventually
from tests.harness.native import chunk
from tests.harness.settling import LONG_ENOUGH
from tests.harness.wsgi_call import Call, serve


class Waiting:
    """An application that sends a chunk and waits for ever; it remembers what became of it."""

    def __init__(self) -> None:
        self.cancelled, self.ended = Gate("cancelled"), Gate("finally has run")
        self.waiting = Gate("waiting")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await body_of(receive)
            await send(STARTED)
            await send(chunk(b"a"))
            self.waiting.open()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.open()
            raise
        finally:
            self.ended.open()


@pytest.mark.parametrize("grace", [0, 0.05])
def test_cancelled_after_the_grace(grace: float) -> None:
    """A6: an application that does not listen is cancelled after disconnect_grace, and its finally blocks run."""
    app = Waiting()
    serve(adapt(app, disconnect_grace=grace), take=1)
    app.ended.wait()
    assert app.cancelled.is_open


def test_grace_counts_from_the_close() -> None:
    """A6: http.disconnect comes first, the cancellation so many seconds later."""
    times: dict[str, float] = {}
    ended = Gate("ended")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await body_of(receive)
        await send(STARTED)
        await send(chunk(b"a"))
        try:
            await receive()
            times["told"] = time.monotonic()
            await asyncio.Event().wait()
        finally:
            times["cancelled"] = time.monotonic()
            ended.open()

    serve(adapt(app, disconnect_grace=0.3), take=1)
    ended.wait()
    assert 0.2 < times["cancelled"] - times["told"] < 2


def test_never_cancelled() -> None:
    """A6: None: an application is told, and never cancelled; it ends when it likes."""
    ended: list[str] = []
    over = Gate("over")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await body_of(receive)
        await send(STARTED)
        await send(chunk(b"a"))
        assert (await receive())["type"] == "http.disconnect"
        try:
            await asyncio.sleep(LONG_ENOUGH)
            ended.append("by itself")
        except asyncio.CancelledError:
            ended.append("cancelled")
        over.open()

    serve(adapt(app, disconnect_grace=None), take=1)
    over.wait()
    assert ended == ["by itself"]


def test_close_does_not_wait() -> None:
    """A6: close() does not wait for the grace, nor for what the application does in it."""
    app = Waiting()
    adapter = adapt(app, disconnect_grace=3, shutdown_grace=0.1)
    begin = time.monotonic()
    serve(adapter, take=1)
    assert time.monotonic() - begin < 1
    assert not app.ended.is_open


@pytest.mark.parametrize("grace", [5, None])
def test_send_raises(grace: float | None) -> None:
    """A6: send() raises an OSError, so an application that only sends ends without being cancelled."""
    raised: list[BaseException] = []
    over = Gate("over")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await endless(scope, receive, send)
        except BaseException as error:
            raised.append(error)
            over.open()
            raise

    serve(adapt(app, disconnect_grace=grace), take=1)
    over.wait()
    assert [type(error) for error in raised] == [ClientDisconnected]
    assert isinstance(raised[0], OSError)


def test_waiting_send_raises() -> None:
    """A6: a send() that waits for a slow client raises too, at once; and so does every later one."""
    raised: list[BaseException] = []
    waiting, over = Gate("waiting"), Gate("over")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        await send(chunk(b"a"))
        waiting.open()
        for _ in range(3):
            try:
                while True:
                    await send(chunk(b"x" * 1000))
            except OSError as error:
                raised.append(error)
        over.open()

    with Call(adapt(app, disconnect_grace=None, write_buffer=100), hold_after=1) as call:
        waiting.wait()
        call.held.wait()
        call.leave()
        over.wait()
    assert [type(error) for error in raised] == [ClientDisconnected] * 3


@pytest.mark.parametrize("message", [END, chunk(b"last", more=False)])
def test_last_message_after_the_close(message: Any) -> None:
    """A6: the final message is not accepted any more either."""
    raised: list[BaseException] = []
    over = Gate("over")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await body_of(receive)
        await send(STARTED)
        await send(chunk(b"a"))
        await receive()
        try:
            await send(message)
        except OSError as error:
            raised.append(error)
        over.open()

    adapter = adapt(app, disconnect_grace=None)
    serve(adapter, take=1)
    over.wait()
    assert len(raised) == 1
    eventually(lambda: adapter.stats().disconnected == 1, "it is counted")


def test_final_message_accepted() -> None:
    """A6: an application whose final message was accepted is neither told nor cancelled, whatever the server takes."""
    ended: list[str] = []
    sent, go_on, over = Gate("sent"), Gate("go on"), Gate("over")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        await send(chunk(b"x" * 1000))
        await send(chunk(b"y" * 1000))
        await send(END)
        sent.open()
        try:
            await go_on.passed()
            ended.append("by itself")
        except asyncio.CancelledError:
            ended.append("cancelled")
        over.open()

    for take in (0, 1):
        with Call(adapt(app, disconnect_grace=0), take=take):
            sent.wait()
        time.sleep(LONG_ENOUGH / 4)
        go_on.open()
        over.wait()
    assert set(ended) == {"by itself"}


def test_closed_without_a_chunk() -> None:
    """A6: a server that closes the iterable without asking for a chunk."""
    app = Waiting()
    got = serve(adapt(app, disconnect_grace=0.01), take=0)
    assert (got.code, got.chunks) == (200, [])
    app.ended.wait()


def test_iterable_forgotten() -> None:
    """B1: a server that lets go of the iterable without close() leaves no application behind."""
    app = Waiting()
    adapter = adapt(app, disconnect_grace=0.01)
    environ = Call(adapter, valid=False).environ
    iterable: Any = adapter(environ, lambda *_: lambda _: None)
    assert next(iter(iterable)) == b"a"
    del iterable
    app.ended.wait()


def test_nothing_remains() -> None:
    """A6, B3: it is counted once, as disconnected, and then nothing is in flight."""
    app = Waiting()
    adapter = adapt(app, disconnect_grace=0.01)
    serve(adapter, take=1)
    eventually(lambda: adapter.stats().in_flight == 0, "nothing is in flight")
    found = adapter.stats()
    assert (found.completed, found.failed, found.disconnected, found.stuck, found.background) == (0, 0, 1, 0, 0)


def test_hundred_clients_that_leave() -> None:
    """A6: a hundred clients that open endless streams and leave cost nothing for longer than one chunk."""
    adapter = adapt(endless)
    for _ in range(100):
        serve(adapter, take=1)
    eventually(lambda: adapter.stats().in_flight == 0, "nothing is in flight")
    assert adapter.stats().disconnected == 100

"""A2: a cancelled receive() loses nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import answer, body_of, turns
from tests.harness import Gate
from tests.harness.wsgi_call import Call

SIZE = 100_000
"""Too large to be read before the application asks."""


async def cancel(task: asyncio.Task[Any]) -> None:
    """Cancel a task and see it end so."""
    task.cancel()
    await asyncio.wait([task], timeout=10)
    assert task.cancelled()


@pytest.mark.parametrize("terminated", [True, False])
def test_while_the_read_waits(terminated: bool) -> None:
    """A2: the message goes to the next receive()."""
    gate = Gate("the client goes on")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        waiting = asyncio.ensure_future(receive())
        await call.input.reading.passed()
        await cancel(waiting)
        gate.open()
        await answer(send, await body_of(receive))

    call = Call(adapt(app), "POST", body=[gate, b"a" * SIZE], terminated=terminated, read1=True)
    with call:
        pass
    assert call.answer.body == b"a" * SIZE


def test_before_it_began() -> None:
    """A2: nor does one that is cancelled before it began to wait."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(5):
            waiting = asyncio.ensure_future(receive())
            waiting.cancel()
            await asyncio.wait([waiting], timeout=10)
        await answer(send, await body_of(receive))

    call = Call(adapt(app), "POST", body=b"a" * SIZE)
    with call:
        pass
    assert call.answer.body == b"a" * SIZE


@pytest.mark.parametrize("pause", [0, 1, 2, 3, 5])
def test_again_and_again(pause: int) -> None:
    """A2: whenever receive() is cancelled, also when its message has just come: every byte comes once, in order."""
    pieces = [b"%07d" % number * 1000 for number in range(100)]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            waiting = asyncio.ensure_future(receive())
            await turns(pause)
            waiting.cancel()
            await asyncio.wait([waiting], timeout=10)
            message = await receive() if waiting.cancelled() else waiting.result()
            body += message["body"]
            more = message.get("more_body", False)
        await answer(send, b"same" if body == b"".join(pieces) else b"different")

    call = Call(adapt(app), "POST", body=pieces, read1=True)
    with call:
        pass
    assert call.answer.body == b"same"


def test_with_a_timeout() -> None:
    """A2: a receive() with a time limit leaves the WSGI thread to its read, and the body whole."""
    gate = Gate("the client goes on")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), 0.02)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), 0.02)
        gate.open()
        await answer(send, await body_of(receive))

    call = Call(adapt(app), "POST", body=[gate, b"a" * SIZE], read1=True)
    with call:
        pass
    assert call.answer.body == b"a" * SIZE


def test_answer_without_the_body() -> None:
    """A2: an application that cancels its receive() and answers is served, once the read that has begun is over."""
    gate = Gate("the client goes on")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        waiting = asyncio.ensure_future(receive())
        await call.input.reading.passed()
        await cancel(waiting)
        gate.open()
        await answer(send, b"not read")

    call = Call(adapt(app), "POST", body=[gate, b"a" * SIZE], read1=True)
    with call:
        pass
    assert call.answer.body == b"not read"


def test_two_receives_at_once() -> None:
    """B1: two receive() at once share the messages; none hangs, nothing is lost."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body, more = 0, True
        while more:
            for message in await asyncio.gather(receive(), receive()):
                if message["type"] == "http.request":
                    body += len(message["body"])
                    more = more and message.get("more_body", False)
            if body >= SIZE:
                break
        await answer(send, b"%d" % body)

    # One message each time would leave the second receive() waiting for the end of the response: an even number
    call = Call(adapt(app), "POST", body=[b"a" * (SIZE // 10)] * 10, read1=True)
    with call:
        pass
    assert call.answer.body == b"%d" % SIZE

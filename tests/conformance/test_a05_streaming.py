"""A5: what is sent goes out at once, also beside the reading of the body."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import END, STARTED, body_of, turns
from tests.harness import Gate
from tests.harness.native import chunk
from tests.harness.wsgi_call import Call


def test_first_chunk_before_the_application_goes_on() -> None:
    """A5: each chunk reaches the server while the application waits for something else."""
    gates = [Gate(f"chunk {number} has come") for number in range(3)]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        for number, gate in enumerate(gates):
            await send(chunk(b"%d" % number))
            await gate.passed()
        await send(END)

    with Call(adapt(app)) as call:
        for number, gate in enumerate(gates):
            call.until(lambda number=number: len(call.answer.body) == number + 1)  # type: ignore[misc]
            assert not call.finished.is_open
            gate.open()
    assert (call.answer.body, call.answer.complete) == (b"012", True)


@pytest.mark.parametrize("terminated", [True, False])
def test_chunk_before_a_blocking_read(terminated: bool) -> None:
    """A5: a chunk goes out before any blocking read of the body begins."""
    gate = Gate("the client has the chunk")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        await send(chunk(b"first,"))
        await send(chunk(await body_of(receive), more=False))

    body: list[Any] = [gate, b"x" * 100_000]
    with Call(adapt(app), "POST", body=body, terminated=terminated) as call:
        call.until(lambda: call.answer.body == b"first,")
        gate.open()
    assert call.answer.body == b"first," + b"x" * 100_000


def test_chunk_and_receive_at_once() -> None:
    """A5: also where another task of the application asks for the body in the same moment."""
    gate = Gate("the client has the chunk")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def answer() -> None:
            await send(STARTED)
            await send(chunk(b"first,"))

        _, body = await asyncio.gather(answer(), body_of(receive))
        await send(chunk(body, more=False))

    for _ in range(20):
        gate = Gate("the client has the chunk")
        with Call(adapt(app), "POST", body=[gate, b"x" * 100_000], read1=True) as call:
            if not call.input.reading.is_open:
                call.until(lambda call=call: call.answer.body == b"first," or call.input.reading.is_open)  # type: ignore[misc]
            gate.open()
        assert call.answer.body == b"first," + b"x" * 100_000


@pytest.mark.parametrize("terminated", [True, False])
@pytest.mark.parametrize("read1", [True, False])
def test_dialogue(terminated: bool, read1: bool) -> None:
    """A5: a read takes what is there: a client that waits for each answer before it goes on gets it.

    Where the server's input has no read1, a piece that is a line counts as there.
    """
    pieces = [b"%d" % number * 20_000 + b"\n" for number in range(6)]
    gates = [Gate(f"answer {number} has come") for number in range(6)]
    script: list[Any] = []
    for piece, gate in zip(pieces, gates, strict=True):
        script += [piece, gate]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        await send(chunk(b"go on,"))
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            await send(chunk(message["body"], more=more))

    with Call(adapt(app), "POST", body=script[:-1], terminated=terminated, read1=read1) as call:
        for number, gate in enumerate(gates):
            expected = 6 + 20_001 * (number + 1)
            call.until(lambda expected=expected: len(call.answer.body) == expected)  # type: ignore[misc]
            gate.open()
    assert (call.answer.body, call.answer.complete) == (b"go on," + b"".join(pieces), True)


def test_send_waits_for_one_piece_at_most() -> None:
    """A5: a chunk that is sent while a read waits goes out after that one piece, before the next is read."""
    first, second = Gate("the first piece"), Gate("the second piece")
    sent = Gate("sent")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        reading = asyncio.ensure_future(body_of(receive))
        await call.input.reading.passed()
        sending = asyncio.ensure_future(send(chunk(b"early,")))
        await turns()
        sent.open()
        await sending
        await send(chunk(await reading, more=False))

    body: list[Any] = [first, b"a" * 50_000, second, b"b" * 50_000]
    call = Call(adapt(app), "POST", body=body, read1=True)
    with call:
        sent.wait()
        first.open()
        call.until(lambda: call.answer.body == b"early,")
        second.open()
    assert call.answer.body == b"early," + b"a" * 50_000 + b"b" * 50_000


def test_receiving_and_sending_at_their_own_pace() -> None:
    """A5: an upload and a download side by side, of different lengths, in tasks of their own."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        received = 0

        async def read() -> None:
            nonlocal received
            received = len(await body_of(receive))

        async def write() -> None:
            for _ in range(300):
                await send(chunk(b"y" * 1000))

        await send(STARTED)
        await asyncio.gather(read(), write())
        await send(chunk(b"%d" % received, more=False))

    with Call(adapt(app), "POST", body=[b"x" * 1000] * 500, read1=True) as call:
        pass
    assert call.answer.body == b"y" * 300_000 + b"500000"

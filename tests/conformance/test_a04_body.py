"""A4: the body as the server gets it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conformance.asgi_adapting import adapt, get
from tests.conformance.asgi_applications import END, PLAIN, STARTED, answering, body_of
from tests.harness.native import chunk, sending, start
from tests.harness.wsgi_call import serve


@pytest.mark.parametrize("body", [b"", b"x", b"x" * 1_000_000])
def test_complete_at_once(body: bytes) -> None:
    """A4: a response that is complete at once is a sequence of one, so that the server can set its length."""
    got = get(answering(body))
    assert isinstance(got.iterable, (list, tuple))
    assert list(got.iterable) == [body]


def test_complete_after_the_body_was_read() -> None:
    """A4: so is one whose application has read its body and waited before."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = await body_of(receive)
        await asyncio.sleep(0.01)
        await send(STARTED)
        await send(chunk(body, more=False))

    got = get(app, "POST", body=b"abc")
    assert isinstance(got.iterable, (list, tuple))
    assert list(got.iterable) == [b"abc"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [200, 204, 304])
@pytest.mark.parametrize("more", [True, False])
def test_no_body_where_there_is_none(method: str, status: int, more: bool) -> None:
    """A4: HEAD, 204 and 304 carry no body even if the application sends one (Starlette does)."""
    headers = [PLAIN] if status == 200 else []
    messages = [chunk(b"body"), chunk(b"more"), END] if more else [chunk(b"body", more=False)]
    got = get(sending(start(status, *headers), *messages), method)
    expected = b"" if method == "HEAD" or status != 200 else b"bodymore" if more else b"body"
    assert (got.code, got.body, got.complete, got.error) == (status, expected, True, None)


def test_head_of_a_stream_ends() -> None:
    """A4: HEAD of an application that streams for ever ends."""
    ended: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        try:
            while True:
                await send(chunk(b"x"))
                await asyncio.sleep(0)
        finally:
            ended.append("ended")

    adapter = adapt(app, disconnect_grace=0.05)
    got = serve(adapter, "HEAD")
    assert (got.code, got.body) == (200, b"")
    adapter.close()
    assert ended == ["ended"]


def test_order_of_many_chunks() -> None:
    """A4: every chunk, in order, of whatever size."""
    chunks = [b"%d," % number * (number % 50) for number in range(1000)]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        for number, piece in enumerate(chunks):
            await send(chunk(piece))
            if number % 3 == 0:
                await asyncio.sleep(0)
        await send(END)

    got = get(app, options={"write_buffer": 100})
    assert (got.body, got.complete) == (b"".join(chunks), True)


def test_empty_chunks() -> None:
    """A4: empty chunks, also before the first that is not and at the end, change nothing."""
    got = get(sending(STARTED, chunk(b""), chunk(b""), chunk(b"a"), chunk(b""), chunk(b"b"), chunk(b""), END))
    assert (got.body, got.complete) == (b"ab", True)


def test_keys_may_be_missing() -> None:
    """ASGI: body and more_body have defaults."""
    assert get(sending(STARTED, {"type": "http.response.body"})).body == b""
    assert get(sending(STARTED, {"type": "http.response.body", "body": b"x"})).complete


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_bytes_like(kind: Any) -> None:
    """B1: a body that an application changes after send() is the one that it sent."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        buffer = bytearray(b"first")
        await send(STARTED)
        await send(chunk(kind(buffer)))
        buffer[:] = b"other"
        await send(chunk(kind(buffer), more=False))

    assert get(app).body == b"firstother"


def test_declared_length() -> None:
    """A4: a body of the declared length, in pieces."""
    got = get(sending(start(200, PLAIN, (b"content-length", b"4")), chunk(b"ab"), chunk(b"cd"), END))
    assert (got.body, got.complete) == (b"abcd", True)


def test_the_iterable() -> None:
    """A4: a streamed answer is an object with __iter__, __next__ and close(), no generator; close() may come twice."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        await send(chunk(b"x"))
        await asyncio.Event().wait()

    adapter = adapt(app, disconnect_grace=0.05)
    got = serve(adapter, take=1)
    iterable = got.iterable
    assert iter(iterable) is iterable
    assert not hasattr(iterable, "send")
    iterable.close()
    with pytest.raises(StopIteration):
        next(iterable)

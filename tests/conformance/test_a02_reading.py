"""A2: when and how far the body is read. That it is read in the request's own thread only, the harness checks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.asgi_adapting import adapt, calling
from tests.conformance.asgi_applications import STARTED, answer, answering, body_of, in_app, turns
from tests.harness import Gate
from tests.harness.native import chunk
from tests.harness.wsgi_call import Call, serve


async def whole(scope: Any, receive: Any, send: Any) -> bytes:
    """Return the body."""
    return await body_of(receive)


SIZES = [0, 1, 100, 65_535, 65_536, 65_537, 200_000]


@pytest.mark.parametrize("read1", [True, False])
@pytest.mark.parametrize("terminated", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_declared_body(size: int, terminated: bool, read1: bool) -> None:
    """A2: a declared body of any size comes whole, and no read asks for more than was declared."""
    body = bytes(range(256)) * (size // 256 + 1)
    assert in_app(whole, "POST", body=body[:size], terminated=terminated, read1=read1) == body[:size]


@pytest.mark.parametrize("read1", [True, False])
def test_body_in_pieces(read1: bool) -> None:
    """A2: the same where it comes in pieces."""
    pieces = [b"%d," % number * (number % 7) for number in range(500)]
    for terminated in (True, False):
        assert in_app(whole, "POST", body=pieces, terminated=terminated, read1=read1) == b"".join(pieces)


@pytest.mark.parametrize("read1", [True, False])
@pytest.mark.parametrize("body", [b"", b"x", b"x" * 200_000])
def test_terminated_input_is_read_to_its_end(body: bytes, read1: bool) -> None:
    """A2: with wsgi.input_terminated the body is read to its end, without CONTENT_LENGTH too (chunked)."""
    assert in_app(whole, "POST", body=body, declared=False, terminated=True, read1=read1) == body


@pytest.mark.parametrize("length", [None, "", "0"])
def test_nothing_declared(length: str | None) -> None:
    """A2: without wsgi.input_terminated nothing is read where nothing is declared."""
    environ = {} if length is None else {"CONTENT_LENGTH": length}
    call = calling(_echo, "POST", body=b"never read", declared=False, environ=environ)
    with call:
        pass
    assert (call.answer.body, call.input.calls) == (b"", [])


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    await answer(send, await body_of(receive))


@pytest.mark.parametrize("terminated", [True, False])
def test_no_input_and_nothing_declared(terminated: bool) -> None:
    """A2, B1: a server without wsgi.input, which PEP 3333 does not allow, has no body to give."""
    call = calling(_echo, "POST", declared=False, terminated=terminated, environ={"wsgi.input": None}, valid=False)
    with call:
        pass
    assert (call.answer.code, call.answer.body) == (200, b"")


class _Upper:
    """An input that stands between, as an inspector of bodies does."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def read(self, size: int) -> bytes:
        return bytes(self._source.read(size)).upper()


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("afterwards", ["restored", "removed", "cleared"])
def test_the_input_is_the_one_of_the_call(afterwards: str, declared: bool) -> None:
    """A2: middleware that puts an input of its own into the environ for the call is not bypassed by a late read."""

    async def answers_first(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        await send(chunk(b"first, "))
        await send(chunk(await body_of(receive), more=False))

    adapter = adapt(answers_first)

    def middleware(environ: Any, start_response: Any) -> Any:
        source = environ["wsgi.input"]
        environ["wsgi.input"] = _Upper(source)
        try:
            return adapter(environ, start_response)
        finally:
            if afterwards == "restored":
                environ["wsgi.input"] = source
            elif afterwards == "removed":
                del environ["wsgi.input"]
            else:
                environ.clear()

    size = 200_000  # more than is read before the application begins
    got = serve(middleware, "POST", body=b"x" * size, terminated=True, declared=declared, valid=False)
    assert got.body == b"first, " + b"X" * size


@pytest.mark.parametrize("length", ["x", "-1", "1e3", "9" * 5000, "\xb2"])
def test_unparsable_length(length: str) -> None:
    """B1: a CONTENT_LENGTH that is none ends in an answer or an error at once."""
    call = calling(_echo, "POST", body=b"", declared=False, environ={"CONTENT_LENGTH": length}, valid=False)
    with call:
        pass
    assert call.answer.error is not None or call.answer.code in (200, 400, 413, 500)


@pytest.mark.parametrize("read1", [True, False])
def test_end_before_the_declared_length(read1: bool) -> None:
    """A2: an end before CONTENT_LENGTH is http.disconnect, never a short body that looks whole."""

    async def step(scope: Any, receive: Any, send: Any) -> list[Any]:
        messages = [await receive()]
        while messages[-1]["type"] == "http.request":
            assert messages[-1].get("more_body", False)
            messages.append(await receive())
        return messages

    for terminated in (True, False):
        request: dict[str, Any] = {"body": b"short", "declared": 10, "terminated": terminated, "read1": read1}
        messages = in_app(step, "POST", **request)
        assert messages[-1] == {"type": "http.disconnect"}
        assert b"".join(message["body"] for message in messages[:-1]) in (b"", b"short")


@pytest.mark.parametrize("size", [10, 100_000])
def test_expect_and_no_receive(size: int) -> None:
    """A2: with Expect: 100-continue nothing is read unless the application asks: a read would send 100 Continue."""
    for terminated in (True, False):
        headers = [("Expect", "100-Continue")]
        call = calling(answering(b"no"), "POST", body=b"x" * size, headers=headers, terminated=terminated)
        with call:
            pass
        assert (call.answer.body, call.input.calls) == (b"no", [])


def test_expect_and_receive() -> None:
    """A2: with Expect the body is read when the application asks for it."""
    asked = Gate("asked")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await turns()
        assert call.input.calls == []
        asked.open()
        await answer(send, await body_of(receive))

    call = Call(adapt(app), "POST", body=[asked, b"x" * 10], headers=[("Expect", "100-continue")])
    with call:
        pass
    assert call.answer.body == b"x" * 10


@pytest.mark.parametrize(
    "request_",
    [
        {"body": b"x" * 500_000},
        {"body": b"x" * 500_000, "terminated": True},
        {"body": b"x" * 500_000, "terminated": True, "declared": False},
        {"body": b"x", "terminated": True, "declared": False},
    ],
)
def test_only_when_asked(request_: dict[str, Any]) -> None:
    """A2: a body that is large, or of unknown length, is not read before the application asks for it."""
    call = calling(answering(b"no"), "POST", **request_)
    with call:
        pass
    assert (call.answer.body, call.input.calls) == (b"no", [])


def test_read_as_the_application_goes() -> None:
    """A2: a large body is read piece by piece, as the application asks, and not ahead of it by more than one piece."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        received = 0
        while True:
            message = await receive()
            received += len(message["body"])
            await turns()
            assert call.input.given - received <= 65_536
            if not message.get("more_body", False):
                break
        await answer(send, b"%d" % received)

    call = Call(adapt(app), "POST", body=b"x" * 1_000_000)
    with call:
        pass
    assert call.answer.body == b"1000000"


def test_small_body_may_come_at_once() -> None:
    """A2: a small declared body is one message."""

    async def step(scope: Any, receive: Any, send: Any) -> Any:
        return await receive()

    for body in (b"", b"x", b"x" * 1000):
        message = in_app(step, "POST", body=body)
        assert message["type"] == "http.request"
        assert (message.get("body", b""), message.get("more_body", False)) == (body, False)


@pytest.mark.parametrize("size", [1, 100_000])
@pytest.mark.parametrize("begun", [True, False])
def test_failing_read_is_a_disconnect(begun: bool, size: int) -> None:
    """A2: an OSError of wsgi.input is http.disconnect for the application."""

    async def step(scope: Any, receive: Any, send: Any) -> Any:
        while (message := await receive())["type"] == "http.request":
            assert message["more_body"]
        return message

    script = [b"x" * size, ConnectionResetError("gone")] if begun else [ConnectionResetError("gone")]
    assert in_app(step, "POST", body=script, declared=2 * size) == {"type": "http.disconnect"}


@pytest.mark.parametrize("size", [1, 100_000])
def test_broken_input(size: int) -> None:
    """A2: another error of wsgi.input is one for the application too, and reaches the server if nothing was sent."""
    error = ValueError("broken input")
    heard: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "http.request":
            pass
        heard.append(message)

    got = serve(adapt(app), "POST", body=[error], declared=size)
    assert got.error is error
    assert got.steps[-1] == "call raised"
    # A body that is read at once may fail before the application is called
    assert heard in ([], [{"type": "http.disconnect"}])

"""A11: uses that cannot work are refused at once."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from bridge import AdapterClosed, AsgiToWsgi, UsageError
from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import answer, answering, in_app
from tests.harness import Gate, eventually
from tests.harness.wsgi_call import Call, serve


@pytest.mark.parametrize("what", ["call", "close", "start"])
def test_in_the_loops_own_thread(what: str) -> None:
    """A11: calling from the loop's own thread raises at once and says what to do."""
    adapters: list[AsgiToWsgi] = []
    raised: list[BaseException] = []
    environ = Call(None).environ

    async def app(scope: Any, receive: Any, send: Any) -> None:
        adapter = adapters[0]
        try:
            {
                "call": lambda: adapter(environ, lambda *_: lambda _: None),
                "close": adapter.close,
                "start": adapter.start,
            }[what]()
        except Exception as error:
            raised.append(error)
        await answer(send)

    adapters.append(adapt(app))
    begin = time.monotonic()
    assert serve(adapters[0]).body == b"ok"
    assert time.monotonic() - begin < 5
    if what == "start" and not raised:
        return  # what has started need not be started
    assert [type(error) for error in raised] == [UsageError]
    assert "thread" in str(raised[0])
    assert serve(adapters[0]).body == b"ok"


def test_another_adapter_in_the_loops_own_thread() -> None:
    """A11: another adapter on the same loop cannot be called there either, used before or not."""
    for used in (True, False):
        other = adapt(answering(b"other"))
        if used:
            serve(other)

        async def step(scope: Any, receive: Any, send: Any, other: Any = other) -> BaseException | None:
            try:
                other(Call(None).environ, lambda *_: lambda _: None)
            except UsageError as error:
                return error
            return None

        assert isinstance(in_app(step), UsageError)
        assert serve(other).body == b"other"


def test_with_to_thread() -> None:
    """A11: what the message recommends works: another thread."""
    other = adapt(answering(b"other"))

    async def step(scope: Any, receive: Any, send: Any) -> bytes:
        return (await asyncio.to_thread(serve, other)).body

    assert in_app(step) == b"other"


def test_call_after_close() -> None:
    """A11: a call after close() is a clear error, used before or not; close() is idempotent."""
    for used in (True, False):
        adapter = adapt(answering())
        if used:
            serve(adapter)
        for _ in range(3):
            adapter.close()
        got = serve(adapter)
        assert isinstance(got.error, AdapterClosed)
        assert "closed" in str(got.error)
        with pytest.raises(AdapterClosed):
            adapter.start()


def test_close_without_a_start() -> None:
    """A11: close() of what was never used takes no time."""
    begin = time.monotonic()
    adapt(answering()).close()
    assert time.monotonic() - begin < 1


def test_close_under_a_request() -> None:
    """A11: a request that is under way when the adapter closes is answered; the next one is refused."""
    running, go_on = Gate("running"), Gate("go on")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        running.open()
        await go_on.passed()
        await answer(send)

    adapter = adapt(app)
    with Call(adapter) as call:
        running.wait()
        closing = threading.Thread(target=adapter.close)
        closing.start()
        # Until close() has begun, a request would wait for the gate too
        eventually(lambda: adapter._closed, "close() has begun")
        assert isinstance(serve(adapter).error, AdapterClosed)
        go_on.open()
    closing.join(10)
    assert call.answer.body == b"ok"


@pytest.mark.parametrize(
    "options",
    [
        {"lifespan": "maybe"},
        {"lifespan": None},
        {"startup_timeout": -1},
        {"startup_retry": -1},
        {"disconnect_grace": -1},
        {"shutdown_grace": -1},
        {"prefetch_size": -1},
        {"write_buffer": 0},
        {"shutdown_grace": float("nan")},
    ],
    ids=str,
)
def test_options(options: dict[str, Any]) -> None:
    """B2: an option that has no meaning is refused by name, where it is given."""
    with pytest.raises(UsageError, match=next(iter(options))):
        AsgiToWsgi(answering(), **options)


@pytest.mark.parametrize("app", [None, "module:app", 1])
def test_no_application(app: Any) -> None:
    """B2: so is what is no application."""
    with pytest.raises(UsageError, match="app"):
        AsgiToWsgi(app)

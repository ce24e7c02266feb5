"""The harness behaves like a server, and sees an application that misbehaves around its messages."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from tests.harness import BACKENDS, DISCONNECT, Exchange, Gate, Violation, fetch, http_scope, request, run, together
from tests.harness.native import chunk, echo, sending, start

END = chunk(more=False)


@pytest.mark.parametrize("backend", BACKENDS)
def test_echo(backend: str) -> None:
    """A correct application is served on every loop, whatever the pieces of the body."""
    for body in (b"", b"abc", [b"a", b"", b"bc"], [b"abc", b""]):
        response = fetch(echo, "POST", body=body, backend=backend)
        assert response.complete
        assert response.body == (body if isinstance(body, bytes) else b"abc")


@pytest.mark.parametrize("server", [{"awaitable": True}, {"suspending": True}])
def test_kinds_of_server(server: dict[str, Any]) -> None:
    """`receive()` may return what is no coroutine, and may suspend."""
    assert fetch(echo, "POST", body=[b"a", b"b"], server=server).body == b"ab"


def test_awaitable_is_no_coroutine() -> None:
    """With `awaitable` a task cannot be made of what `receive()` returns."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        with pytest.raises(TypeError):
            asyncio.get_running_loop().create_task(receive())
        await asyncio.ensure_future(receive())
        await send(start())
        await send(END)

    assert fetch(app, server={"awaitable": True}).complete


@pytest.mark.parametrize("backend", BACKENDS)
def test_together(backend: str) -> None:
    """Several exchanges run at once, and all are over at the end of the block."""

    async def main() -> None:
        gate = Gate()
        exchanges = [Exchange(echo, body=[gate, b"%d" % number]) for number in range(3)]
        async with together(exchanges):
            assert not any(exchange.response.complete for exchange in exchanges)
            gate.open()
        assert [exchange.response.body for exchange in exchanges] == [b"0", b"1", b"2"]

    run(main, backend=backend)


def test_gate_in_the_body() -> None:
    """A body is held back at a gate until the test opens it."""

    async def main() -> None:
        gate = Gate()
        async with Exchange(echo, body=[b"a", gate, b"b"]) as exchange:
            await exchange.until(lambda: exchange.received == 1)
            assert exchange.response.status is None
            gate.open()
        assert exchange.response.body == b"ab"

    run(main)


@pytest.mark.parametrize("backend", BACKENDS)
def test_client_vanishes(backend: str) -> None:
    """A pending `receive()` hears that the client vanished; `send()` is silent or raises, as chosen."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        await send(start())

    async def main(gone: OSError | None) -> Exchange:
        async with Exchange(app, gone=gone) as exchange:
            await exchange.until(lambda: exchange.received == 1)
            exchange.disconnect()
        return exchange

    silent = run(lambda: main(None), backend=backend)
    assert (silent.response.error, silent.response.messages, len(silent.ignored)) == (None, [], 1)
    loud = run(lambda: main(ConnectionResetError()), backend=backend)
    assert isinstance(loud.response.error, ConnectionResetError)


def test_scripted_disconnect() -> None:
    """`DISCONNECT` in the script of a body is heard in its place."""
    response = fetch(echo, "POST", body=[b"a", DISCONNECT])
    assert (response.messages, response.error) == ([], None)


def test_end_of_the_response_ends_receive() -> None:
    """As real servers do, `receive()` says http.disconnect once the response is complete."""
    seen: list[str] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        async def watch() -> None:
            seen.append((await receive())["type"])

        await watch()
        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            await send(start())
            await anyio.lowlevel.checkpoint()
            assert seen == ["http.request"]
            await send(END)

    fetch(app)
    assert seen == ["http.request", "http.disconnect"]


def test_slow_client() -> None:
    """A client that stops reading blocks `send()` until it reads on or vanishes."""

    async def main(end: str) -> Exchange:
        async with Exchange(sending(start(), chunk(b"a"), chunk(b"b"), END), stall_after=1) as exchange:
            await exchange.stalled.passed()
            assert exchange.response.body == b"a"
            getattr(exchange, end).open()
        return exchange

    assert run(lambda: main("resume")).response.body == b"ab"
    assert run(lambda: main("client_gone")).response.body == b"a"


def test_failing_send() -> None:
    """`send()` raises OSError for the chosen message."""
    response = fetch(sending(start(), chunk(b"a"), END), server={"fail_at": 1})
    assert isinstance(response.error, OSError)
    assert response.types == ["start"]


def test_two_receives_at_once() -> None:
    """Two outstanding `receive()` are a violation."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        first = asyncio.ensure_future(receive())
        second = asyncio.ensure_future(receive())
        await asyncio.wait([second])
        first.cancel()
        await asyncio.wait([first])
        assert isinstance(second.exception(), Violation)
        await send(start())
        await send(END)

    with pytest.raises(Violation, match=r"receive\(\) while the last one is outstanding"):
        fetch(app)


def test_two_sends_at_once() -> None:
    """Two outstanding `send()` are a violation."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        first = asyncio.ensure_future(send(start()))
        await asyncio.sleep(0)
        try:
            await send(chunk())
        finally:
            first.cancel()

    with pytest.raises(Violation, match=r"send\(\) while the last one is outstanding"):
        fetch(app, server={"stall_after": 0})


def test_call_from_another_thread() -> None:
    """`send()` from a thread that is not the loop's is a violation."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        def step() -> None:
            with pytest.raises(Violation):
                send(start()).send(None)

        thread = threading.Thread(target=step)
        thread.start()
        thread.join()

    with pytest.raises(Violation, match="thread"):
        fetch(app)


def test_call_after_the_return() -> None:
    """Whoever calls `receive()` or `send()` after the application returned breaks the specification."""
    kept: list[Any] = []

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        kept.append(receive)

    async def main() -> None:
        exchange = Exchange(app)
        async with exchange:
            await exchange.finished.passed()
        with pytest.raises(Violation, match="after the application returned"):
            await kept[0]()
        assert exchange.violations

    run(main)


def test_a_task_left_behind() -> None:
    """A task that the application leaves is a violation."""
    tasks: list[Any] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        tasks.append(asyncio.ensure_future(receive()))
        await asyncio.sleep(0)
        await send(start())

    with pytest.raises(Violation, match="left behind"):
        fetch(app)
    assert tasks[0].cancelled()


def test_an_error_that_nobody_hears() -> None:
    """An error in a callback of the loop is a violation."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        asyncio.get_running_loop().call_soon(int, "no number")
        await send(start())
        await send(END)

    with pytest.raises(Violation, match="handler"):
        fetch(app)


@pytest.mark.parametrize("backend", BACKENDS)
def test_limit(backend: str) -> None:
    """An application that hangs fails the test and does not hang it."""

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        while True:
            await receive()
            await anyio.sleep(1)

    with pytest.raises(TimeoutError):
        fetch(app, backend=backend, limit=0.05)


@pytest.mark.parametrize("backend", BACKENDS)
def test_cancel(backend: str) -> None:
    """A cancelled application ends, on every loop."""
    ended: list[bool] = []

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        try:
            await receive()
            await receive()
        finally:
            ended.append(True)

    async def main() -> None:
        async with Exchange(app) as exchange:
            await exchange.until(lambda: exchange.received == 1)
            exchange.cancel()
        assert not exchange.response.complete

    run(main, backend=backend)
    assert ended == [True]


@pytest.mark.parametrize("backend", BACKENDS)
def test_cancelled_before_the_first_step(backend: str) -> None:
    """An application that is cancelled before it began has ended too."""

    async def main() -> None:
        async with Exchange(echo, body=[Gate("never")]) as exchange:
            exchange.cancel()
        assert not exchange.response.messages

    run(main, backend=backend)


def test_error_is_kept() -> None:
    """The error of the application is in the response, with its identity."""
    error = LookupError("mine")

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        raise error

    assert fetch(app).error is error


def test_until_fails_early() -> None:
    """Waiting for what an application that returned cannot do any more fails at once."""

    async def main() -> None:
        async with Exchange(sending(start(), END)) as exchange:
            with pytest.raises(AssertionError, match="returned before"):
                await exchange.until(lambda: exchange.response.body)

    run(main)


def test_request_declares_its_body() -> None:
    """`request` declares the length of a plain body and of none other."""
    seen: list[Any] = []

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        seen.append([value for name, value in scope["headers"] if name == b"content-length"])
        await send(start())
        await send(END)

    async def main() -> None:
        await request(app, "POST", body=b"four")
        await request(app, "POST", body=[b"four"])
        await request(app, "POST", body=b"four", headers=[(b"Content-Length", b"9")])
        await request(app)

    run(main)
    assert seen == [[b"4"], [], [], []]


def test_scope_keys() -> None:
    """Every key of the scope can be replaced and left out."""
    scope = http_scope("PUT", "/caf\xe9", client=None, state=..., raw_path=b"/x")
    assert (scope["method"], scope["client"], scope["state"], scope["raw_path"]) == ("PUT", None, ..., b"/x")
    assert http_scope(path="/caf\xe9")["raw_path"] == b"/caf%C3%A9"

"""W18: cancellation of the ASGI task at each of its waits."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
import trio

from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN, Chunks
from tests.harness import DISCONNECT, Exchange, Gate, Interrupted, eventually, http_scope, request, run, until

if TYPE_CHECKING:
    from collections.abc import Iterable

MANY = 60
"""More waits than any of these requests has."""


class Steps:
    """An application that uses everything, in small steps; it remembers what was begun and what was ended."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.begun = 0
        self.answers: list[Chunks] = []
        self.ended = 0
        self.lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        with self.lock:
            self.begun += 1
        try:
            if self.kind in ("read", "everything"):
                environ["wsgi.input"].read(-1)
            write = start_response("200 OK", list(PLAIN))
            if self.kind in ("write", "everything"):
                for _ in range(3):
                    write(b"w" * 1000)
            self.answers.append(Chunks(self.chunks(environ)))
            return self.answers[-1]
        finally:
            with self.lock:
                self.ended += 1

    def chunks(self, environ: dict[str, Any]) -> Iterable[bytes]:
        """Yield a little."""
        for _ in range(0 if self.kind == "read" else 4):
            yield b"c" * 1000


def check(app: Steps, adapter: Any) -> None:
    """Demand that nothing is left: every call has ended, every answer was closed once, every thread is free."""
    eventually(lambda: adapter.stats().busy == 0 and adapter.stats().in_flight == 0, "everything has ended")
    assert app.begun == app.ended
    eventually(lambda: all(chunks.closed for chunks in app.answers), "every answer is closed")
    assert [chunks.closed for chunks in app.answers] == [1] * len(app.answers)


@pytest.mark.parametrize("on_arrival", [False, True], ids=["while waiting", "on arrival"])
@pytest.mark.parametrize("backend", ["asyncio", "uvloop"])
@pytest.mark.parametrize("kind", ["read", "chunks", "write", "everything"])
@pytest.mark.parametrize("mode", ["auto", "stream", "spool"])
def test_at_every_await(kind: str, mode: str, backend: str, on_arrival: bool) -> None:
    """W18: cancelled at any await, the call ends, close() runs once, nothing is left, the next request is served."""
    app = Steps(kind)
    adapter = adapt(app, body=mode, write_buffer=1500, threads=2)

    async def main(at: int) -> int:
        interrupted: list[Interrupted] = []

        async def cancelled(scope: Any, receive: Any, send: Any) -> None:
            interrupted.append(Interrupted(adapter(scope, receive, send), at, on_arrival=on_arrival))
            await interrupted[0]

        scope = http_scope("POST", headers=[(b"content-length", b"2000")])
        async with Exchange(cancelled, scope, body=[b"a" * 1000, b"b" * 1000], suspending=True) as exchange:
            await exchange.finished.passed()
        if interrupted[0].suspensions >= at:
            assert exchange.response.error is None or isinstance(exchange.response.error, asyncio.CancelledError)
        else:
            assert exchange.response.complete
        assert (await request(adapter, "POST", body=b"next")).complete
        return interrupted[0].suspensions

    for at in range(1, MANY):
        if run(lambda at=at: main(at), backend=backend) < at:  # type: ignore[misc]
            break
    else:
        pytest.fail("there is no end of waits")
    assert at > 1
    check(app, adapter)


@pytest.mark.parametrize("blocked", ["receive", "send"])
@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_while_the_server_is_blocked(blocked: str, backend: str) -> None:
    """W18: cancellation while receive() or send() of the server waits for ever."""
    app = Steps("everything")
    adapter = adapt(app, write_buffer=1000)

    async def main() -> None:
        body: Any = [b"a", Gate("never")] if blocked == "receive" else [b"a", b"b"]
        async with Exchange(adapter, http_scope("POST"), body=body, stall_after=1) as exchange:
            if blocked == "receive":
                await exchange.until(lambda: exchange.received == 1)
            else:
                await exchange.stalled.passed()
            exchange.cancel()
        assert not exchange.response.complete

    run(main, backend=backend)
    check(app, adapter)


@pytest.mark.parametrize("kind", ["read", "everything"])
def test_at_every_checkpoint_of_trio(kind: str) -> None:
    """W18, W19: cancelled at any checkpoint on trio, the same holds."""
    app = Steps(kind)
    adapter = adapt(app, body="stream", write_buffer=1500, threads=2)

    async def main(at: int) -> int:
        waits = [0]

        async def cancelled(scope: Any, receive: Any, send: Any) -> None:
            with trio.CancelScope() as cancel_scope:
                await counted(adapter(scope, receive, send), at, waits, cancel_scope)

        async with Exchange(
            cancelled, http_scope("POST"), body=[b"a" * 1000, b"b" * 1000], suspending=True
        ) as exchange:
            await exchange.finished.passed()
        assert exchange.response.error is None
        assert (await request(adapter, "POST", body=b"next")).complete
        return waits[0]

    for at in range(1, MANY):
        if run(lambda at=at: main(at), backend="trio") < at:  # type: ignore[misc]
            break
    else:
        pytest.fail("there is no end of waits")
    assert at > 1
    check(app, adapter)


class counted:  # noqa: N801 - used like a function
    """Awaits a coroutine on trio, and cancels a scope at its suspension number `at`."""

    def __init__(self, coroutine: Any, at: int, waits: list[int], scope: trio.CancelScope) -> None:
        self.coroutine, self.at, self.waits, self.scope = coroutine, at, waits, scope

    def __await__(self) -> Any:
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                trap = self.coroutine.send(value) if error is None else self.coroutine.throw(error)
            except StopIteration:
                return
            self.waits[0] += 1
            if self.waits[0] == self.at:
                self.scope.cancel()
            value, error = None, None
            try:
                value = yield trap
            except BaseException as thrown:
                error = thrown


@pytest.mark.parametrize("how", ["cancel", "disconnect"])
@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_soon_after_a_message(backend: str, how: str) -> None:
    """W18: the end comes some turns after a message of the body, while the reader asks for the next one."""
    app = Steps("everything")
    adapter = adapt(app, body="stream")

    async def main(turns: int) -> None:
        async with Exchange(adapter, http_scope("POST"), body=[b"a", Gate("never")]) as exchange:
            await exchange.until(lambda: exchange.received == 1)
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            getattr(exchange, how)()

    for turns in range(60):
        run(lambda turns=turns: main(turns % 6), backend=backend)  # type: ignore[misc]
    check(app, adapter)


def test_cancelled_twice() -> None:
    """W18: a second cancellation, while the first is being obeyed, leaves nothing behind either."""
    app = Steps("everything")
    adapter = adapt(app, write_buffer=1000)

    async def main() -> None:
        async with Exchange(adapter, http_scope("POST"), body=[b"a", b"b"], stall_after=1) as exchange:
            await exchange.stalled.passed()
            exchange.cancel()
            await asyncio.sleep(0)
            exchange.cancel()

    run(main)
    check(app, adapter)


def test_cancelled_before_it_began() -> None:
    """W18: a task that is cancelled before its first step leaves nothing behind."""
    app = Steps("everything")
    adapter = adapt(app)

    async def main() -> None:
        exchange = Exchange(adapter)
        task = asyncio.ensure_future(exchange.run())
        task.cancel()
        await asyncio.wait([task])
        assert exchange.events in ([], ["returned"])

    run(main)
    assert app.begun == 0
    check(app, adapter)


def test_timeout_around_the_call() -> None:
    """W18: asyncio.timeout around the adapter ends the request, and the timeout is the caller's."""
    app = Steps("everything")
    adapter = adapt(app, write_buffer=1000)
    outcome: list[str] = []

    async def limited(scope: Any, receive: Any, send: Any) -> None:
        try:
            async with asyncio.timeout(0.02):
                await adapter(scope, receive, send)
        except TimeoutError:
            outcome.append("timeout")

    async def main() -> None:
        async with Exchange(limited, http_scope("POST"), body=[b"a", b"b"], stall_after=1) as exchange:
            await exchange.finished.passed()

    run(main)
    assert outcome == ["timeout"]
    check(app, adapter)


def test_cancelled_and_disconnected_at_once() -> None:
    """W18: cancellation and disconnect in the same turn of the loop, in both orders."""
    app = Steps("everything")
    adapter = adapt(app, write_buffer=1000)

    async def main(order: list[str]) -> None:
        async with Exchange(adapter, http_scope("POST"), body=[b"a", b"b"], stall_after=1) as exchange:
            await exchange.stalled.passed()
            for step in order:
                getattr(exchange, step)()

    for order in (["cancel", "disconnect"], ["disconnect", "cancel"]):
        run(lambda order=order: main(order))  # type: ignore[misc]
    check(app, adapter)


@pytest.mark.parametrize("gone", [None, ConnectionResetError("gone")], ids=["silent", "OSError"])
@pytest.mark.parametrize("kind", ["read", "chunks", "write", "everything"])
def test_disconnect_at_every_event(kind: str, gone: OSError | None) -> None:
    """W18: a client that leaves at any event of the exchange leaves nothing behind."""
    app = Steps(kind)
    adapter = adapt(app, write_buffer=1500, threads=2)

    async def main(at: int) -> int:
        scope = http_scope("POST", headers=[(b"content-length", b"2000")])
        exchange = Exchange(adapter, scope, body=[b"a" * 1000, b"b" * 1000], gone=gone, suspending=True)
        async with exchange:
            await until(lambda: len(exchange.events) >= at or exchange.finished.is_open, "the event comes")
            exchange.disconnect()
            await exchange.finished.passed()
        assert exchange.response.error is None or isinstance(exchange.response.error, OSError)
        return len(exchange.events)

    for at in range(MANY):
        if run(lambda at=at: main(at)) < at:  # type: ignore[misc]
            break
    check(app, adapter)


def test_a_message_that_arrives_with_the_end() -> None:
    """W18: a message that arrives in the turn in which the request ends is not waited for, and not lost for nobody."""
    app = Steps("chunks")
    adapter = adapt(app)

    async def main() -> None:
        late = Gate("late")
        async with Exchange(adapter, http_scope("POST"), body=[late, b"late", DISCONNECT]) as exchange:
            await exchange.until(lambda: exchange.response.complete)
            late.open()
        assert exchange.response.complete

    run(main)
    check(app, adapter)

"""W18: a client that leaves."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import anyio
import pytest

from bridge.errors import ClientDisconnected
from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN, Chunks, endless
from tests.harness import (
    BACKENDS,
    DISCONNECT,
    Exchange,
    Gate,
    Lifespan,
    eventually,
    http_scope,
    request,
    run,
    together,
    until,
)
from tests.harness.settling import settle

GONE = [None, ConnectionResetError("gone")]
BY = ["silent", "OSError"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("gone", GONE, ids=BY)
def test_ends_the_iteration(gone: OSError | None, backend: str) -> None:
    """W18: a client that leaves ends the iteration at the next chunk, and close() runs; send() may say nothing."""
    chunks = Chunks(endless())

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        return chunks

    async def main() -> None:
        adapter = adapt(app)
        async with Exchange(adapter, gone=gone) as exchange:
            await exchange.until(lambda: exchange.response.body)
            exchange.disconnect()
        assert not exchange.response.complete
        assert exchange.response.error is None
        await until(lambda: chunks.closed and adapter.stats().busy == 0, "the worker is free")
        assert chunks.closed == 1

    run(main, backend=backend)


def test_at_the_very_next_chunk() -> None:
    """W18: it is the next chunk that ends the iteration, and no later one."""
    making, go_on = Gate("it makes the second chunk"), Gate("go on")

    def produce() -> Any:
        yield b"first"
        making.open()
        go_on.wait()
        yield from endless()

    chunks = Chunks(produce())

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        return chunks

    async def main() -> None:
        async with Exchange(adapt(app)) as exchange:
            await exchange.until(lambda: exchange.response.body)
            await making.passed()
            exchange.disconnect()
        go_on.open()

    run(main)
    eventually(lambda: chunks.closed, "close() runs")
    assert chunks.taken == 2


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("gone", GONE, ids=BY)
@pytest.mark.parametrize("blocked_in", ["write", "hand-off", "input"])
def test_wakes_a_blocked_producer(blocked_in: str, gone: OSError | None, backend: str) -> None:
    """W18: it wakes a producer that is blocked in the bridge: in write(), in handing on a chunk, in wsgi.input."""
    caught: list[BaseException] = []
    ended, reading = Gate("the application has ended"), Gate("it reads")

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        write = start_response("200 OK", list(PLAIN))
        try:
            if blocked_in == "input":
                write(b"x")
                reading.open()
                environ["wsgi.input"].read(-1)
            while blocked_in == "write":
                write(b"x" * 10_000)
            yield from endless(b"x" * 10_000)
        except GeneratorExit:
            raise
        except BaseException as error:
            caught.append(error)
            raise
        finally:
            ended.open()

    async def main() -> None:
        adapter = adapt(app, write_buffer=20_000, threads=1)
        never = Gate("never")
        exchange = Exchange(
            adapter,
            http_scope("POST"),
            body=[b"part", never],
            gone=gone,
            stall_after=None if blocked_in == "input" else 1,
        )
        async with exchange:
            if blocked_in == "input":
                await reading.passed()
                await exchange.until(lambda: exchange.response.body)
            else:
                await exchange.stalled.passed()
            await settle()
            exchange.disconnect()
        await ended.passed()
        await until(lambda: adapter.stats().busy == 0, "the worker is free")

    run(main, backend=backend)
    expected = [] if blocked_in == "hand-off" else [ClientDisconnected]
    assert [type(error) for error in caught] == expected


@pytest.mark.parametrize("gone", GONE, ids=BY)
def test_the_application_can_ask(gone: OSError | None) -> None:
    """W18: environ["bridge.disconnected"] is a callable that tells, also an application that produces nothing."""
    answers: list[bool] = []
    asked, left, ended = Gate("asked"), Gate("the client has left"), Gate("ended")

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        yield b"first"
        answers.append(environ["bridge.disconnected"]())
        asked.open()
        left.wait()
        eventually(environ["bridge.disconnected"], "the application is told")
        answers.append(environ["bridge.disconnected"]())
        ended.open()

    async def main() -> None:
        async with Exchange(adapt(app), gone=gone) as exchange:
            await asked.passed()
            exchange.disconnect()
            left.open()
        await ended.passed()

    run(main)
    assert answers == [False, True]


def test_asking_before_the_start() -> None:
    """W18: an application that has not begun to answer is told too."""
    running, ended = Gate("running"), Gate("ended")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        running.open()
        eventually(environ["bridge.disconnected"], "the application is told")
        ended.open()
        start_response("200 OK", list(PLAIN))
        return []

    async def main() -> None:
        for body in (b"", b"whole"):
            async with Exchange(adapt(app), http_scope("POST"), body=body) as exchange:
                await running.passed()
                exchange.disconnect()
            await ended.passed()

    run(main)


@pytest.mark.parametrize("server", [{}, {"suspending": True}], ids=["at once", "suspending"])
def test_not_disconnected_at_the_end(server: dict[str, Any]) -> None:
    """W18: a client that has its whole answer is no lost client, although receive() then says http.disconnect."""
    answers: list[bool] = []

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        try:
            yield b"all"
            # Longer than it takes the adapter to begin to listen
            time.sleep(0.15)
            yield b" of it"
        finally:
            answers.append(environ["bridge.disconnected"]())

    async def main() -> None:
        adapter = adapt(app)
        async with together(Exchange(adapter, **server) for _ in range(20)):
            pass
        await until(lambda: adapter.stats().completed == 20, "all are counted as completed")
        assert adapter.stats().disconnected == 0

    run(main)
    assert answers == [False] * 20


class Stuck:
    """An application that blocks in its own code at /stuck."""

    def __init__(self, *, streaming: bool = False) -> None:
        self.streaming = streaming
        self.running = Gate("running")
        self.go_on = Gate("go on")
        self.closed = Gate("closed")

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] != "/stuck":
            start_response("200 OK", list(PLAIN))
            return [b"fine"]
        if not self.streaming:
            self.running.open()
            self.go_on.wait()
        start_response("200 OK", list(PLAIN))
        return self.produce()

    def produce(self) -> Any:
        """Stop in the middle."""
        try:
            yield b"first"
            self.running.open()
            self.go_on.wait()
            yield b"second"
        finally:
            self.closed.open()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("how", ["disconnect", "cancel"])
@pytest.mark.parametrize("streaming", [True, False])
def test_blocked_in_its_own_code(streaming: bool, how: str, backend: str, caplog: pytest.LogCaptureFixture) -> None:
    """W18: a blocked application keeps its thread, is counted as stuck, logged after stuck_after, and delays nobody."""
    app = Stuck(streaming=streaming)

    async def main() -> None:
        adapter = adapt(app, threads=2, stuck_after=0.05)
        async with Exchange(adapter, http_scope(path="/stuck")) as exchange:
            await app.running.passed()
            begin = time.monotonic()
            getattr(exchange, how)()
            await exchange.finished.passed()
            assert time.monotonic() - begin < 2
        await until(lambda: adapter.stats().stuck == 1, "it is counted as stuck")
        assert adapter.stats().busy == 1
        await until(lambda: [r for r in caplog.records if "/stuck" in r.getMessage()], "it is logged")
        assert (await request(adapter)).body == b"fine"
        app.go_on.open()
        await app.closed.passed()
        await until(lambda: (adapter.stats().stuck, adapter.stats().busy) == (0, 0), "the thread is back")

    with caplog.at_level(logging.WARNING, "bridge"):
        run(main, backend=backend)
    records = [record for record in caplog.records if "/stuck" in record.getMessage()]
    assert len(records) == 1
    assert records[0].levelno == logging.WARNING
    assert records[0].name.startswith("bridge")


def test_stuck_does_not_delay_the_stop() -> None:
    """W18, W20: an application that is stuck delays the server's stop by the grace at most."""
    app = Stuck()

    async def main() -> None:
        adapter = adapt(app, shutdown_grace=0.1)
        async with Lifespan(adapter):
            async with Exchange(adapter, http_scope(path="/stuck")) as exchange:
                await app.running.passed()
                exchange.disconnect()
            begin = time.monotonic()
        assert time.monotonic() - begin < 3
        app.go_on.open()

    run(main)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("threads", [4, 40])
def test_a_hundred_vanishing_clients(threads: int, backend: str) -> None:
    """W18: a hundred clients that open endless streams and leave cost no thread for longer than one chunk."""
    answers: list[Chunks] = []

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        if environ["PATH_INFO"] == "/next":
            return [b"next"]
        answers.append(Chunks(endless()))
        return answers[-1]

    async def vanish(exchange: Exchange) -> None:
        await exchange.until(lambda: exchange.response.body)
        exchange.disconnect()
        await exchange.finished.passed()

    async def main() -> None:
        adapter = adapt(app, threads=threads)
        exchanges = [Exchange(adapter) for _ in range(100)]
        async with together(exchanges), anyio.create_task_group() as group:
            for exchange in exchanges:
                group.start_soon(vanish, exchange)
        begin = time.monotonic()
        assert (await request(adapter, path="/next")).body == b"next"
        assert time.monotonic() - begin < 1
        await until(lambda: adapter.stats().busy == 0, "all workers are free", limit=3)
        assert adapter.stats().in_flight == 0
        assert [chunks.closed for chunks in answers] == [1] * 100

    run(main, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("how", ["disconnect", "cancel"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_leaving_while_queued(method: str, how: str, backend: str) -> None:
    """W18: a request whose client left while it was queued never reaches the application; its call returns at once."""
    calls: list[str] = []
    running, go_on = Gate("running"), Gate("go on")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        calls.append(environ["PATH_INFO"])
        running.open()
        go_on.wait()
        start_response("200 OK", list(PLAIN))
        return [b"ok"]

    async def main() -> None:
        adapter = adapt(app, threads=1)
        async with Exchange(adapter, http_scope(path="/first")):
            await running.passed()
            body = b"" if method == "GET" else b"body"
            async with Exchange(adapter, http_scope(method, "/left"), body=body) as left:
                await until(lambda: adapter.stats().queued == 1, "it is queued")
                await settle()
                getattr(left, how)()
                await left.finished.passed()
            assert left.response.messages == []
            assert adapter.stats().queued == 0
            go_on.open()
        assert (await request(adapter, path="/last")).body == b"ok"

    run(main, backend=backend)
    assert calls == ["/first", "/last"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("how", ["disconnect", "cancel", "scripted"])
@pytest.mark.parametrize("mode", ["auto", "spool"])
def test_leaving_while_prefetched(mode: str, how: str, backend: str) -> None:
    """W18: a request whose client left while its body was prefetched never reaches the application."""
    calls: list[bool] = []

    async def main() -> None:
        adapter = adapt(lambda *_: calls.append(True), body=mode)
        scope = http_scope("POST", headers=[(b"content-length", b"10")])
        never = Gate("never")
        body: Any = [b"part", DISCONNECT] if how == "scripted" else [b"part", never]
        async with Exchange(adapter, scope, body=body) as exchange:
            if how != "scripted":
                await exchange.until(lambda: exchange.received == 1)
                getattr(exchange, how)()
            await exchange.finished.passed()
        assert exchange.response.messages == []
        assert adapter.stats().in_flight == 0

    run(main, backend=backend)
    assert calls == []


def test_gone_from_the_first() -> None:
    """W18: a client that was gone before the call reaches no application, or one that hears of it; nothing hangs."""
    chunks = Chunks(endless())

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        return chunks

    async def main() -> None:
        adapter = adapt(app)
        async with Exchange(adapter, body=[DISCONNECT]) as exchange:
            exchange.disconnect()
        await until(lambda: adapter.stats().busy == 0, "no worker is busy")

    run(main)
    assert chunks.closed == (1 if chunks.taken else chunks.closed)
    assert chunks.taken < 1000


@pytest.mark.parametrize(
    ("body", "gone"),
    [
        ([b"x" * 1000], None),
        ([b"x" * 1000, b""], ConnectionResetError("gone")),
        ([b"x" * 1000] * 5, ConnectionResetError("gone")),
    ],
    ids=["one message", "two messages", "five messages"],
)
def test_behind_an_unread_body(body: list[bytes], gone: OSError | None) -> None:
    """W18: a body that nobody reads does not hide a disconnect that receive() or send() tells of."""
    chunks = Chunks(endless())

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        return chunks

    async def main() -> None:
        async with Exchange(adapt(app), http_scope("POST"), body=body, gone=gone) as exchange:
            await exchange.until(lambda: len(exchange.response.body) > 5000)
            exchange.disconnect()

    run(main)
    eventually(lambda: chunks.closed, "close() runs")


def test_failing_send_with_a_silent_receive() -> None:
    """W18: an OSError from send() alone is a disconnect."""
    chunks = Chunks(endless())

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        return chunks

    async def main(fail_at: int) -> None:
        adapter = adapt(app)
        async with Exchange(adapter, fail_at=fail_at) as exchange:
            await exchange.finished.passed()
        await until(lambda: adapter.stats().busy == 0, "the worker is free")
        assert adapter.stats().disconnected == 1
        assert exchange.response.error is None or isinstance(exchange.response.error, OSError)

    for fail_at in (0, 1, 2):
        run(lambda fail_at=fail_at: main(fail_at))  # type: ignore[misc]
    assert chunks.closed == 3


def test_threads_end_after_the_storm() -> None:
    """B1: the threads that served vanishing clients are the adapter's own, and no more of them than allowed."""
    before = threading.active_count()

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        return endless()

    async def main() -> None:
        adapter = adapt(app, threads=3)
        for _ in range(30):
            async with Exchange(adapter) as exchange:
                await exchange.until(lambda exchange=exchange: exchange.response.body)  # type: ignore[misc]
                exchange.disconnect()
            assert threading.active_count() <= before + 3

    run(main)

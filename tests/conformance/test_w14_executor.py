"""W14: an executor of the user's."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from bridge import WsgiToAsgi
from bridge.errors import UsageError
from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN, Chunks, answering, endless
from tests.harness import Exchange, Gate, eventually, http_scope, request, run
from tests.harness.settling import settle

if TYPE_CHECKING:
    from collections.abc import Iterator


class Counting(ThreadPoolExecutor):
    """Counts what is submitted and whether it is shut down."""

    submitted = 0
    shut_down = 0

    def submit(self, fn: Any, /, *arguments: Any, **keywords: Any) -> Any:
        self.submitted += 1
        return super().submit(fn, *arguments, **keywords)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.shut_down += 1
        super().shutdown(wait, cancel_futures=cancel_futures)


@pytest.fixture
def executor() -> Iterator[Counting]:
    """An executor with two threads."""
    with Counting(2, thread_name_prefix="own") as executor:
        yield executor


def test_one_submit_for_a_request(executor: Counting) -> None:
    """W14: with executor= one submit covers the whole request, from call to close(), on one thread."""
    chunks = Chunks([b"a", b"b", b"c"])
    threads: list[str] = []

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        threads.append(threading.current_thread().name)
        chunks.threads.append(threading.get_ident())
        start_response("200 OK", list(PLAIN))
        return chunks

    async def main() -> None:
        async with Exchange(adapt(app, executor=executor), http_scope("POST"), body=[b"x", b"y"]) as exchange:
            await exchange.finished.passed()
        assert exchange.response.body == b"abc"

    run(main)
    assert executor.submitted == 1
    eventually(lambda: chunks.closed, "close() runs")
    assert len(set(chunks.threads)) == 1
    assert threads[0].startswith("own")


def test_never_shut_down_by_us(executor: Counting) -> None:
    """W14: the executor is never shut down by the adapter, and works on after close()."""
    adapter = adapt(answering(b"ok"), executor=executor)

    async def main() -> None:
        assert (await request(adapter)).body == b"ok"

    run(main)
    adapter.close()
    assert executor.shut_down == 0
    assert executor.submit(lambda: 7).result(10) == 7


def test_refused_submit() -> None:
    """W14: a refused submit is 503."""
    executor = Counting(1)
    executor.shutdown()
    called: list[bool] = []

    async def main() -> None:
        adapter = adapt(lambda *_: called.append(True), executor=executor)
        for _ in range(2):
            response = await request(adapter, "POST", body=b"x")
            assert (response.status, response.complete, response.error) == (503, True, None)
            assert int(response.header(b"retry-after")) >= 1

    run(main)
    assert not called


@pytest.mark.parametrize("error", [RuntimeError("full"), MemoryError("full"), OSError("full"), ValueError("full")])
def test_submit_that_raises(error: Exception) -> None:
    """W14: whatever error submit() refuses with, the answer is 503."""

    class Refusing(ThreadPoolExecutor):
        def submit(self, fn: Any, /, *arguments: Any, **keywords: Any) -> Any:
            raise error

    async def main() -> None:
        response = await request(adapt(answering(b"ok"), executor=Refusing(1)))
        assert (response.status, response.complete, response.error) == (503, True, None)

    run(main)


def test_process_pools_are_refused() -> None:
    """W14: process pools are refused, with what to use instead."""
    with ProcessPoolExecutor(1) as executor, pytest.raises(UsageError, match="threads"):
        WsgiToAsgi(answering(b"ok"), executor=executor)


@pytest.mark.parametrize("executor", ["threads", 4, object()])
def test_what_is_no_executor(executor: Any) -> None:
    """W14: what is no executor is refused when the adapter is made."""
    with pytest.raises((UsageError, TypeError)):
        WsgiToAsgi(answering(b"ok"), executor=executor)


def test_cancelled_in_the_queue() -> None:
    """W14: a job that the executor's owner cancels while it waits is answered, not left waiting."""
    blocked, go_on = Gate("blocked"), Gate("go on")
    called: list[bool] = []
    executor = Counting(1)

    def block() -> None:
        blocked.open()
        go_on.wait()

    executor.submit(block)

    async def main() -> None:
        await blocked.passed()
        adapter = adapt(lambda *_: called.append(True), executor=executor)
        async with Exchange(adapter) as exchange:
            await settle()
            executor.shutdown(wait=False, cancel_futures=True)
        assert exchange.response.status in {500, 503}
        assert exchange.response.complete

    try:
        run(main)
    finally:
        go_on.open()
    assert not called


def test_executor_that_runs_at_once() -> None:
    """W14: an executor that would run the request in the loop's own thread is a clear error, never a deadlock."""

    class AtOnce(Executor):
        def submit(self, fn: Any, /, *arguments: Any, **keywords: Any) -> Any:
            future: Future[Any] = Future()
            try:
                future.set_result(fn(*arguments, **keywords))
            except BaseException as error:
                future.set_exception(error)
            return future

    async def main() -> None:
        response = await request(adapt(answering(b"ok"), executor=AtOnce()))
        assert isinstance(response.error, UsageError) or response.status in {200, 503}

    run(main)


def test_client_leaves_while_queued(executor: Counting) -> None:
    """W18: a request whose client left while it waited for the user's executor never reaches the application."""
    blocked, go_on = threading.Barrier(3, timeout=10), Gate("go on")
    called: list[bool] = []

    def block() -> None:
        blocked.wait()
        go_on.wait()

    for _ in range(2):
        executor.submit(block)
    blocked.wait()

    async def main() -> None:
        adapter = adapt(lambda *_: called.append(True), executor=executor)
        async with Exchange(adapter) as exchange:
            await settle()
            exchange.disconnect()
        go_on.open()
        assert exchange.response.messages == []

    try:
        run(main)
    finally:
        go_on.open()
    executor.shutdown()
    assert not called


def test_streaming_and_leaving(executor: Counting) -> None:
    """W18: a client that leaves frees a thread of the user's executor."""
    chunks = Chunks(endless())

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        return chunks

    async def main() -> None:
        async with Exchange(adapt(app, executor=executor)) as exchange:
            await exchange.until(lambda: exchange.response.body)
            exchange.disconnect()

    run(main)
    eventually(lambda: chunks.closed, "close() runs")
    assert executor.submit(lambda: 7).result(10) == 7


def test_max_queued_with_an_executor(executor: Counting) -> None:
    """W14: max_queued= bounds what waits for the user's executor too, give or take the one that may be starting."""
    blocked, go_on = threading.Barrier(3, timeout=10), Gate("go on")

    def block() -> None:
        blocked.wait()
        go_on.wait()

    for _ in range(2):
        executor.submit(block)
    blocked.wait()

    async def main() -> None:
        adapter = adapt(answering(b"ok"), executor=executor, max_queued=1)
        async with Exchange(adapter) as first, Exchange(adapter) as second:
            await settle()
            refused = await request(adapter)
            assert refused.status == 503
            go_on.open()
        assert first.response.body == b"ok"
        assert second.response.status in {200, 503}

    try:
        run(main)
    finally:
        go_on.open()

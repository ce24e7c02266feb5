"""W14: one request on one thread, in a pool of the adapter's own."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import pytest

from bridge.handoff.workers import WorkerPool
from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN, answering
from tests.harness import Exchange, Gate, eventually, fetch, http_scope, request, run, run_python, together, until
from tests.harness.settling import settle


class Blocking:
    """An application that blocks at /block until `go_on`, and remembers the order of its calls."""

    def __init__(self) -> None:
        self.running = Gate("running")
        self.go_on = Gate("go on")
        self.calls: list[str] = []
        self.threads: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.calls.append(environ["PATH_INFO"])
        self.threads.append(threading.current_thread().name)
        if environ["PATH_INFO"] == "/block":
            self.running.open()
            self.go_on.wait()
        start_response("200 OK", list(PLAIN))
        return [environ["PATH_INFO"].encode()]


def test_one_thread_for_a_request() -> None:
    """W14: call, iteration, write, reading and close() run on one worker thread, which is not the loop's."""
    seen: list[int] = []

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        seen.append(threading.get_ident())
        write = start_response("200 OK", list(PLAIN))
        write(b"x")
        try:
            for _ in range(3):
                seen.append(threading.get_ident())
                yield environ["wsgi.input"].readline()
        finally:
            seen.append(threading.get_ident())

    async def main() -> None:
        adapter = adapt(app)
        bodies = [b"a\n", b"b\n", b"c\n"]
        exchanges = [Exchange(adapter, http_scope("POST"), body=bodies, suspending=True) for _ in range(3)]
        for exchange in exchanges:
            seen.clear()
            async with exchange:
                await exchange.finished.passed()
            assert len(seen) == 5
            assert len(set(seen)) == 1
            assert seen[0] != threading.get_ident()

    run(main)


def test_threads_start_when_needed() -> None:
    """W14: no thread before the first request, one for requests that come one after the other."""

    async def main() -> None:
        adapter = adapt(answering(b"ok"), threads=8)
        assert adapter.stats().threads == 0
        for _ in range(20):
            await request(adapter)
            await until(lambda: adapter.stats().busy == 0, "the worker is free")
        assert adapter.stats().threads <= 2

    run(main)


def test_threads_are_named() -> None:
    """W14: worker threads have names that tell whose they are, each its own."""
    names: list[str] = []
    meeting = threading.Barrier(3, timeout=10)

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        names.append(threading.current_thread().name)
        meeting.wait()
        start_response("200 OK", list(PLAIN))
        return []

    async def main() -> None:
        adapter = adapt(app, threads=3)
        async with Exchange(adapter) as first, Exchange(adapter) as second, Exchange(adapter) as third:
            for exchange in (first, second, third):
                await exchange.finished.passed()

    run(main)
    assert len(set(names)) == 3
    assert all("bridge" in name for name in names)
    assert not any(re.fullmatch(r"Thread-\d+.*", name) for name in names)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_never_more_threads(threads: int) -> None:
    """W14: no more than `threads` requests run at a time, and PEP 3333's single-threaded option is threads=1."""
    lock, running, most = threading.Lock(), [0], [0]

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.005)
        with lock:
            running[0] -= 1
        start_response("200 OK", list(PLAIN))
        return [b"ok"]

    async def main() -> None:
        adapter = adapt(app, threads=threads)
        exchanges = [Exchange(adapter) for _ in range(20)]
        async with together(exchanges):
            pass
        for exchange in exchanges:
            assert exchange.response.body == b"ok"
        assert adapter.stats().threads <= threads

    run(main)
    assert most[0] <= threads


def test_requests_wait_in_order() -> None:
    """W14: with all threads busy, requests wait in order."""
    app = Blocking()

    async def main() -> None:
        adapter = adapt(app, threads=1)
        async with Exchange(adapter, http_scope(path="/block")):
            await app.running.passed()
            async with together(Exchange(adapter, http_scope(path=f"/{number}")) for number in range(5)):
                await settle()
                assert adapter.stats().queued == 5
                assert app.calls == ["/block"]
                app.go_on.open()

    run(main)
    assert app.calls == ["/block", "/0", "/1", "/2", "/3", "/4"]


def test_idle_threads_go_away() -> None:
    """W14: a thread without work ends after a while, and a new one starts when there is work again."""
    pool = WorkerPool(4, name="bridge-idle-test", idle_seconds=0.05)
    done: list[str] = []

    def threads() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("bridge-idle-test")]

    for _ in range(2):
        pool.submit(lambda: done.append(threading.current_thread().name))
        eventually(lambda: done, "the job is done")
        assert done.pop().startswith("bridge-idle-test")
        eventually(lambda: not threads(), "idle threads end")


def test_idle_threads_lose_no_job() -> None:
    """W14: a job that arrives while a thread is going away is done."""
    pool = WorkerPool(2, name="bridge-idle-race", idle_seconds=0.001)
    for _ in range(300):
        done = threading.Event()
        pool.submit(done.set)
        assert done.wait(10)
        time.sleep(0.001)
    pool.retire()
    eventually(lambda: not any(t.name.startswith("bridge-idle-race") for t in threading.enumerate()), "threads end")


def test_max_queued() -> None:
    """W14: beyond max_queued= the answer is 503 with Retry-After, at once, and nothing else changes."""
    app = Blocking()

    async def main() -> None:
        adapter = adapt(app, threads=1, max_queued=1)
        async with Exchange(adapter, http_scope(path="/block")) as blocked:
            await app.running.passed()
            async with Exchange(adapter, http_scope(path="/queued")) as queued:
                await settle()
                refused = await request(adapter, path="/refused")
                assert (refused.status, refused.complete, refused.error) == (503, True, None)
                assert int(refused.header(b"retry-after")) >= 1
                app.go_on.open()
            assert queued.response.body == b"/queued"
        assert blocked.response.body == b"/block"
        assert (await request(adapter, path="/later")).body == b"/later"

    run(main)
    assert app.calls == ["/block", "/queued", "/later"]


def test_max_queued_zero() -> None:
    """W14: with max_queued=0 nothing waits: a request is served at once or refused."""
    app = Blocking()

    async def main() -> None:
        adapter = adapt(app, threads=1, max_queued=0)
        assert (await request(adapter, path="/first")).status == 200
        await until(lambda: adapter.stats().busy == 0, "the worker is free")
        async with Exchange(adapter, http_scope(path="/block")):
            await app.running.passed()
            assert (await request(adapter)).status == 503
            app.go_on.open()

    run(main)


def test_queue_timeout() -> None:
    """W14: beyond queue_timeout= the answer is 503 with Retry-After, and the application never sees the request."""
    app = Blocking()

    async def main() -> None:
        adapter = adapt(app, threads=1, queue_timeout=0.1)
        async with Exchange(adapter, http_scope(path="/block")):
            await app.running.passed()
            begin = time.monotonic()
            refused = await request(adapter, "POST", "/refused", body=b"body")
            assert 0.05 < time.monotonic() - begin < 5
            assert (refused.status, refused.complete, refused.error) == (503, True, None)
            assert int(refused.header(b"retry-after")) >= 1
            assert adapter.stats().queued == 0
            app.go_on.open()
        assert (await request(adapter, path="/later")).status == 200

    run(main)
    assert app.calls == ["/block", "/later"]


def test_queue_timeout_is_for_the_queue() -> None:
    """W14: queue_timeout= does not bound a request that runs."""
    app = Blocking()

    async def main() -> None:
        adapter = adapt(app, threads=1, queue_timeout=0.05)
        async with Exchange(adapter, http_scope(path="/block")) as exchange:
            await app.running.passed()
            # Far more than the timeout passes while another request waits and is refused
            assert (await request(adapter)).status == 503
            app.go_on.open()
        assert exchange.response.status == 200

    run(main)


BUSY_AT_EXIT = """
    import asyncio, sys, threading
    from bridge import WsgiToAsgi

    kind = sys.argv[1]
    running = threading.Event()

    def app(environ, start_response):
        if kind == "idle":
            start_response("200 OK", [])
            return [b""]
        running.set()
        if kind == "call":
            threading.Event().wait()
        start_response("200 OK", [])
        if kind == "input":
            environ["wsgi.input"].read()
        def chunks():
            while True:
                yield b"x" * 1000
        return chunks()

    async def main():
        asgi = WsgiToAsgi(app)
        blocked = asyncio.Event()
        async def receive():
            if kind == "idle":
                return {"type": "http.request"}
            await blocked.wait()
        async def send(message):
            if kind != "idle":
                await blocked.wait()
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/",
                 "query_string": b"", "headers": []}
        task = asyncio.ensure_future(asgi(scope, receive, send))
        if kind == "idle":
            await task
            return
        while not running.is_set():
            await asyncio.sleep(0.001)
        if kind == "stopped":
            # The loop stops without cancelling anything
            asyncio.get_running_loop().stop()
            await asyncio.sleep(0)

    if kind == "stopped":
        loop = asyncio.new_event_loop()
        loop.create_task(main())
        loop.run_forever()
        # Python itself would complain about a pending task that is thrown away
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False
    else:
        asyncio.run(main())
    print("the end of the program")
"""


@pytest.mark.parametrize("kind", ["idle", "call", "input", "output", "stopped"])
def test_never_blocks_the_exit(kind: str) -> None:
    """W14: idle, busy and blocked workers never block the interpreter's exit, and say nothing."""
    begin = time.monotonic()
    child = run_python(BUSY_AT_EXIT, kind)
    assert (child.returncode, child.stdout, child.stderr) == (0, "the end of the program\n", "")
    assert time.monotonic() - begin < 8


def test_workers_start_threads_from_any_context() -> None:
    """W14: an application may start threads and processes' pools of its own in a worker thread."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        found: list[bytes] = []
        thread = threading.Thread(target=lambda: found.append(b"from a thread"))
        thread.start()
        thread.join()
        start_response("200 OK", list(PLAIN))
        return found

    assert fetch(adapt(app)).body == b"from a thread"

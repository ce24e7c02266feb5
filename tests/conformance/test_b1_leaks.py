"""B1: nothing hangs, leaks, or mixes two requests."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import tracemalloc
import weakref
from typing import Any

import pytest

from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN, Chunks, endless
from tests.harness import BACKENDS, DISCONNECT, Exchange, eventually, http_scope, request, run, together


class Canary:
    """Something whose end can be seen."""


def echo(environ: dict[str, Any], start_response: Any) -> Any:
    """Answer with what the request was, in pieces."""
    name = environ["HTTP_X_NAME"].encode()
    start_response("200 OK", [*PLAIN, ("X-Name", environ["HTTP_X_NAME"])])
    yield name
    for line in environ["wsgi.input"]:
        yield line
        yield name


@pytest.mark.parametrize("backend", BACKENDS)
def test_requests_are_never_mixed(backend: str) -> None:
    """B1: hundreds of requests at once, in pieces, on few threads: each gets its own answer."""

    async def main() -> None:
        adapter = adapt(echo, threads=5)
        exchanges = []
        for number in range(200):
            name = b"%04d" % number
            scope = http_scope("POST", headers=[(b"x-name", name)])
            body = [name + b"a\n", name + b"b\n", b""]
            exchanges.append(Exchange(adapter, scope, body=body, suspending=number % 2 == 0))
        async with together(exchanges):
            pass
        for number, exchange in enumerate(exchanges):
            name = b"%04d" % number
            assert exchange.response.body == name + name + b"a\n" + name + name + b"b\n" + name
            assert exchange.response.header(b"x-name") == name

    run(main, backend=backend)


@pytest.mark.parametrize("ending", ["whole", "error", "disconnect", "cancel", "short upload", "HEAD"])
def test_everything_of_a_request_goes(ending: str) -> None:
    """B1: the scope, the environ, the answer and what they hold are free once the request is over."""
    canaries: list[weakref.ref[Any]] = []

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        own = Canary()
        environ["own"] = own
        canaries.append(weakref.ref(own))
        if ending == "short upload":
            environ["wsgi.input"].read(100)
        start_response("200 OK", list(PLAIN))
        answer = Chunks(endless() if ending in ("disconnect", "cancel") else [b"a", b"b"])
        canaries.append(weakref.ref(answer))
        if ending == "error":
            raise LookupError("on purpose")
        return answer

    adapter = adapt(app, valid=False)

    async def main() -> None:
        canary = Canary()
        canaries.append(weakref.ref(canary))
        scope = http_scope("HEAD" if ending == "HEAD" else "POST", canary=canary)
        body: Any = [b"x", DISCONNECT] if ending == "short upload" else b"x"
        async with Exchange(adapter, scope, body=body) as exchange:
            if ending in ("disconnect", "cancel"):
                await exchange.until(lambda: exchange.response.body)
                getattr(exchange, ending)()

    def all_gone() -> bool:
        gc.collect()
        return all(canary() is None for canary in canaries)

    run(main)
    # The worker may be about to let go
    eventually(all_gone, "everything is free")


@pytest.mark.parametrize("ending", ["whole", "error", "error raised again", "disconnect"])
def test_no_circles(ending: str) -> None:
    """B1: a request leaves no circle of references behind that only the collector could take away."""
    canaries: list[weakref.ref[Canary]] = []

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        own = Canary()
        environ["own"] = own
        canaries.append(weakref.ref(own))
        write = start_response("200 OK", list(PLAIN))
        if ending == "error":
            raise LookupError("on purpose")
        if ending == "error raised again":
            write(b"sent")
            try:
                raise LookupError("on purpose")
            except LookupError:
                start_response("500 Oops", list(PLAIN), sys.exc_info())
        return endless() if ending == "disconnect" else iter([b"a", b"b"])

    adapter = adapt(app, valid=False)

    async def main() -> None:
        # Not the harness, which has circles of its own
        events = [{"type": "http.request", "body": b"", "more_body": False}]
        over, sent = asyncio.Event(), asyncio.Event()

        async def receive() -> Any:
            if events:
                return events.pop()
            await over.wait()
            return dict(DISCONNECT)

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                sent.set()
                if not message["more_body"]:
                    over.set()

        task = asyncio.ensure_future(adapter(http_scope(), receive, send))
        if ending == "disconnect":
            await sent.wait()
            over.set()
        try:
            await task
        except LookupError:
            assert ending.startswith("error")
        finally:
            del task  # it holds the error, whose traceback holds this frame

    gc.collect()
    gc.disable()
    try:
        run(main)
        eventually(lambda: canaries[0]() is None, "the environ is free")
    finally:
        gc.enable()


def test_memory_does_not_grow() -> None:
    """B1: hundreds of requests more, good and bad ones, take no more memory."""
    chunks = [b"x" * 1000] * 3

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        environ["wsgi.input"].read(-1)
        start_response("200 OK", list(PLAIN))
        if environ["PATH_INFO"] == "/fail":
            raise LookupError("on purpose")
        return iter(chunks)

    adapter = adapt(app)

    async def some(count: int) -> None:
        for number in range(count):
            headers = [(b"x-%d" % number, b"1"), (b"cookie", b"a=%d" % number)]
            await request(adapter, "POST", f"/{number}", body=b"body", headers=headers)
            await request(adapter, path="/fail")

    async def main() -> int:
        await some(100)
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            await some(200)
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        return after - before

    assert run(main, limit=60) < 100_000


def test_no_descriptor_is_left() -> None:
    """B1: no file is left open by uploads that were spooled to disk, by good ends and by bad ones."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/read":
            environ["wsgi.input"].read(-1)
        if environ["PATH_INFO"] == "/fail":
            raise LookupError("on purpose")
        start_response("200 OK", list(PLAIN))
        return [b"ok"]

    adapter = adapt(app, body="spool", prefetch_size=1000)

    async def main() -> None:
        body = [b"x" * 10_000] * 20
        await request(adapter, "POST", "/read", body=body)
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            await request(adapter, "POST", "/read", body=body)
            await request(adapter, "POST", "/ignore", body=body)
            await request(adapter, "POST", "/fail", body=body)
            await request(adapter, "POST", "/read", body=[*body, DISCONNECT])
        assert len(os.listdir("/proc/self/fd")) <= before + 1

    run(main)


def test_tasks_and_threads() -> None:
    """B1: no task is left after each request, and no thread beyond the pool's."""
    before = threading.active_count()

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        yield environ["wsgi.input"].read(1)
        yield b"x"

    async def main() -> None:
        adapter = adapt(app, threads=2)
        for _ in range(50):
            await request(adapter, "POST", body=[b"a", b"b"])
            for _ in range(20):
                if len(asyncio.all_tasks()) == 1:
                    break
                await asyncio.sleep(0)
            assert len(asyncio.all_tasks()) == 1
        assert threading.active_count() <= before + 2

    run(main)


def test_in_debug_mode() -> None:
    """B1: asyncio's debug mode finds no call from a wrong thread."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        yield environ["wsgi.input"].read(1)
        yield b"x" * 100_000
        yield b"y" * 100_000

    async def main() -> None:
        adapter = adapt(app, write_buffer=1000)
        response = await request(adapter, "POST", body=[b"a", b"b"])
        assert len(response.body) == 200_001

    run(main, debug=True)

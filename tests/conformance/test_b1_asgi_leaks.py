"""B1: nothing of a request on `AsgiToWsgi` is left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import tracemalloc
import weakref
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import END, STARTED, answer, body_of, turns
from tests.harness import eventually
from tests.harness.native import chunk
from tests.harness.wsgi_call import serve
from tests.harness.wsgi_environ import wsgi_environ

ENDINGS = ["whole", "stream", "error", "late error", "last error", "disconnect", "exit", "nothing", "HEAD", "threads"]


class Canary:
    """Something whose end can be seen."""


class Nest:
    """An application that ends as its path says, and puts a canary into its frame, its scope and its context."""

    def __init__(self) -> None:
        self.canaries: list[weakref.ref[Canary]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        ending = scope["path"].strip("/")
        own = Canary()
        scope["own"] = scope["wsgi.environ"]["own"] = own
        self.canaries.append(weakref.ref(own))
        await body_of(receive)
        if ending == "error":
            raise LookupError(ending)
        if ending == "exit":
            raise SystemExit(ending)
        if ending == "threads":
            await sync_to_async(threading.get_ident)()
        if ending in ("whole", "last error", "threads", "HEAD"):
            await answer(send)
        elif ending != "nothing":
            await send(STARTED)
            await send(chunk(b"a"))
            if ending == "disconnect":
                while True:
                    await send(chunk(b"x" * 1000))
            await turns(3)
        if ending in ("late error", "last error"):
            raise LookupError(ending)
        if ending == "stream":
            await send(END)


def ask(adapter: Any, ending: str) -> None:
    """Call as a server does; not by the harness, which keeps what it saw."""
    environ = wsgi_environ("HEAD" if ending == "HEAD" else "GET", f"/{ending}")
    try:
        iterable = adapter(environ, lambda *_: None)
        try:
            for _ in iterable:
                if ending == "disconnect":
                    break
        finally:
            getattr(iterable, "close", lambda: None)()
    except Exception:
        assert "error" in ending or ending in ("exit", "nothing")


@pytest.mark.parametrize("ending", ENDINGS)
def test_everything_of_a_request_goes(ending: str) -> None:
    """B1: the scope, the environ and what the application held are free once it is over, without a collection.

    An answer that is generated, for one, ends its finally blocks only then.
    """
    app = Nest()
    adapter = adapt(app)
    ask(adapter, ending)
    eventually(lambda: adapter.stats().in_flight + adapter.stats().background == 0, "it is over")
    gc.collect()
    app.canaries.clear()

    gc.disable()
    try:
        ask(adapter, ending)
        eventually(lambda: app.canaries[0]() is None, "the canary is free", 2)
    finally:
        gc.enable()


def test_memory_does_not_grow() -> None:
    """B1: hundreds of requests more, good and bad ones, take no more memory."""
    adapter = adapt(Nest())

    def some(count: int) -> None:
        for _ in range(count):
            for ending in ENDINGS:
                ask(adapter, ending)

    def settle() -> int:
        eventually(lambda: adapter.stats().in_flight + adapter.stats().background == 0, "all is over")
        adapter.app.canaries.clear()  # type: ignore[attr-defined]
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    some(10)
    tracemalloc.start()
    try:
        before = settle()
        some(20)
        assert settle() - before < 100_000
    finally:
        tracemalloc.stop()


def test_tasks_threads_and_files() -> None:
    """B1: no task, thread or file is left after requests of all kinds."""
    tasks: list[int] = []
    nest = Nest()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/count":
            await turns()
            tasks.append(len(asyncio.all_tasks()))
            await answer(send)
            return
        await nest(scope, receive, send)

    adapter = adapt(app, disconnect_grace=0.01)
    for _ in range(2):
        for ending in ENDINGS:
            ask(adapter, ending)
        eventually(lambda: adapter.stats().in_flight + adapter.stats().background == 0, "all is over")
        serve(adapter, path="/count")
    threads = threading.active_count()
    files = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        for ending in ENDINGS:
            ask(adapter, ending)
    eventually(lambda: adapter.stats().in_flight + adapter.stats().background == 0, "all is over")
    serve(adapter, path="/count")
    assert tasks[0] == tasks[1] == tasks[2]
    assert threading.active_count() <= threads
    assert len(os.listdir("/proc/self/fd")) <= files


def test_no_thread_for_each_adapter() -> None:
    """B1: adapters that are made, used and forgotten without close() leave no thread each."""
    before = threading.active_count()
    for _ in range(20):
        with adapt(Nest()) as adapter:
            ask(adapter, "whole")
        with adapt(Nest()) as adapter:
            pass
    assert threading.active_count() <= before + 1


def test_in_debug_mode() -> None:
    """B1: asyncio's debug mode finds no call from a wrong thread."""

    def debugging() -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        loop.set_debug(True)
        return loop

    adapter = adapt(Nest(), loop_factory=debugging)
    for ending in ENDINGS:
        ask(adapter, ending)
    got = serve(adapter, "POST", "/stream", body=[b"x" * 100_000] * 3, valid=False)
    assert (got.body, got.error) == (b"a", None)

"""Adapters and executors that are ended while requests run in them and wait for them."""

from __future__ import annotations

import asyncio
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bridge import AdapterClosed
from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN, Chunks
from tests.conformance.asgi_adapting import adapt as adapt_asgi
from tests.conformance.asgi_applications import answer
from tests.harness import Exchange, Gate, Lifespan, eventually, fetch, http_scope, request, run, together, until
from tests.harness.wsgi_call import Call, serve

REQUESTS = 60
THREADS = 4


class Blocking:
    """A WSGI application that waits for the test, then answers in two chunks."""

    def __init__(self) -> None:
        self.go_on = Gate("go on")
        self.answers: list[Chunks] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        iterable = Chunks([environ["PATH_INFO"].encode(), b" served"])
        self.answers.append(iterable)
        self.go_on.wait()
        start_response("200 OK", list(PLAIN))
        return iterable


def exchanges_of(adapter: Any) -> list[Exchange]:
    """Return many requests."""
    return [Exchange(adapter, http_scope(path=f"/{number}")) for number in range(REQUESTS)]


def served(exchanges: list[Exchange]) -> list[Exchange]:
    """Return those that were answered by the application, each of them whole."""
    found = [exchange for exchange in exchanges if exchange.response.status == 200]
    for exchange in found:
        assert exchange.response.body == f"{exchange.scope['path']} served".encode()
        assert exchange.response.complete
    return found


def test_wsgi_to_asgi_closed() -> None:
    """W20: close() under load: each request is answered whole or ends with AdapterClosed, and nothing is left open."""
    app = Blocking()
    adapter = adapt(app, valid=False, threads=THREADS)

    async def main() -> None:
        exchanges = exchanges_of(adapter)
        async with together(exchanges):
            await until(lambda: adapter.stats().queued == REQUESTS - THREADS, "all wait")
            # In a thread, and while the requests go on: both orders are right
            closing = threading.Thread(target=adapter.close)
            closing.start()
            app.go_on.open()
            await asyncio.to_thread(closing.join, 10)
        whole = served(exchanges)
        for exchange in exchanges:
            if exchange not in whole:
                assert isinstance(exchange.response.error, AdapterClosed)
                assert not exchange.response.complete

    run(main)
    eventually(lambda: adapter.stats().busy == 0, "every thread is free")
    assert [iterable.closed for iterable in app.answers] == [1] * len(app.answers)
    assert isinstance(fetch(adapter).error, AdapterClosed)


def test_wsgi_to_asgi_shut_down() -> None:
    """W20: the server's shutdown under load: all requests, waiting ones too, are answered whole within the grace."""
    app = Blocking()
    adapter = adapt(app, valid=False, threads=THREADS)

    async def main() -> None:
        async with Lifespan(adapter) as lifespan:
            exchanges = exchanges_of(adapter)
            async with together(exchanges):
                await until(lambda: adapter.stats().queued == REQUESTS - THREADS, "all wait")
                await lifespan.tell("lifespan.shutdown")
                app.go_on.open()
            assert await lifespan.answered() == "lifespan.shutdown.complete"
        assert len(served(exchanges)) == REQUESTS
        eventually(lambda: adapter.stats().threads == 0, "the threads have ended")
        # A server that goes on after all is served again
        assert (await request(adapter, path="/again")).body == b"/again served"

    run(main)


@pytest.mark.parametrize("cancels", [True, False])
def test_executor_shut_down(cancels: bool) -> None:
    """W14: the user shuts the executor down under load: what runs is answered whole, what it drops is 503.

    What it only takes no more of is run to the end; later requests are 503. Nobody waits for ever.
    """
    app = Blocking()
    executor = ThreadPoolExecutor(THREADS)
    adapter = adapt(app, valid=False, executor=executor)

    async def main() -> None:
        exchanges = exchanges_of(adapter)
        async with together(exchanges):
            await until(lambda: len(app.answers) == THREADS, "all threads are busy")
            executor.shutdown(wait=False, cancel_futures=cancels)
            app.go_on.open()
        assert len(served(exchanges)) == (THREADS if cancels else REQUESTS)
        dropped = [exchange for exchange in exchanges if exchange.response.status != 200]
        assert {exchange.response.status for exchange in dropped} <= {503}
        late = await request(adapter)
        assert (late.status, late.complete) == (503, True)

    run(main)
    assert [iterable.closed for iterable in app.answers] == [1] * len(app.answers)
    executor.shutdown()


@pytest.mark.parametrize("grace", [10.0, 0.1])
def test_asgi_to_wsgi_closed(grace: float) -> None:
    """A10, A11: close() under load: requests end whole within the grace; beyond it they end with AdapterClosed."""
    inside, go_on = itertools.count(1), Gate("go on")
    all_inside = Gate("all are inside")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if next(inside) == THREADS:
            all_inside.open()
        await go_on.passed()
        await answer(send, scope["path"].encode())

    adapter = adapt_asgi(app, shutdown_grace=grace)
    calls = [Call(adapter, path=f"/{number}") for number in range(THREADS)]
    for call in calls:
        call.__enter__()
    all_inside.wait()
    closing = threading.Thread(target=adapter.close)
    closing.start()
    if grace > 1:
        go_on.open()
    for call in calls:
        call.end()
        if grace > 1:
            assert call.answer.complete
            assert call.answer.body == call.environ["PATH_INFO"].encode()
        else:
            assert isinstance(call.answer.error, AdapterClosed)
    closing.join(10)
    assert not closing.is_alive()
    assert isinstance(serve(adapter).error, AdapterClosed)


def test_executor_of_the_loop_shut_down() -> None:
    """B1: an application that shuts the loop's own executor down harms those that use it, and nobody else."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/ends":
            await asyncio.to_thread(int)
            await asyncio.get_running_loop().shutdown_default_executor()
        if scope["path"] == "/uses":
            await asyncio.to_thread(int)
        await answer(send)

    adapter = adapt_asgi(app)
    assert serve(adapter, path="/uses").body == b"ok"
    assert serve(adapter, path="/ends").body == b"ok"
    assert isinstance(serve(adapter, path="/uses").error, RuntimeError)
    assert serve(adapter, path="/").body == b"ok"

"""W16: async code inside a WSGI application runs on the server's own loop."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import flask
import httpx
import pytest
from asgiref.sync import SyncToAsync, async_to_sync, sync_to_async

from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN, Chunks
from tests.harness import Exchange, Gate, fetch, http_scope, request, run, throw_away, together, until
from tests.harness.settling import LONG_ENOUGH

ON_ASYNCIO = ["asyncio", "uvloop"]


def running_in() -> dict[str, int]:
    """Tell the loop and the thread of the calling coroutine."""
    return {"loop": id(asyncio.get_running_loop()), "thread": threading.get_ident()}


def flask_app() -> flask.Flask:
    """Return a Flask application with async views."""
    app = flask.Flask(__name__)

    @app.get("/where")
    async def where() -> Any:
        await asyncio.sleep(0)
        return running_in()

    return app


@pytest.mark.parametrize("backend", ON_ASYNCIO)
def test_flask_view_on_the_servers_loop(backend: str) -> None:
    """W16: a Flask async view runs on the server's loop, in its thread, with no new loop and no new thread."""

    async def main() -> None:
        adapter = adapt(flask_app(), threads=1)
        await request(adapter, path="/missing")  # the worker is there
        before = set(threading.enumerate())
        for _ in range(3):
            response = await request(adapter, path="/where")
            assert json.loads(response.body) == running_in()
        assert set(threading.enumerate()) <= before

    run(main, backend=backend)


@pytest.mark.parametrize("backend", ON_ASYNCIO)
@pytest.mark.parametrize("executor", [False, True])
def test_every_place(backend: str, executor: bool) -> None:
    """W16: async_to_sync works on the server's loop in the call, the iteration and close(), in any executor."""
    found: list[Any] = []

    async def look() -> None:
        found.append(running_in())

    class Answer(list[bytes]):
        def __iter__(self) -> Any:
            for chunk in super().__iter__():
                async_to_sync(look)()
                yield chunk

        def close(self) -> None:
            async_to_sync(look)()

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        async_to_sync(look)()
        environ["wsgi.input"].read(-1)
        async_to_sync(look)()
        start_response("200 OK", list(PLAIN))
        return Answer([b"a", b"b"])

    async def main(options: dict[str, Any]) -> None:
        response = await request(adapt(app, **options), "POST", body=[b"x", b"y"])
        assert response.body == b"ab"
        for _ in range(1000):
            if len(found) == 5:
                break
            await asyncio.sleep(0.005)
        assert found == [running_in()] * 5

    with ThreadPoolExecutor(1) as pool:
        run(lambda: main({"executor": pool} if executor else {}), backend=backend)
        leftovers = pool.submit(lambda: sorted(vars(SyncToAsync.threadlocal))).result(10)
        assert all(
            pool.submit(getattr, SyncToAsync.threadlocal, name, None).result(10) is None for name in leftovers
        ), "the user's thread is marked for ever"


def test_thread_sensitive_code_in_the_worker() -> None:
    """W16: thread-sensitive code that the coroutine calls runs in the very worker that waits for it."""

    async def look() -> tuple[int, int]:
        first = await sync_to_async(threading.get_ident)()
        second, *_ = await asyncio.gather(sync_to_async(threading.get_ident)(), asyncio.sleep(0))
        return first, second

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", list(PLAIN))
        return [b"same" if async_to_sync(look)() == (threading.get_ident(),) * 2 else b"other"]

    assert fetch(adapt(app)).body == b"same"


def test_client_made_at_startup() -> None:
    """W16: an httpx.AsyncClient made at startup is usable in an async view, its kept connection too."""
    connections: list[Any] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nback")
            await writer.drain()

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(quietly, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        app = flask.Flask(__name__)
        async with server, httpx.AsyncClient(trust_env=False) as client:

            @app.get("/")
            async def view() -> str:
                return (await client.get(f"http://127.0.0.1:{port}/")).text

            adapter = adapt(app)
            assert (await client.get(f"http://127.0.0.1:{port}/")).text == "back"
            for _ in range(3):
                assert (await request(adapter)).body == b"back"
        await server.wait_closed()
        assert len(connections) == 1

    run(main)


@pytest.mark.parametrize("backend", ON_ASYNCIO)
@pytest.mark.parametrize("how", ["disconnect", "cancel"])
def test_cancelled_with_the_request(backend: str, how: str) -> None:
    """W16, W18: a client that leaves, or the ASGI task's cancellation, cancels the coroutine; its finally runs."""
    waiting, ended, closed = Gate("waiting"), Gate("ended"), Gate("closed")

    async def view() -> None:
        try:
            waiting.open()
            await asyncio.Event().wait()
        finally:
            ended.open()

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        try:
            yield b"first"
            async_to_sync(view)()
        finally:
            closed.open()

    async def main() -> None:
        adapter = adapt(app, threads=1)
        async with Exchange(adapter) as exchange:
            await waiting.passed()
            getattr(exchange, how)()
            await ended.passed()
        await closed.passed()
        await until(lambda: adapter.stats().busy == 0, "the worker is free")
        assert not exchange.response.complete

    run(main, backend=backend)


def test_not_cancelled_by_the_end_of_the_answer() -> None:
    """W16, W18: http.disconnect, which servers say after the whole answer, cancels nothing that runs in close()."""
    outcome: list[str] = []
    exchanges: list[Exchange] = []

    async def clean_up() -> None:
        try:
            await exchanges[0].answered.passed()
            for _ in range(50):
                await asyncio.sleep(0)
            outcome.append("done")
        except asyncio.CancelledError:
            outcome.append("cancelled")
            raise

    class Answer(Chunks):
        def close(self) -> None:
            async_to_sync(clean_up)()

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        # Longer than it takes the adapter to begin to listen
        time.sleep(LONG_ENOUGH)
        start_response("200 OK", list(PLAIN))
        return Answer([b"all"])

    async def main() -> None:
        exchanges.append(Exchange(adapt(app), suspending=True))
        async with exchanges[0]:
            await until(lambda: outcome, "close() has run")
        assert exchanges[0].response.complete

    run(main)
    assert outcome == ["done"]


def test_a_coroutine_that_resists() -> None:
    """W18: a coroutine that takes long to clean up delays neither the ASGI call's return nor other requests."""
    waiting, clean_up = Gate("waiting"), Gate("clean up")
    cleaned: list[bool] = []

    async def view() -> None:
        try:
            waiting.open()
            await asyncio.Event().wait()
        finally:
            await clean_up.passed()
            cleaned.append(True)

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", list(PLAIN))
        if environ["PATH_INFO"] == "/wait":
            async_to_sync(view)()
        return [b"x"]

    async def main() -> None:
        adapter = adapt(app, threads=2)
        async with Exchange(adapter, http_scope(path="/wait")) as exchange:
            await waiting.passed()
            exchange.disconnect()
            await exchange.finished.passed()
        assert (await request(adapter)).body == b"x"
        clean_up.open()
        for _ in range(1000):
            if cleaned:
                break
            await asyncio.sleep(0.005)
        assert cleaned == [True]

    run(main)


def test_no_new_loop_means_no_deadlock_with_one_thread() -> None:
    """W16: with one worker thread, async views of many requests at once all come to an end."""

    async def main() -> None:
        adapter = adapt(flask_app(), threads=1)
        exchanges = [Exchange(adapter, http_scope(path="/where")) for _ in range(10)]
        async with together(exchanges):
            pass
        for exchange in exchanges:
            assert exchange.response.status == 200

    run(main)


def test_on_trio() -> None:
    """W16: on trio asgiref's own new loop runs the coroutine, and the application does not notice."""
    response = fetch(adapt(flask_app()), path="/where", backend="trio")
    assert response.status == 200
    assert json.loads(response.body)["thread"] != threading.get_ident()


def test_on_trio_after_asyncio() -> None:
    """W16, W19: a worker that served asyncio does not remember its loop when it serves trio."""
    adapter = adapt(flask_app(), threads=1)
    assert fetch(adapter, path="/where").status == 200
    assert fetch(adapter, path="/where", backend="trio").status == 200
    assert fetch(adapter, path="/where").status == 200


def test_the_views_error() -> None:
    """W16, W13: an error in the coroutine reaches the server as it is; a CancelledError of its own does not."""
    error = LookupError("in the coroutine")

    async def fail(what: BaseException) -> None:
        raise what

    def app_raising(what: BaseException) -> Any:
        return lambda environ, start_response: async_to_sync(fail)(what)

    assert fetch(adapt(app_raising(error), valid=False)).error is error
    response = fetch(adapt(app_raising(asyncio.CancelledError("own")), valid=False))
    assert isinstance(response.error, Exception)
    assert not response.complete


def test_loop_closed_under_a_waiting_view() -> None:
    """B5, W16: a loop that stops without cancelling leaves no worker blocked for ever once the adapter closes."""
    waiting, ended = Gate("waiting"), Gate("the application has ended")

    async def view() -> None:
        waiting.open()
        await asyncio.Event().wait()

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            async_to_sync(view)()
        finally:
            ended.open()
        return []

    adapter = adapt(app, valid=False)
    loop = asyncio.new_event_loop()
    task = loop.create_task(Exchange(adapter).run())
    try:
        loop.run_until_complete(waiting.passed())
    finally:
        throw_away(loop)
    adapter.close()
    ended.wait()
    del task

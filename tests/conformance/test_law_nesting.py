"""The law: what passes between two adapters, one inside the other, beside the request and the answer."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import io
import threading
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import sniffio

from bridge import AsgiToWsgi, BridgeError, WsgiToAsgi
from tests.harness import BACKENDS, LIMIT, Exchange, eventually, fetch, http_scope, request, run
from tests.harness.settling import stays
from tests.harness.wsgi_call import Call, serve


def echo_environ(seen: dict[str, Any]) -> Any:
    """A WSGI application that keeps its environ."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.update(environ)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    return app


# Of the adapter's own, and live.
LIVE = {
    "asgi.scope",
    "bridge.disconnected",
    "wsgi.file_wrapper",
    "wsgi.input",
    "wsgi.input_terminated",
    "wsgi.multithread",
}


def test_an_environ_comes_through_word_for_word() -> None:
    """The law: keys of servers and middleware, spellings and what is absent; nothing else is added but what is live."""
    errors = io.StringIO()
    custom = {
        "REMOTE_USER": "ada",
        "AUTH_TYPE": "Basic",
        "SERVER_SOFTWARE": "theirs",
        "wsgi.errors": errors,
        "wsgi.multiprocess": False,
        "wsgi.run_once": True,
        "my.middleware": [1],
        "HTTP_X_UNDER_SCORE": "1",
        "CONTENT_TYPE": "",
        "SCRIPT_NAME": "/mount/",
    }
    native: dict[str, Any] = {}
    bridged: dict[str, Any] = {}
    with WsgiToAsgi(echo_environ(bridged)) as asgi, AsgiToWsgi(asgi, lifespan="off") as wsgi:
        for app in (echo_environ(native), wsgi):
            serve(app, "GET", "/caf%C3%A9", environ=custom, valid=False)
    assert {key: value for key, value in bridged.items() if key not in LIVE} == {
        key: value for key, value in native.items() if key not in LIVE
    }
    assert bridged["wsgi.errors"] is errors
    assert set(bridged) - set(native) <= LIVE


def test_middleware_between_them_is_heeded() -> None:
    """The law: what ASGI middleware changes in a request is changed; the rest of the environ stays."""
    seen: dict[str, Any] = {}
    inner = WsgiToAsgi(echo_environ(seen))

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
        scope = {**scope, "path": "/new", "raw_path": None, "headers": [*headers, (b"x-new", b"1")], "client": None}
        await inner(scope, receive, send)

    with inner, AsgiToWsgi(middleware, lifespan="off") as wsgi:
        serve(
            wsgi,
            "GET",
            "/old",
            headers=[("Authorization", "secret"), ("X-Old", "2")],
            environ={"REMOTE_USER": "ada", "SERVER_SOFTWARE": "theirs", "REMOTE_ADDR": "10.0.0.1", "REMOTE_PORT": "5"},
        )
    assert (seen["PATH_INFO"], seen["HTTP_X_NEW"], seen["HTTP_X_OLD"], seen["REMOTE_ADDR"]) == ("/new", "1", "2", "")
    assert "HTTP_AUTHORIZATION" not in seen
    assert "REMOTE_PORT" not in seen
    assert (seen["REMOTE_USER"], seen["SERVER_SOFTWARE"]) == ("ada", "theirs")


def echo_scope(seen: dict[str, Any]) -> Any:
    """An ASGI application that keeps its scope."""

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.update(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    return app


# What speaks of the adapter and of what its server can do.
OWN = {"asgi", "extensions", "wsgi.environ"}


def test_a_scope_comes_through_word_for_word() -> None:
    """The law: keys of servers and middleware, the very state, the order and the number of headers."""
    scope = http_scope("GET", "/caf%C3%A9", headers=[(b"x-b", b"1"), (b"x-a", b"2"), (b"x-b", b"3"), (b"x_c", b"4")])
    scope |= {"user": object(), "state": {"db": object()}, "path_params": {"a": 1}, "client": ("::1", 0)}
    native: dict[str, Any] = {}
    bridged: dict[str, Any] = {}
    with AsgiToWsgi(echo_scope(bridged), lifespan="off") as wsgi, WsgiToAsgi(wsgi) as asgi:
        for app in (echo_scope(native), asgi):
            fetch(app, scope=scope)
    assert {key: value for key, value in bridged.items() if key not in OWN} == {
        key: value for key, value in native.items() if key not in OWN
    }
    assert bridged["state"] is native["state"]


def test_wsgi_middleware_between_them_is_heeded() -> None:
    """The law: what WSGI middleware changes in a request is changed; the rest of the scope stays."""
    seen: dict[str, Any] = {}

    with AsgiToWsgi(echo_scope(seen), lifespan="off") as inner:

        def middleware(environ: dict[str, Any], start_response: Any) -> Any:
            del environ["HTTP_AUTHORIZATION"]
            environ["HTTP_X_NEW"] = "1"
            environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/mount", "/new"
            return inner(environ, start_response)

        with WsgiToAsgi(middleware) as asgi:
            headers = [(b"authorization", b"secret"), (b"x-old", b"2")]
            fetch(asgi, "GET", "/old", headers=headers, scope={"user": "ada"})
    assert (seen["path"], seen["root_path"], seen["user"]) == ("/mount/new", "/mount", "ada")
    names = dict(seen["headers"])
    assert (names[b"x-new"], names[b"x-old"]) == (b"1", b"2")
    assert b"authorization" not in names


def between(wsgi: Any) -> Any:
    """WSGI middleware that does nothing; behind it the inner adapter does not know the outer one's application."""

    def middleware(environ: dict[str, Any], start_response: Any) -> Any:
        return wsgi(environ, start_response)

    return middleware


def test_state_of_both_lifespans() -> None:
    """The law, A10: an application has the state of the server's lifespan and that of its own."""
    seen: dict[str, Any] = {}
    answer = echo_scope(seen)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await answer(scope, receive, send)
            return
        await receive()
        scope["state"]["own"] = 1
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    with AsgiToWsgi(app) as wsgi, WsgiToAsgi(between(wsgi)) as asgi:
        fetch(asgi, scope={"state": {"servers": 2}})
    assert seen["state"] == {"own": 1, "servers": 2}


def background(after: Any) -> Any:
    """An ASGI application that answers, and then goes on with `after`."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})
        await after()

    return app


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_call_lasts_as_long_as_the_application(backend: str) -> None:
    """The law, A7: background work delays no client and holds no thread, and the server's call ends with it."""
    go_on = threading.Event()
    done: list[bool] = []

    async def work() -> None:
        await asyncio.to_thread(go_on.wait, LIMIT)
        done.append(True)

    with AsgiToWsgi(background(work), lifespan="off") as wsgi, WsgiToAsgi(between(wsgi), threads=1) as asgi:

        async def main() -> None:
            async with Exchange(asgi) as exchange:
                await exchange.answered.passed()
                assert done == []
                async with Exchange(asgi) as other:
                    await other.answered.passed()  # the only thread is free
                    go_on.set()
                    await other.finished.passed()
                await exchange.finished.passed()
            assert done == [True, True]

        run(main, backend=backend)


def test_errors_of_background_work_are_the_servers(caplog: pytest.LogCaptureFixture) -> None:
    """The law: what an application raises after its answer comes out of the server's call, and is not logged twice."""
    error = ValueError("late")

    async def work() -> None:
        await asyncio.sleep(0.01)
        raise error

    with AsgiToWsgi(background(work), lifespan="off") as wsgi, WsgiToAsgi(between(wsgi)) as asgi:
        response = fetch(asgi)
    assert (response.body, response.complete, response.error) == (b"ok", True, error)
    assert caplog.record_tuples == []


def test_cancelling_the_call_cancels_background_work() -> None:
    """The law: a server that cancels its call cancels what it stands for."""
    begun, cancelled = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with AsgiToWsgi(background(work), lifespan="off") as wsgi, WsgiToAsgi(between(wsgi)) as asgi:

        async def main() -> None:
            async with Exchange(asgi) as exchange:
                await exchange.answered.passed()
                await asyncio.to_thread(begun.wait, LIMIT)
                exchange.cancel()
                await exchange.finished.passed()
            assert cancelled.is_set()

        run(main)


class Closing:
    """The answer of a WSGI application, with what its `close()` does."""

    def __init__(self, chunks: list[bytes], close: Any) -> None:
        self._chunks = iter(chunks)
        self.close = close

    def __iter__(self) -> Any:
        return self._chunks


@pytest.mark.parametrize("chunks", [[], [b"whole"], [b"one", b"two"]])
def test_close_is_done_when_close_returns(chunks: list[bytes]) -> None:
    """The law, W10: the application's `close()` has run when the server's `close()` returns."""
    steps: list[str] = []

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        closing = threading.Event()
        return Closing(chunks, lambda: steps.append(f"closed {closing.wait(0.05)}"))

    with WsgiToAsgi(app) as asgi, AsgiToWsgi(asgi, lifespan="off") as wsgi:
        iterable: Any = wsgi(Call(wsgi).environ, lambda *_: lambda _chunk: None)
        assert b"".join(iterable) == b"".join(chunks)
        assert steps == []
        iterable.close()
        assert steps == ["closed False"]


def test_an_error_of_close_is_the_servers(caplog: pytest.LogCaptureFixture) -> None:
    """The law: what the application's `close()` raises comes out of the server's `close()`; nothing is logged."""
    error = ValueError("late")

    def close() -> None:
        raise error

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Closing([b"ok"], close)

    with WsgiToAsgi(app) as asgi, AsgiToWsgi(asgi, lifespan="off") as wsgi:
        answer = serve(wsgi)
    assert (answer.body, answer.errors) == (b"ok", [error])
    assert answer.steps[-1] == "close raised"
    assert caplog.record_tuples == []


def test_an_early_close_closes() -> None:
    """The law: a server that closes before the end has the application closed when that returns."""
    closed: list[bool] = []

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        try:
            while True:
                yield b"more"
        finally:
            closed.append(True)

    with WsgiToAsgi(app) as asgi, AsgiToWsgi(asgi, lifespan="off") as wsgi:
        serve(wsgi, take=2)
        assert closed == [True]


def test_a_file_is_closed_when_close_returns(tmp_path: Path) -> None:
    """The law, W10: also where the server sends a file, which the application's `close()` hangs on."""
    path = tmp_path / "file"
    path.write_bytes(b"content" * 10_000)
    closed: list[bool] = []

    class File(io.FileIO):
        def close(self) -> None:
            closed.append(True)
            super().close()

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "70000")])
        return environ["wsgi.file_wrapper"](File(path))

    with WsgiToAsgi(app) as asgi, AsgiToWsgi(asgi, lifespan="off") as wsgi:
        answer = serve(wsgi, files=True)
        assert answer.body == path.read_bytes()
        assert closed


def test_no_chunk_is_made_long_before_it_is_asked_for() -> None:
    """The law: between two adapters an ASGI application is not faster than its client, as without them."""
    made: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(20):
            made.append(number)
            await send({"type": "http.response.body", "body": b"%d," % number, "more_body": True})
        await send({"type": "http.response.body"})

    with AsgiToWsgi(app, lifespan="off") as wsgi, WsgiToAsgi(between(wsgi)) as asgi:

        async def main() -> None:
            async with Exchange(asgi, stall_after=3) as exchange:  # the start and two chunks
                await exchange.stalled.passed()
                await stays(lambda: len(made) <= 4)
                exchange.resume.open()
                await exchange.finished.passed()
            assert exchange.response.chunks == [b"%d," % number for number in range(20)]

        run(main)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_library_of_the_loop_is_found(backend: str) -> None:
    """A13, W15: an application finds out which library runs its loop, whatever the caller's context says."""

    async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
        name = sniffio.current_async_library() + await anyio.to_thread.run_sync(lambda: "!")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": name.encode()})

    async def one() -> bytes:
        await anyio.lowlevel.checkpoint()
        return sniffio.current_async_library().encode()

    def wsgi_app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [anyio.run(one)]

    with AsgiToWsgi(asgi_app, lifespan="off") as wsgi, WsgiToAsgi(between(wsgi)) as asgi, WsgiToAsgi(wsgi_app) as other:

        async def main() -> None:
            sniffio.current_async_library_cvar.set("trio" if backend == "trio" else "asyncio")
            assert (await request(asgi)).body == b"asyncio!"
            assert (await request(other)).body == b"asyncio"

        run(main, backend=backend)


HERE: contextvars.ContextVar[str] = contextvars.ContextVar("here", default="nothing")
BETWEEN: contextvars.ContextVar[str] = contextvars.ContextVar("between", default="nothing")


class Where:
    """A WSGI application of three chunks that notes the thread of each step, and what it sees of the context."""

    def __init__(self) -> None:
        self.steps: dict[str, int] = {}
        self.seen: tuple[str, str] = ("", "")

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.note("call")
        self.seen = HERE.get(), BETWEEN.get()
        HERE.set("the application's")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return self

    def note(self, step: str) -> None:
        self.steps[step] = threading.get_ident()

    def __iter__(self) -> Any:
        for number in range(3):
            self.note(f"chunk {number}")
            yield b"%d" % number

    def close(self) -> None:
        self.note("close")


def ask_here(wsgi: Any) -> bytes:
    """Make a request in this very thread and context."""
    iterable = wsgi(Call(wsgi).environ, lambda *_: lambda _chunk: None)
    body = b"".join(iterable)
    iterable.close()
    return body


def test_it_runs_in_the_thread_of_the_server() -> None:
    """The law, A12: application, iteration and `close()` run in the server's thread, and in its very context."""
    app = Where()
    HERE.set("the server's")

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        async def passing_on(message: Any) -> None:
            await send(message)

        await inner({**scope, "state": {}}, receive, passing_on)

    with WsgiToAsgi(app) as inner:
        for outer in (inner, middleware):
            HERE.set("the server's")
            with AsgiToWsgi(outer, lifespan="off") as wsgi:
                assert ask_here(wsgi) == b"012"
            assert app.seen == ("the server's", "nothing")
            assert HERE.get() == "the application's"
            assert len(app.steps) == 5
            assert set(app.steps.values()) == {threading.get_ident()}


def test_variables_of_middleware_are_seen() -> None:
    """W15: what ASGI middleware sets is seen in the server's thread too, and leaks to nobody then."""
    app = Where()
    HERE.set("the server's")

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        BETWEEN.set("the middleware's")
        await inner(scope, receive, send)

    with WsgiToAsgi(app) as inner, AsgiToWsgi(middleware, lifespan="off") as wsgi:
        assert ask_here(wsgi) == b"012"
    assert app.seen == ("the server's", "the middleware's")
    assert (HERE.get(), BETWEEN.get()) == ("the server's", "nothing")
    assert set(app.steps.values()) == {threading.get_ident()}


@pytest.mark.parametrize(
    "options", [{"threads": 2}, {"max_queued": 5}, {"max_body_size": 1000}, {"read_timeout": 5.0}, {"body": "stream"}]
)
def test_options_for_workers_are_heeded(options: dict[str, Any]) -> None:
    """W14: an adapter with options for threads or bodies runs its application in a worker, there too."""
    app = Where()
    with WsgiToAsgi(app, **options) as inner, AsgiToWsgi(inner, lifespan="off") as wsgi:
        assert ask_here(wsgi) == b"012"
    assert len(set(app.steps.values())) == 1
    assert threading.get_ident() not in app.steps.values()


def test_middleware_with_a_hand_in_the_body() -> None:
    """A2: where middleware receives the body, the application reads what that makes of it, in a worker."""
    read: list[bytes] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        read.append(environ["wsgi.input"].read())
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        async def upper() -> Any:
            message = await receive()
            return {**message, "body": message.get("body", b"").upper()}

        await inner(scope, upper, send)

    with WsgiToAsgi(app) as inner, AsgiToWsgi(middleware, lifespan="off") as wsgi:
        assert serve(wsgi, "POST", body=b"body").body == b"ok"
    assert read == [b"BODY"]


def test_a_server_that_fails_in_start_response() -> None:
    """B1: what the server raises comes back to it, and the application is closed all the same."""
    app = Where()
    error = RuntimeError("the server's")

    def fails(*_: Any) -> Any:
        raise error

    with WsgiToAsgi(app) as inner, AsgiToWsgi(inner, lifespan="off", disconnect_grace=None) as wsgi:
        with pytest.raises(RuntimeError) as caught:
            wsgi(Call(wsgi).environ, fails)
        assert caught.value is error
        eventually(lambda: "close" in app.steps, "the application is closed")
        eventually(lambda: wsgi.stats().in_flight == 0, "nothing is in flight")


def test_a_server_that_forgets_close() -> None:
    """B1: an application whose answer is dropped is closed in another thread."""
    app = Where()
    with WsgiToAsgi(app) as inner, AsgiToWsgi(inner, lifespan="off") as wsgi:
        iterable: Any = wsgi(Call(wsgi).environ, lambda *_: lambda _chunk: None)
        next(iterable)
        del iterable
        gc.collect()
        eventually(lambda: "close" in app.steps, "the application is closed")
        eventually(lambda: wsgi.stats().in_flight == 0, "nothing is in flight")


def test_the_adapter_is_closed_meanwhile() -> None:
    """A11, B1: an adapter that is closed while the server holds an answer closes the application."""
    app = Where()
    with WsgiToAsgi(app) as inner:
        wsgi = AsgiToWsgi(inner, lifespan="off", shutdown_grace=0.1)
        iterable: Any = wsgi(Call(wsgi).environ, lambda *_: lambda _chunk: None)
        next(iterable)
        wsgi.close()
        assert "close" in app.steps
        with pytest.raises(BridgeError):
            list(iterable)
        iterable.close()


def test_an_application_that_goes_on_after_a_failed_write() -> None:
    """B1: an application that shrugs at a failed write() is asked for nothing more, and closed."""
    app_steps: list[str] = []
    left = threading.Event()

    class Shrugging:
        def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
            write = start_response("200 OK", [("Content-Type", "text/plain")])
            write(b"first")
            left.wait(LIMIT)
            try:
                write(b"second")
            except OSError:
                app_steps.append("shrugged")
            return self

        def __iter__(self) -> Any:
            while True:
                app_steps.append("next")
                yield b"more"

        def close(self) -> None:
            app_steps.append("close")

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        async def failing(message: Any) -> None:
            if message.get("body") == b"second":
                raise OSError("gone")
            await send(message)

        left.set()
        await inner(scope, receive, failing)

    with WsgiToAsgi(Shrugging()) as inner, AsgiToWsgi(middleware, lifespan="off", disconnect_grace=0.05) as wsgi:
        with pytest.raises(BridgeError):  # the answer was not ended
            ask_here(wsgi)
        eventually(lambda: wsgi.stats().in_flight == 0, "nothing is in flight")
    assert (app_steps[0], app_steps[-1]) == ("shrugged", "close")
    assert app_steps.count("next") <= 1


def test_a_cancellation_during_close_is_not_lost() -> None:
    """W18: middleware that cancels the call while the application closes gets its cancellation, after the close."""
    closing, go_on = threading.Event(), threading.Event()
    outcome: list[str] = []

    def close() -> None:
        closing.set()
        outcome.append(f"closed {go_on.wait(LIMIT)}")

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Closing([b"ok"], close)

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        call = asyncio.ensure_future(inner(scope, receive, send))
        await asyncio.to_thread(closing.wait, LIMIT)
        call.cancel()
        await asyncio.sleep(0)
        go_on.set()
        try:
            await call
        except asyncio.CancelledError:
            outcome.append("cancelled")

    with WsgiToAsgi(app) as inner, AsgiToWsgi(middleware, lifespan="off") as wsgi:
        assert serve(wsgi).body == b"ok"
        eventually(lambda: wsgi.stats().in_flight + wsgi.stats().background == 0, "nothing is in flight")
    assert outcome == ["closed True", "cancelled"]

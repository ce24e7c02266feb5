"""The law: an ASGI application behind both adapters runs in the task of its server's call, as it does without them."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import gc
import re
import threading
import weakref
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import sniffio

from bridge import AdapterClosed, ApplicationError, AsgiToWsgi, Stats, WsgiToAsgi
from bridge.in_flight import WATCH_SECONDS
from tests.conformance.adapting import close_after_test
from tests.conformance.asgi_applications import END, STARTED, answer
from tests.harness import BACKENDS, Exchange, Gate, Lifespan, eventually, fetch, http_scope, run, throw_away
from tests.harness.native import chunk, start

TIMES = 30
"""How often that is done which trio does in an order of chance: once in 10**9 runs it all comes out well by chance."""

HERE: contextvars.ContextVar[str] = contextvars.ContextVar("here")


def both(app: Any) -> WsgiToAsgi:
    """The application behind both adapters, which end with the test."""
    inner = AsgiToWsgi(app, lifespan="off")
    outer = WsgiToAsgi(inner)
    close_after_test(outer)
    close_after_test(inner)
    return outer


def stats_of(adapter: WsgiToAsgi) -> tuple[Stats, Stats]:
    """The figures of both adapters, the outer one's first."""
    inner = adapter.app
    assert isinstance(inner, AsgiToWsgi)
    return adapter.stats(), inner.stats()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("deep", [1, 3])
def test_it_runs_in_the_servers_task(deep: int, backend: str) -> None:
    """The law: the task, its context, the loop's library, the scope and `receive` are the server's own."""
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope=scope, receive=receive, here=HERE.get(), library=sniffio.current_async_library())
        seen["task"] = anyio.get_current_task().id
        HERE.set("the application's")
        await anyio.lowlevel.checkpoint()
        await answer(send)

    async def main() -> None:
        adapter: Any = app
        for _ in range(deep):
            adapter = both(adapter)
        HERE.set("the server's")
        scope = http_scope()

        async def receive() -> Any:
            raise AssertionError

        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await adapter(scope, receive, send)
        assert seen["scope"] is scope
        assert seen["receive"] is receive
        assert (seen["here"], HERE.get()) == ("the server's", "the application's")
        assert seen["task"] == anyio.get_current_task().id
        assert seen["library"] == backend.partition("+")[0].replace("uvloop", "asyncio")
        assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]

    run(main, backend=backend)


class SlowOnItsWay(AsgiToWsgi):
    """Takes its time in the worker before it has the application run."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Let the outer adapter look at what is under way, more than once."""
        threading.Event().wait(6 * WATCH_SECONDS)
        return super().__call__(environ, start_response)


def test_nobody_else_receives() -> None:
    """The law, W4: also a worker that is slow on its way leaves every `receive()` to the application."""
    calls: list[str] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        calls.append("begins")
        await receive()
        await answer(send)

    async def main() -> None:
        inner = SlowOnItsWay(app, lifespan="off")
        outer = WsgiToAsgi(inner)
        close_after_test(outer)
        close_after_test(inner)

        async def receive() -> Any:
            calls.append("receives")
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(_message: Any) -> None:
            pass

        await outer(http_scope(), receive, send)
        assert calls == ["begins", "receives"]

    run(main)


SCRIPTS = {
    "whole": [STARTED, chunk(b"whole", more=False)],
    "pieces": [STARTED, chunk(b"one"), chunk(b"two"), END],
    "empty pieces": [STARTED, chunk(b""), chunk(b"one"), chunk(b""), END],
    "the last one is the longest": [STARTED, chunk(b"x"), chunk(b"y" * 300_000, more=False)],
    "a declared length": [start(200, (b"content-length", b"3")), chunk(b"one"), chunk(b""), END],
    "nothing": [STARTED, END],
    "no end": [STARTED, chunk(b"one")],
    "no start": [],
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_the_server_gets_the_very_messages(script: str, method: str) -> None:
    """The law: one message each, with the same bytes, and none before its time."""
    sent: dict[str, list[Any]] = {"native": [], "bridged": []}
    order: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in SCRIPTS[script]:
            await send(message)
            order.append(len(sent[scope["who"]]))

    async def main() -> None:
        for who, asgi in (("native", app), ("bridged", both(app))):

            async def send(message: Any, who: str = who) -> None:
                sent[who].append({"more_body": False, **message} if "body" in message else message)

            await asgi(http_scope(method) | {"who": who}, asyncio.Event().wait, send)

    run(main)
    if method == "HEAD":  # of its body nothing goes through WSGI
        for messages in sent.values():
            messages[1:] = [{**message, "body": b""} for message in messages[1:]]
    native, bridged = sent["native"], sent["bridged"]
    assert [dict(message, headers=[]) for message in bridged] == [dict(message, headers=[]) for message in native]
    assert order[: len(order) // 2] == order[len(order) // 2 :]


def test_the_body_is_received_as_it_comes() -> None:
    """The law, W4: the application alone receives, message by message, and nothing ahead of it."""
    received: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        received.extend([await receive() for _ in range(2)])
        await answer(send)

    async def main() -> None:
        async with Exchange(both(app), http_scope("POST"), body=[b"one", b"two", b"three"]) as exchange:
            await exchange.finished.passed()
        assert exchange.received == 2

    run(main)
    assert [message["body"] for message in received] == [b"one", b"two"]


def test_a_disconnect_is_told_when_it_is_asked_for() -> None:
    """The law: a disconnect that waits behind the body does not end an answer; natively nobody has heard of it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.request"
        await send(STARTED)
        await anyio.sleep(0.3)  # longer than any timer that looks for clients
        await send(chunk(b"all", more=False))
        assert (await receive())["type"] == "http.disconnect"

    messages = [{"type": "http.request"}, {"type": "http.disconnect"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    run(lambda: both(app)(http_scope(), receive, send))
    assert sent[-1]["body"] == b"all"


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_end_of_the_answer_has_arrived_before_the_application_goes_on(backend: str) -> None:
    """The law: a client in a task of its own has the last message before the application asks whether it has left.

    Without the adapters the application's last two messages follow one another before such a client begins to wait for
    the second. Here it waits already, and Starlette's test client tells of a disconnect only once it has taken that.
    """
    told: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)
        with anyio.CancelScope() as scope_of_a_moment:
            scope_of_a_moment.cancel()
            told.append(await receive())

    async def exchange(adapter: WsgiToAsgi) -> None:
        to_client, of_server = anyio.create_memory_object_stream[bool](0)
        has_arrived = anyio.Event()

        async def client() -> None:
            while await of_server.receive():
                pass
            has_arrived.set()

        async def receive() -> Any:
            if not has_arrived.is_set():
                await has_arrived.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            await to_client.send(message["type"] == "http.response.start" or message.get("more_body", False))

        async with to_client, of_server, anyio.create_task_group() as group:
            group.start_soon(client)
            await adapter(http_scope(), receive, send)

    async def main() -> None:
        adapter = both(app)
        for _ in range(TIMES):
            await exchange(adapter)

    run(main, backend=backend)
    assert len(told) == TIMES


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("where", ["receive", "own", "send", "background"])
def test_a_cancelled_call_is_a_cancelled_application(where: str, backend: str) -> None:
    """The law, W18: the server's cancellation comes out where the application waits, and the thread is free."""
    outcome: list[str] = []
    waiting = Gate("waiting")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            if where == "background":
                await answer(send)
            if where == "send":
                await send(STARTED)
                waiting.open()
                while True:
                    await send(chunk(b"x" * 1000))
            waiting.open()
            await (receive() if where == "receive" else anyio.sleep_forever())
        except BaseException as error:
            outcome.append(type(error).__name__)
            raise

    async def main() -> None:
        adapter = both(app)
        stall = 3 if where == "send" else None
        async with Exchange(adapter, http_scope("POST"), body=[Gate("never")], stall_after=stall) as exchange:
            await waiting.passed()
            if where == "send":
                await exchange.stalled.passed()
            exchange.cancel()
            await exchange.finished.passed()
        await anyio.to_thread.run_sync(lambda: eventually(lambda: adapter.stats().busy == 0, "the thread is free"))
        outer, inner = stats_of(adapter)
        assert (outer.in_flight, outer.stuck, inner.in_flight, inner.background) == (0, 0, 0, 0)
        assert outer.disconnected == 1

    run(main, backend=backend)
    assert outcome == ["Cancelled" if backend == "trio" else "CancelledError"]


def test_an_error_of_send_is_the_applications() -> None:
    """The law: what the server's `send()` raises comes out of the application's, each time."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        for body in (b"one", b"two", b"three"):
            try:
                await send(chunk(body))
            except OSError as error:
                seen.append(f"{body.decode()}: {error}")

    async def send(message: Any) -> None:
        if message.get("body") in (b"two", b"three"):
            raise OSError("gone")

    run(lambda: both(app)(http_scope(), asyncio.Event().wait, send))
    assert seen == ["two: gone", "three: gone"]


@pytest.mark.parametrize("when", ["before the start", "after the start", "in the body", "after the end"])
@pytest.mark.parametrize("error", [LookupError("on purpose"), OSError("on purpose"), SystemExit(3)], ids=type)
def test_errors_are_the_servers(when: str, error: BaseException) -> None:
    """The law, W13, A8: the very error comes out of the call, and both adapters count it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        messages = [STARTED, chunk(b"one"), END]
        count = ["before the start", "after the start", "in the body", "after the end"].index(when)
        for message in messages[:count]:
            await send(message)
        raise error

    adapter = both(app)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def main() -> None:
        with pytest.raises(type(error)) as raised:
            await adapter(http_scope(), asyncio.Event().wait, send)
        assert raised.value is error

    run(main)
    assert len(sent) == ["before the start", "after the start", "in the body", "after the end"].index(when)
    if isinstance(error, Exception):
        assert [stats.failed for stats in stats_of(adapter)] == [1, 1]
    eventually(lambda: adapter.stats().busy == 0, "the thread is free")


def test_no_answer_is_the_servers_to_tell_of(caplog: pytest.LogCaptureFixture) -> None:
    """The law: the call of an application that returns without an answer returns; the adapters count a failure."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        pass

    adapter = both(app)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    run(lambda: adapter(http_scope(), asyncio.Event().wait, send))
    assert sent == []
    assert [stats.failed for stats in stats_of(adapter)] == [1, 1]
    assert caplog.record_tuples == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_tasks_may_send(backend: str) -> None:
    """The law, B1: an application that sends from several tasks at once loses nothing and waits for nobody."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(send, chunk(b"%02d" % number))
        await send(END)

    response = fetch(both(app), backend=backend)
    assert sorted(response.chunks) == [b"%02d" % number for number in range(20)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_tasks_send_in_turn(backend: str) -> None:
    """The law, B1: a task that sends without a pause lets others send, in the order of their calls."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)

        async def stream(name: bytes) -> None:
            for _ in range(5):
                await send(chunk(name))

        async with anyio.create_task_group() as group:
            group.start_soon(stream, b"a")
            group.start_soon(stream, b"b")
        await send(END)

    body = fetch(both(app), backend=backend).body
    assert len(body) == 10
    # One may be alone at first, if its thread is so fast that it never waits, and the other is alone at the end.
    assert re.fullmatch(b"a*(ba)*b*|b*(ab)*a*", body)


def test_a_task_that_waits_for_its_turn_is_cancelled() -> None:
    """The law, B1: a task that is cancelled while another sends, or just when it may send, holds up nobody."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        for turns in range(12):
            tasks = [asyncio.ensure_future(send(chunk(b"%x" % turns))) for _ in range(3)]
            for _ in range(turns):
                await asyncio.sleep(0)
            tasks[1].cancel()
            done, _ = await asyncio.wait(tasks, timeout=10)
            assert len(done) == 3
        await send(END)

    response = fetch(both(app))
    assert response.complete
    for turns in range(12):
        assert response.body.count(b"%x" % turns) >= 2


def test_a_send_that_outlives_the_application() -> None:
    """B1: an application that returns while a task of its still sends is over, and so is that task's `send()`."""
    tasks: list[asyncio.Task[None]] = []
    adapter: WsgiToAsgi

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        tasks.append(asyncio.ensure_future(send(END)))

    async def main() -> None:
        await asyncio.wait_for(adapter(http_scope(), asyncio.Event().wait, ignore), 10)
        done, _ = await asyncio.wait(tasks, timeout=10)
        assert len(done) == 1
        await asyncio.gather(*tasks, return_exceptions=True)

    adapter = both(app)
    run(main)
    eventually(lambda: adapter.stats().busy == 0, "the thread is free")


def test_nothing_waits_for_the_garbage_collector() -> None:
    """B1: what a request held is let go of with its end."""
    seen: list[weakref.ref[Any]] = []

    class User:
        """What middleware puts into a scope."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await (send(chunk(b"no start")) if scope["path"] == "/wrong" else answer(send))

    adapter = both(app)

    async def call(path: str) -> None:
        user = User()
        seen.append(weakref.ref(user))
        with contextlib.suppress(ApplicationError):
            await adapter(http_scope("GET", path) | {"user": user}, asyncio.Event().wait, ignore)

    async def main() -> None:
        for path in ("/", "/wrong"):
            await call(path)

    gc.collect()
    gc.disable()
    try:
        run(main)
        eventually(lambda: [ref() for ref in seen] == [None, None], "all is let go of")
    finally:
        gc.enable()


def test_it_was_closed_before_a_thread_was_free() -> None:
    """A11: an application is not started when the outer adapter was closed meanwhile."""
    seen: list[str] = []
    go_on = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])
        await answer(send)

    adapter = both(app)

    def hold() -> None:
        go_on.wait(10)

    for _ in range(40):  # as many as there are threads
        adapter.workers.submit(functools.partial(hold), lambda _reason: None)
    eventually(lambda: adapter.stats().busy == 40, "every thread is busy")

    async def main() -> None:
        task = asyncio.ensure_future(adapter(http_scope(), asyncio.Event().wait, ignore))
        await asyncio.sleep(0.01)
        adapter.close()
        await asyncio.sleep(0)
        go_on.set()
        done, _ = await asyncio.wait([task], timeout=10)
        assert done == {task}
        assert seen == []
        assert isinstance(task.exception(), AdapterClosed), adapter.stats()

    run(main)


def test_a_send_that_is_given_up() -> None:
    """The law, B1: an application that cancels its own `send()` goes on, and its chunk goes out once."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        for number in range(5):
            task = asyncio.ensure_future(send(chunk(b"%d" % number)))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        await send(END)

    response = fetch(both(app))
    assert response.complete
    assert response.body == b"01234"


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_servers_lifespan_is_the_applications(backend: str) -> None:
    """The law, A10: startup and shutdown run in the server's loop, once, and what they leave in the state is there."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            seen.append(scope["state"]["made"])
            await answer(send)
            return
        assert (await receive())["type"] == "lifespan.startup"
        scope["state"]["made"] = sniffio.current_async_library()
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        seen.append("shutdown")
        await send({"type": "lifespan.shutdown.complete"})

    async def main() -> None:
        adapter = WsgiToAsgi(AsgiToWsgi(app))
        close_after_test(adapter)
        state: dict[str, Any] = {}
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
        async with Lifespan(adapter, scope), Exchange(adapter, http_scope(state=state)) as exchange:
            await exchange.finished.passed()

    run(main, backend=backend)
    assert seen == ["trio" if backend == "trio" else "asyncio", "shutdown"]


@pytest.mark.parametrize(
    ("outer", "inner"),
    [({"threads": 2}, {}), ({"body": "spool"}, {}), ({}, {"loop_factory": asyncio.new_event_loop})],
    ids=["threads", "body", "loop_factory"],
)
def test_options_for_threads_and_loops_hold(outer: dict[str, Any], inner: dict[str, Any]) -> None:
    """W14, W4, A9: with options for them the application runs on a loop of the bridge's, behind a worker thread."""
    seen: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(threading.get_ident())
        await answer(send)

    with AsgiToWsgi(app, lifespan="off", **inner) as wsgi, WsgiToAsgi(wsgi, **outer) as asgi:
        assert fetch(asgi).status == 200
    assert seen != [threading.get_ident()]


def test_an_adapter_that_was_started_keeps_its_loop() -> None:
    """A9: an application whose startup ran on a loop of the bridge's runs there."""
    seen: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(threading.get_ident())
        await answer(send)

    with AsgiToWsgi(app, lifespan="off") as wsgi, WsgiToAsgi(wsgi) as asgi:
        wsgi.start()
        assert fetch(asgi).status == 200
    assert seen != [threading.get_ident()]


def test_the_outer_adapter_is_closed_meanwhile() -> None:
    """B1: the next `send()` raises, and so does the call."""
    seen: list[type] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        adapter.close()
        await anyio.sleep(0.01)
        try:
            await send(chunk(b"late"))
        except AdapterClosed as error:
            seen.append(type(error))
            raise

    adapter = both(app)

    async def main() -> None:
        with pytest.raises(AdapterClosed):
            await adapter(http_scope(), asyncio.Event().wait, ignore)

    run(main)
    assert seen == [AdapterClosed]


async def ignore(_message: Any) -> None:
    """Be a server that takes every message."""


def test_a_closed_inner_adapter() -> None:
    """A11: a call after its `close()` is a clear error."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)

    inner = AsgiToWsgi(app, lifespan="off")
    inner.close()
    with WsgiToAsgi(inner) as adapter:
        response = fetch(adapter)
    assert isinstance(response.error, AdapterClosed)


def test_a_loop_that_is_closed_under_it() -> None:
    """B1: the thread of a request whose loop was closed is free, and the application ends."""
    ended = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await answer(send) if scope["path"] == "/short" else await asyncio.Event().wait()
        finally:
            ended.set()

    adapter = both(app)
    loop = asyncio.new_event_loop()
    call = adapter(http_scope(), asyncio.Event().wait, ignore)
    task = loop.create_task(call)
    loop.run_until_complete(asyncio.sleep(0.1))
    assert not task.done()
    throw_away(loop)
    del task, call
    fetch(adapter, "GET", "/short")  # whose loop takes note of the one that was closed
    assert ended.is_set()
    eventually(lambda: adapter.stats().busy == 0, "the thread is free")


@pytest.mark.parametrize("message", [chunk(b"too long"), chunk("no bytes")])
def test_a_client_that_left_comes_before_a_breach(message: Any) -> None:
    """The law: what the application does wrong for a client that has gone is no breach, as the server has it."""
    told: list[BaseException] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start(200, (b"content-length", b"3")))
        try:
            await send(message)
        except Exception as error:
            told.append(error)
            raise

    async def main() -> None:
        async def gone(message: Any) -> None:
            if message["type"] == "http.response.body":
                raise ConnectionResetError("the client left")

        for send in (gone, ignore):
            with contextlib.suppress(ApplicationError, ConnectionResetError):
                await both(app)(http_scope(), asyncio.Event().wait, send)

    run(main)
    assert [type(error) for error in told] == [ConnectionResetError, ApplicationError]

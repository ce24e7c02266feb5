"""W19: the same adapter on several event loops, and after a fork."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN, answering, endless, streaming
from tests.harness import (
    BACKENDS,
    Exchange,
    Gate,
    Lifespan,
    fetch,
    http_scope,
    request,
    run,
    run_python,
    throw_away,
    until,
)
from tests.harness.settling import settle


def echo(environ: dict[str, Any], start_response: Any) -> Any:
    """Answer with the body, line by line."""
    start_response("200 OK", list(PLAIN))
    yield environ["PATH_INFO"].encode()
    yield from environ["wsgi.input"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("server", [{}, {"suspending": True}, {"awaitable": True}])
def test_on_every_loop(backend: str, server: dict[str, Any]) -> None:
    """W19: on asyncio, uvloop and trio."""
    response = fetch(adapt(echo), "POST", "/x", body=[b"a\n", b"b\n"], backend=backend, server=server)
    assert (response.body, response.complete, response.error) == (b"/xa\nb\n", True, None)


@pytest.mark.parametrize("mode", ["auto", "stream", "spool"])
@pytest.mark.parametrize("server", [{}, {"suspending": True}])
def test_eager_tasks(mode: str, server: dict[str, Any]) -> None:
    """W19: on a loop whose tasks begin eagerly, which Python has from 3.12 on."""

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(getattr(asyncio, "eager_task_factory", None))
        adapter = adapt(echo, body=mode)
        for body in (b"a\nb\n", [b"a\n", b"b\n", b""]):
            response = await request(adapter, "POST", "/x", body=body, server=server)
            assert (response.body, response.complete, response.error) == (b"/xa\nb\n", True, None)
        for how in ("disconnect", "cancel"):
            async with Exchange(adapt(streaming(endless), body=mode), **server) as exchange:
                await exchange.until(lambda exchange=exchange: exchange.response.body)  # type: ignore[misc]
                getattr(exchange, how)()

    run(main)


def test_one_after_the_other() -> None:
    """W19: the same adapter works from several loops, one after the other, of all kinds."""
    adapter = adapt(echo, threads=2)
    for number, backend in enumerate(BACKENDS * 3):
        assert fetch(adapter, "POST", f"/{number}", body=b"x", backend=backend).body == b"/%dx" % number


def test_at_once() -> None:
    """W19: the same adapter works from several loops at once, in as many threads."""
    adapter = adapt(echo, threads=3)
    failures: list[BaseException] = []
    meeting = threading.Barrier(6, timeout=10)

    async def main(name: str) -> None:
        meeting.wait()
        for number in range(30):
            response = await request(adapter, "POST", f"/{name}/{number}", body=[b"x\n", b"y\n"])
            assert response.body == f"/{name}/{number}x\ny\n".encode()

    def serve(number: int) -> None:
        backend = BACKENDS[number % len(BACKENDS)]
        try:
            run(lambda: main(f"{backend}{number}"), backend=backend)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not failures
    assert not any(thread.is_alive() for thread in threads)


def test_a_loop_inside_the_pool_of_another() -> None:
    """W19: two loops that wait for the same single thread are served in turn."""
    running, go_on = Gate("running"), Gate("go on")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/first":
            running.open()
            go_on.wait()
        start_response("200 OK", list(PLAIN))
        return [environ["PATH_INFO"].encode()]

    adapter = adapt(app, threads=1)
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.append(fetch(adapter, path="/first").body))

    async def main() -> None:
        thread.start()
        await running.passed()
        async with Exchange(adapter, http_scope(path="/second")) as exchange:
            await until(lambda: adapter.stats().queued == 1, "it waits")
            go_on.open()
        found.append(exchange.response.body)

    run(main, backend="trio")
    thread.join(10)
    assert sorted(found) == [b"/first", b"/second"]


def test_lifespan_on_trio() -> None:
    """W19, W20: lifespan on trio, with a request in flight at shutdown."""
    running, go_on = Gate("running"), Gate("go on")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        running.open()
        go_on.wait()
        start_response("200 OK", list(PLAIN))
        return [b"finished"]

    async def main() -> None:
        adapter = adapt(app)
        async with Lifespan(adapter) as lifespan, Exchange(adapter) as exchange:
            await running.passed()
            await lifespan.tell("lifespan.shutdown")
            await settle()
            assert not lifespan.has_answered
            go_on.open()
            assert await lifespan.answered() == "lifespan.shutdown.complete"
        assert exchange.response.body == b"finished"

    run(main, backend="trio")


def test_errors_are_not_grouped_on_trio() -> None:
    """W13, W19: on trio too the application's error reaches the server as itself, not in a group."""
    error = LookupError("mine")

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        yield b"sent"
        raise error

    response = fetch(adapt(app), backend="trio", server={"suspending": True})
    assert response.error is error


def test_a_loop_that_was_thrown_away() -> None:
    """W19, B5: requests of a loop that was closed under them do not keep the adapter from serving the next loop."""
    running, go_on, ended = Gate("running"), Gate("go on"), Gate("ended")

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        if environ["PATH_INFO"] == "/left":
            try:
                yield b"x" * 100_000
                running.open()
                go_on.wait()
                yield b"x" * 100_000
                environ["wsgi.input"].read(-1)
            finally:
                ended.open()
        yield b"ok"

    adapter = adapt(app, threads=1)
    loop = asyncio.new_event_loop()
    exchange = Exchange(adapter, http_scope("POST", "/left"), body=[b"x", Gate("never")])
    task = loop.create_task(exchange.run())
    try:
        loop.run_until_complete(running.passed())
    finally:
        throw_away(loop)
    go_on.open()
    ended.wait()
    assert fetch(adapter, path="/next").body == b"ok"
    del task


FORK = """
    import asyncio, os, sys, threading, warnings
    from bridge import WsgiToAsgi

    warnings.simplefilter("ignore", DeprecationWarning)
    kind = sys.argv[1]
    blocked, go_on = threading.Event(), threading.Event()
    parent = os.getpid()

    def say(*words):
        os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # at once: two processes write

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/block" and os.getpid() == parent:
            blocked.set()
            go_on.wait(20)
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"pid "
        yield str(os.getpid()).encode()

    asgi = WsgiToAsgi(app, threads=1)

    async def get(path):
        body = []
        done = asyncio.Event()
        first = True
        async def receive():
            nonlocal first
            if first:
                first = False
                return {"type": "http.request"}
            await done.wait()
            return {"type": "http.disconnect"}
        async def send(message):
            body.append(message.get("body", b""))
            if message["type"] == "http.response.body" and not message.get("more_body"):
                done.set()
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "path": path,
                 "query_string": b"", "headers": []}
        await asgi(scope, receive, send)
        return b"".join(body).decode()

    def in_child():
        result = asyncio.run(asyncio.wait_for(get("/child"), 10))
        stats = asgi.stats()
        ok = result == "pid %d" % os.getpid() and os.getpid() != parent and stats.queued == 0 and stats.threads == 1
        threads = [thread.name for thread in threading.enumerate() if thread is not threading.current_thread()]
        say("child", ok and stats.in_flight <= 1 and len(threads) == 1)
        asgi.close()

    def fork():
        pid = os.fork()
        if pid == 0:
            try:
                in_child()
            except BaseException as error:
                say("child failed", repr(error))
            finally:
                os._exit(0)
        return pid

    async def busy():
        tasks = [asyncio.ensure_future(get("/block")) for _ in range(1 if kind == "busy" else 3)]
        while not blocked.is_set():
            await asyncio.sleep(0.001)
        if kind == "queued":
            while asgi.stats().queued < 2:
                await asyncio.sleep(0.001)
        pid = fork_outside_of_the_loop()
        go_on.set()
        say(*[(await task) == "pid %d" % parent for task in tasks])
        return pid

    def fork_outside_of_the_loop():
        # The child must not believe that it runs inside the parent's loop
        pids = []
        context = __import__("contextvars").Context()
        def run():
            asyncio._set_running_loop(None)
            pids.append(fork())
        thread = threading.Thread(target=context.run, args=(run,))
        thread.start()
        thread.join()
        return pids[0]

    if kind == "unused":
        pid = fork()
    elif kind == "used":
        say(asyncio.run(get("/")) == "pid %d" % parent)
        pid = fork()
    else:
        pid = asyncio.run(busy())
    os.waitpid(pid, 0)
    say("parent", asyncio.run(asyncio.wait_for(get("/after"), 10)) == "pid %d" % parent)
    asgi.close()
"""


@pytest.mark.parametrize(
    ("kind", "before"), [("unused", ""), ("used", "True\n"), ("busy", "True\n"), ("queued", "True True True\n")]
)
def test_after_a_fork(kind: str, before: str) -> None:
    """W19: after a fork the child forgets the parent's threads, locks and queue, and starts its own."""
    child = run_python(FORK, kind)
    assert sorted(child.stdout.splitlines()) == sorted(f"{before}child True\nparent True\n".splitlines()), child.stderr
    assert child.returncode == 0


def test_used_at_import() -> None:
    """W19: an adapter can be made where no loop runs, and in a thread that ends."""
    adapters: list[Any] = []
    thread = threading.Thread(target=lambda: adapters.append(adapt(answering(b"ok"))))
    thread.start()
    thread.join()
    assert fetch(adapters[0]).body == b"ok"

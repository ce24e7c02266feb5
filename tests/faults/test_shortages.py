"""A system that gives no more threads, descriptors or memory: the kernel's own limits, in a process of its own."""

from __future__ import annotations

import pytest

from tests.harness import run_python

BEGIN = """if True:
    import asyncio, time
    from bridge import AsgiToWsgi, WsgiToAsgi
    from tests.faults.shortage import no_more_descriptors, no_more_memory, no_more_threads
    from tests.harness import Exchange, Gate, http_scope, request, run, until
    from tests.harness.wsgi_call import serve
    from tests.soak.through_wsgi import HereCall

    def outcome(response):
        if response.error is not None:
            return type(response.error).__name__
        assert response.complete
        return str(response.status)[:3]

    def wsgi_app(environ, start_response):
        path = environ["PATH_INFO"]
        inside.open()
        if path == "/block":
            go_on.wait()
        if path == "/allocate":
            bytes(1 << 31)
        body = b"%d" % len(environ["wsgi.input"].read(-1)) if path == "/read" else b"ok"
        if path == "/file":
            body = open("/dev/null", "rb").read()
        start_response("200 OK", [("Content-Type", "text/plain")])
        if path == "/late":
            return (bytes(1 << 31) for _ in "a")
        return [body]

    async def asgi_app(scope, receive, send):
        if scope["path"] == "/allocate":
            bytes(1 << 31)
        if scope["path"] == "/thread":
            await asyncio.to_thread(int)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        if scope["path"] == "/file":
            await send({"type": "http.response.pathsend", "path": "/etc/hostname"})
            return
        if scope["path"] == "/late":
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
            await asyncio.sleep(0)
            bytes(1 << 31)
        await send({"type": "http.response.body", "body": b"ok"})

    inside, go_on = Gate("inside"), Gate("go on")
"""

WITHOUT = {
    "threads, WsgiToAsgi": (
        """
    adapter = WsgiToAsgi(wsgi_app, threads=4)

    async def main():
        with no_more_threads():
            begin = time.monotonic()
            print("none:", *[outcome(await request(adapter)) for _ in range(3)], time.monotonic() - begin < 2)
        async with Exchange(adapter, http_scope(path="/block")) as blocked:
            await inside.passed()
            with no_more_threads():
                waiting = [Exchange(adapter, http_scope()) for _ in range(10)]
                tasks = [asyncio.ensure_future(exchange.run()) for exchange in waiting]
                await until(lambda: adapter.stats().queued == 10, "all wait for the one thread")
                go_on.open()
                await asyncio.wait(tasks)
        print("one:", outcome(blocked.response), *{outcome(exchange.response) for exchange in waiting})
        print("again:", outcome(await request(adapter)))
    run(main)
    adapter.close()
        """,
        # No thread at all is 503 at once; with one thread, what comes waits for it.
        ["none: 503 503 503 True", "one: 200 200", "again: 200"],
    ),
    "threads, AsgiToWsgi": (
        """
    adapter = AsgiToWsgi(asgi_app, lifespan="off")

    def here(path="/"):
        with HereCall(adapter, path=path) as call:
            return outcome(call.end())

    with no_more_threads():
        begin = time.monotonic()
        print("none:", here(), here(), time.monotonic() - begin < 2)
    print("again:", here())
    with no_more_threads():
        print("loop:", here(), here("/thread"), here())
    print("thread:", here("/thread"))
    adapter.close()
        """,
        # Without the loop's thread 503; with it requests go on, and a thread that the application wants is its error.
        ["none: 503 503 True", "again: 200", "loop: 200 RuntimeError 200", "thread: 200"],
    ),
    "descriptors, WsgiToAsgi": (
        """
    adapter = WsgiToAsgi(wsgi_app, body="spool", prefetch_size=1000)
    upload = [b"x" * 1000] * 10

    async def main():
        with no_more_descriptors():
            print("plain:", outcome(await request(adapter)), outcome(await request(adapter, "POST", body=b"small")))
            print("spooled:", outcome(await request(adapter, "POST", "/read", body=upload)))
            print("own:", outcome(await request(adapter, path="/file")))
        print("again:", outcome(await request(adapter, "POST", "/read", body=upload)))
    run(main)
    adapter.close()
        """,
        # What needs no descriptor is served; a body that has to be spooled is 503; the application's own are its error.
        ["plain: 200 200", "spooled: 503", "own: OSError", "again: 200"],
    ),
    "descriptors, AsgiToWsgi": (
        """
    adapter = AsgiToWsgi(asgi_app, lifespan="off")
    with no_more_descriptors():
        begin = time.monotonic()
        print("none:", outcome(serve(adapter)), outcome(serve(adapter)), time.monotonic() - begin < 2)
    print("again:", outcome(serve(adapter)))
    with no_more_descriptors():
        print("loop:", outcome(serve(adapter)), outcome(serve(adapter, path="/file", files=True)))
    print("file:", outcome(serve(adapter, path="/file", files=True)))
    adapter.close()
        """,
        # A loop needs descriptors, so there is none: 503 or an error; with the loop, requests go on.
        ["none: 503 503 True", "again: 200", "loop: 200 OSError", "file: 200"],
    ),
    "memory, WsgiToAsgi": (
        """
    adapter = WsgiToAsgi(wsgi_app, threads=2)
    upload = [b"x" * (1 << 25)] * 64  # the same bytes, 64 times: only who joins them needs two gigabytes

    async def main():
        print("before:", outcome(await request(adapter)))
        with no_more_memory(1 << 30):
            for path in ("/allocate", "/late", "/read"):
                print(path, outcome(await request(adapter, "POST", path, body=upload)), outcome(await request(adapter)))
        print("busy:", adapter.stats().busy)
    run(main, limit=60)
    adapter.close()
        """,
        ["before: 200", "/allocate MemoryError 200", "/late MemoryError 200", "/read MemoryError 200", "busy: 0"],
    ),
    "memory, AsgiToWsgi": (
        """
    adapter = AsgiToWsgi(asgi_app, lifespan="off")
    print("before:", outcome(serve(adapter)))
    with no_more_memory(1 << 30):
        for path in ("/allocate", "/late"):
            print(path, outcome(serve(adapter, path=path)), outcome(serve(adapter)))
    print("in flight:", adapter.stats().in_flight)
    adapter.close()
        """,
        ["before: 200", "/allocate MemoryError 200", "/late MemoryError 200", "in flight: 0"],
    ),
}


@pytest.mark.parametrize("shortage", WITHOUT)
def test_without(shortage: str) -> None:
    """B5, B1: a shortage is answered at once, harms no request that needs none of it, and leaves the adapter usable."""
    program, lines = WITHOUT[shortage]
    child = run_python(BEGIN + program)
    assert child.stdout.splitlines() == lines, child.stderr
    assert child.returncode == 0, child.stderr

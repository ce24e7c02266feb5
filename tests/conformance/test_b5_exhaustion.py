"""B5: a full disk, no new thread, a loop that is gone."""

from __future__ import annotations

import errno
import tempfile
import threading
import time
from typing import Any

import pytest

from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN, answering
from tests.harness import Exchange, Gate, fetch, http_scope, request, run, run_python, until

REQUESTING = """
    async def ask(asgi, method="GET", pieces=(b"",)):
        messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
        messages[-1]["more_body"] = False
        sent = []
        done = asyncio.Event()
        async def receive():
            if messages:
                return messages.pop(0)
            await done.wait()
            return {"type": "http.disconnect"}
        async def send(message):
            sent.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                done.set()
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": "/",
                 "query_string": b"", "headers": []}
        try:
            await asyncio.wait_for(asgi(scope, receive, send), 10)
        except Exception as error:
            return "raised " + ("late" if isinstance(error, TimeoutError) and not isinstance(error, OSError) else "500")
        return sent[0]["status"] if done.is_set() else "unfinished"
"""

FULL_DISK = (
    """
    import asyncio, resource
    from bridge import WsgiToAsgi
"""
    + REQUESTING
    + """
    def app(environ, start_response):
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(len(body)).encode()]

    # No file may be larger than this: writing beyond it fails as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    asgi = WsgiToAsgi(app, body="spool", prefetch_size=1000)

    async def main():
        print("small", await ask(asgi, "POST", [b"x" * 100_000] * 2))
        print("large", await ask(asgi, "POST", [b"x" * 100_000] * 10))
        print("again", await ask(asgi, "POST", [b"x" * 100_000] * 2))

    asyncio.run(main())
    asgi.close()
"""
)

NO_THREAD = (
    """
    import asyncio, resource, threading
    from bridge import WsgiToAsgi
"""
    + REQUESTING
    + """
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    asgi = WsgiToAsgi(app, threads=4)

    async def main():
        # A stack larger than the address space: every new thread is refused by the system
        resource.setrlimit(resource.RLIMIT_AS, (1 << 33, resource.RLIM_INFINITY))
        threading.stack_size(1 << 34)
        print("without", await ask(asgi), await ask(asgi))
        threading.stack_size(0)
        print("with", await ask(asgi))

    asyncio.run(main())
    asgi.close()
"""
)


def test_full_disk() -> None:
    """B5: a disk that takes no more of a spooled body answers 503 or 500 at once, and leaves the adapter usable."""
    child = run_python(FULL_DISK)
    lines = dict(line.split(" ", 1) for line in child.stdout.splitlines())
    assert lines.get("small") == "200", child.stderr
    assert lines["large"] in {"503", "500", "raised 500"}
    assert lines["again"] == "200"


def test_no_temporary_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """B5: no temporary file to be had at all: the same."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(-1)
        start_response("200 OK", list(PLAIN))
        return [body]

    adapter = adapt(app, body="spool", prefetch_size=10)
    with monkeypatch.context() as patched:
        for name in ("TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile", "mkstemp"):
            patched.setattr(tempfile, name, refuse)
        response = fetch(adapter, "POST", body=[b"x" * 100] * 3)
        assert response.status in {500, 503} or (response.status is None and response.error is not None)
    assert fetch(adapter, "POST", body=[b"x" * 100] * 3).body == b"x" * 300


def test_no_new_thread() -> None:
    """B5: no new thread to be had answers 503 or 500 at once, and leaves the adapter usable."""
    child = run_python(NO_THREAD)
    lines = child.stdout.splitlines()
    assert len(lines) == 2, child.stderr
    assert lines[0] in {"without 503 503", "without 500 500", "without raised 500 raised 500"}
    assert lines[1] == "with 200"


def test_no_second_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """B5: when a pool cannot grow, requests wait for the threads that it has."""
    running, go_on = Gate("running"), Gate("go on")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/block":
            running.open()
            go_on.wait()
        start_response("200 OK", list(PLAIN))
        return [b"ok"]

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def main() -> None:
        adapter = adapt(app, threads=4)
        async with Exchange(adapter, http_scope(path="/block")) as blocked:
            await running.passed()
            with monkeypatch.context() as patched:
                patched.setattr(threading.Thread, "start", refuse)
                async with Exchange(adapter) as second:
                    await until(lambda: adapter.stats().queued == 1 or second.finished.is_open, "it waits or ends")
                    go_on.open()
                assert second.response.status in {200, 500, 503} or second.response.error is not None
        assert blocked.response.body == b"ok"
        assert (await request(adapter)).body == b"ok"

    run(main)


def test_at_once() -> None:
    """B5: the answer for want of a thread comes at once."""

    class NoThread(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    original = threading.Thread
    threading.Thread = NoThread  # type: ignore[misc]
    try:
        begin = time.monotonic()
        response = fetch(adapt(answering(b"ok")))
    finally:
        threading.Thread = original  # type: ignore[misc]
    assert time.monotonic() - begin < 2
    assert response.status in {200, 500, 503} or response.error is not None

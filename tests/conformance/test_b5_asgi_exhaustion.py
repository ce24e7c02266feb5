"""B5: `AsgiToWsgi` without a new thread to be had, and with a loop that is closed under it."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from bridge import BridgeError
from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import STARTED, answer, answering
from tests.harness import Gate, throw_away
from tests.harness.native import chunk
from tests.harness.wsgi_call import Call, serve


def test_no_thread_for_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """B5: no thread to be had for the loop answers 503 or 500 at once, and leaves the adapter usable."""

    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("can't start new thread")

    adapter = adapt(answering())
    environ = Call(None).environ
    statuses: list[str] = []
    begin = time.monotonic()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        patched.setattr("_thread.start_new_thread", refuse)
        # Their names in threading, before Python 3.13 and since
        patched.setattr(threading, "_start_new_thread", refuse, raising=False)
        patched.setattr(threading, "_start_joinable_thread", refuse, raising=False)
        body = b"".join(adapter(environ, lambda status, *_: statuses.append(status)))  # type: ignore[arg-type]
    assert time.monotonic() - begin < 2
    assert statuses[0][:3] in ("503", "500")
    assert body
    assert serve(adapter).body == b"ok"


def test_no_thread_for_background_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """B5: no thread to be had for thread-sensitive calls of background work is an error there, and no hang."""
    raised: list[BaseException] = []
    refused, go_on, over = Gate("refused"), Gate("go on"), Gate("over")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)
        await go_on.passed()
        try:
            await sync_to_async(threading.get_ident)()
        except Exception as error:
            raised.append(error)
        refused.open()
        await asyncio.sleep(0)
        over.open()

    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("can't start new thread")

    adapter = adapt(app)
    serve(adapter)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        go_on.open()
        refused.wait()
    over.wait()
    assert len(raised) == 1
    assert serve(adapter).body == b"ok"


@pytest.mark.parametrize("how", ["stopped", "closed"])
def test_loop_ended_under_requests(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A9, B5: a loop of the user's that is stopped or closed under requests ends them with an error, within seconds."""
    # How often a waiting thread looks whether its loop still runs; two seconds without this.
    monkeypatch.setattr("bridge.asgi_request._LOOK_UP", 0.1)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running = {path: Gate(f"{path} runs") for path in ("/silent", "/stream")}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/stream":
            await send(STARTED)
            await send(chunk(b"a"))
        running[scope["path"]].open()
        await asyncio.Event().wait()

    adapter = adapt(app, loop=loop, shutdown_grace=0.1)
    with Call(adapter, path="/silent") as silent, Call(adapter, path="/stream") as stream:
        for gate in running.values():
            gate.wait()
        stream.until(lambda: stream.answer.body == b"a")
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        if how == "closed":
            throw_away(loop)
    for call in (silent, stream):
        assert isinstance(call.answer.error, BridgeError)
        assert not call.answer.complete
    if how == "stopped":
        throw_away(loop)

"""B1: a storm of requests of all kinds on `AsgiToWsgi`, most of which end badly."""

from __future__ import annotations

import asyncio
import random
import threading
from typing import Any

import pytest
import uvloop
from asgiref.sync import sync_to_async

from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import END, STARTED, answer, body_of, endless
from tests.harness import eventually
from tests.harness.native import chunk
from tests.harness.wsgi_call import Call, serve

KINDS = [
    *("whole", "stream", "endless", "echo", "threads", "background", "error", "late error", "last error", "exit"),
    *("half", "nothing", "wrong order", "detached", "waits for the disconnect", "cancels receive"),
]
ENDS = ["none", "taken", "slow", "leaves", "short upload", "failing upload", "HEAD"]
REQUESTS = 150
SIDE_BY_SIDE = 12


class Storm:
    """An application with a path for each kind; it counts what has begun and what has ended."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.detached: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun += 1
        try:
            await self.answer(scope["path"].strip("/"), scope, receive, send)
        finally:
            self.ended += 1

    async def answer(self, kind: str, scope: Any, receive: Any, send: Any) -> None:
        """Do what the kind wants."""
        if kind == "endless":
            await endless(scope, receive, send)
        if kind in ("error", "exit"):
            raise {"error": LookupError, "exit": SystemExit}[kind](kind)
        if kind in ("echo", "threads", "waits for the disconnect"):
            await body_of(receive)
        if kind == "threads":
            await asyncio.gather(*(sync_to_async(threading.get_ident)() for _ in range(3)))
        if kind == "detached":
            task = asyncio.create_task(self.later())
            self.detached.add(task)
            task.add_done_callback(self.detached.discard)
        if kind == "cancels receive":
            task = asyncio.ensure_future(receive())
            await asyncio.sleep(0)
            task.cancel()
        if kind in ("whole", "background", "last error", "detached"):
            await answer(send)
            if kind == "background":
                await sync_to_async(threading.get_ident)()
            if kind == "last error":
                raise LookupError(kind)
        elif kind != "nothing":
            await self.stream(kind, receive, send)

    async def stream(self, kind: str, receive: Any, send: Any) -> None:
        """Answer in pieces."""
        await send(STARTED)
        for _ in range(5):
            await send(chunk(b"x" * 1000))
            if kind == "wrong order":
                await send(STARTED)
            if kind == "late error":
                raise LookupError(kind)
        if kind == "waits for the disconnect":
            await asyncio.wait_for(receive(), 10)
            return
        if kind != "half":
            await send(END)

    async def later(self) -> None:
        """Go on after the request."""
        for _ in range(5):
            await sync_to_async(threading.get_ident)()


def one(adapter: Any, kind: str, end: str, number: int) -> None:
    """Make one request and end it as told."""
    body: Any = [b"a" * 40_000, b"b" * 40_000] if number % 2 else [b"a" * 100]
    if end == "failing upload":
        body.append(ConnectionResetError("gone"))
    call = Call(
        adapter,
        "HEAD" if end == "HEAD" else "POST",
        f"/{kind}",
        body=body,
        declared=1_000_000 if end in ("short upload", "failing upload") else True,
        terminated=number % 3 == 0,
        read1=number % 5 == 0,
        tells=number % 7 == 0,
        # What is endless, or waits for the end, needs one.
        take=number % 4 if end == "taken" or kind in ("endless", "waits for the disconnect") else None,
        hold_after=number % 3 if end in ("slow", "leaves") else None,
        valid=number % 2 == 0,
    )
    with call:
        if end == "slow":
            call.resume.open()
        elif end == "leaves":
            call.leave()


@pytest.mark.parametrize("factory", [None, uvloop.new_event_loop])
@pytest.mark.parametrize("seed", [1, 2])
def test_storm(seed: int, factory: Any) -> None:
    """B1: every call returns, every application ends, nothing is left in flight, and the next request is served."""
    app = Storm()
    adapter = adapt(app, loop_factory=factory, write_buffer=2000, prefetch_size=1000, disconnect_grace=0.05)
    dice = random.Random(seed)  # noqa: S311 - to be the same every time
    script = [(dice.choice(KINDS), dice.choice(ENDS), number) for number in range(REQUESTS)]
    failures: list[BaseException] = []
    lock = threading.Lock()

    def client() -> None:
        while True:
            with lock:
                if not script:
                    return
                kind, end, number = script.pop()
            try:
                one(adapter, kind, end, number)
            except BaseException as error:
                error.add_note(f"{kind}, {end}, {number}")
                failures.append(error)

    clients = [threading.Thread(target=client) for _ in range(SIDE_BY_SIDE)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join(50)
    assert failures == []
    eventually(lambda: adapter.stats().in_flight + adapter.stats().background == 0, "nothing is in flight")
    eventually(lambda: not app.detached, "detached tasks have ended")
    found = adapter.stats()
    assert app.begun == app.ended
    assert (found.stuck, found.queued, found.busy) == (0, 0, 0)
    assert found.completed + found.failed + found.disconnected == app.begun
    assert serve(adapter, path="/whole").body == b"ok"

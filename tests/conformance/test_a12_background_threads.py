"""A12: thread-sensitive calls after the WSGI thread has left."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import STARTED, answer, body_of
from tests.harness import Gate, eventually
from tests.harness.native import chunk
from tests.harness.wsgi_call import Call, serve


def name() -> str:
    """Return the name of the thread that runs this."""
    return threading.current_thread().name


def test_a_thread_of_the_bridges() -> None:
    """A12: afterwards a call goes to a thread of the bridge's; all calls of one request to the same one."""
    found: list[str] = []
    over = Gate("over")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)
        await asyncio.sleep(0.01)
        for _ in range(10):
            found.append(await sync_to_async(name)())
            await asyncio.sleep(0)
        found.append(await sync_to_async(async_to_sync(sync_to_async(name)))())
        over.open()

    assert serve(adapt(app)).body == b"ok"
    over.wait()
    assert len(set(found)) == 1
    assert found[0].startswith("bridge-background")


def test_one_at_a_time() -> None:
    """A12: one call at a time per request."""
    busy, most = 0, 0
    over = Gate("over")

    def work() -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        threading.Event().wait(0.005)
        busy -= 1

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)
        await asyncio.sleep(0.01)
        await asyncio.gather(*(sync_to_async(work)() for _ in range(10)))
        over.open()

    assert serve(adapt(app)).body == b"ok"
    over.wait()
    assert most == 1


def test_requests_side_by_side() -> None:
    """A12: background work of several requests runs side by side."""
    meeting = threading.Barrier(4, timeout=10)
    over: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)
        await asyncio.sleep(0.01)
        await sync_to_async(meeting.wait)()
        over.append(1)

    adapter = adapt(app)
    for _ in range(4):
        serve(adapter)
    eventually(lambda: len(over) == 4, "all have met")


def test_bounded_and_ending() -> None:
    """A12: a bounded number of threads, whatever the number of requests; all end when the work is over."""
    go_on = Gate("go on")
    over: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)
        await asyncio.sleep(0.01)
        await sync_to_async(go_on.wait)()
        over.append(1)

    def threads() -> int:
        return len([thread for thread in threading.enumerate() if thread.name.startswith("bridge-background")])

    adapter = adapt(app)
    for _ in range(60):
        serve(adapter)
    eventually(lambda: threads() > 1, "they have begun")
    assert threads() < 40
    go_on.open()
    eventually(lambda: len(over) == 60, "all are over")
    adapter.close()
    eventually(lambda: threads() == 0, "the threads end")


def test_tasks_that_outlive_the_request() -> None:
    """A12: tasks that outlive the request never get an error for it, and their calls run."""
    go_on = Gate("go on")
    found: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    async def detached() -> None:
        await go_on.passed()
        found.extend([await sync_to_async(name)() for _ in range(3)])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        tasks.append(asyncio.create_task(detached()))
        await sync_to_async(name)()
        await answer(send)

    adapter = adapt(app)
    assert serve(adapter).body == b"ok"
    eventually(lambda: adapter.stats().background == 0, "the application has returned")
    go_on.open()
    eventually(lambda: len(found) == 3, "all calls have run")
    assert all(place.startswith("bridge-background") for place in found)


def test_on_the_border() -> None:
    """A12: calls made while the thread leaves run somewhere, each once, whenever that is."""
    adapter_tasks: set[asyncio.Task[Any]] = set()
    ran: list[int] = []
    failures: list[BaseException] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        number = int(scope["path"][1:])

        async def one() -> None:
            for _ in range(number % 7):
                await asyncio.sleep(0)
            try:
                await sync_to_async(ran.append)(number)
            except BaseException as error:
                failures.append(error)

        task = asyncio.create_task(one())
        adapter_tasks.add(task)
        for _ in range(number % 5):
            await asyncio.sleep(0)
        await answer(send)

    adapter = adapt(app)
    for number in range(200):
        assert serve(adapter, path=f"/{number}", valid=False).body == b"ok"
    eventually(lambda: len(ran) + len(failures) == 200, "all calls have run")
    assert failures == []
    assert sorted(ran) == list(range(200))


@pytest.mark.parametrize("grace", [0.05, None])
def test_server_closes_while_a_call_waits(grace: float | None) -> None:
    """A12: a call that waits for the thread when the server closes early runs elsewhere; nothing is lost."""
    asked = Gate("asked")
    found: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await body_of(receive)
        await send(STARTED)
        await send(chunk(b"a"))
        await call.held.passed()
        task = asyncio.create_task(sync_to_async(name)())
        await asyncio.sleep(0)
        asked.open()
        found.append(await task)

    call = Call(adapt(app, disconnect_grace=grace), hold_after=1)
    with call:
        asked.wait()
        call.leave()
    eventually(lambda: found, "the call has run")
    assert found[0].startswith("bridge-background")


def test_clean_up_after_a_cancellation() -> None:
    """A6, A12: finally blocks of an application that was cancelled may call too."""
    found: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        await send(chunk(b"a"))
        try:
            await asyncio.Event().wait()
        finally:
            found.append(await sync_to_async(name)())

    serve(adapt(app, disconnect_grace=0.01), take=1)
    eventually(lambda: found, "the call has run")
    assert found[0].startswith("bridge-background")


def test_background_errors() -> None:
    """A12: errors of such calls are raised where they are awaited."""
    error = LookupError("mine")
    raised: list[BaseException] = []

    def fail() -> None:
        raise error

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)
        await asyncio.sleep(0.01)
        try:
            await sync_to_async(fail)()
        except LookupError as found:
            raised.append(found)

    serve(adapt(app))
    eventually(lambda: raised, "it was raised")
    assert raised == [error]


def test_lifespan() -> None:
    """A12: thread-sensitive calls of the lifespan work, in the startup and in the shutdown."""
    found: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await answer(send)
            return
        await receive()
        found.append(await sync_to_async(name)())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        found.append(await sync_to_async(name)())
        await send({"type": "lifespan.shutdown.complete"})

    adapter = adapt(app, lifespan="on")
    serve(adapter)
    adapter.close()
    assert len(found) == 2

"""A12: thread-sensitive calls in the WSGI thread of their request."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import anyio
import pytest
from asgiref.sync import SyncToAsync, async_to_sync, sync_to_async

from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import END, STARTED, answer, body_of, turns
from tests.harness import Gate
from tests.harness.native import chunk
from tests.harness.settling import LONG_ENOUGH
from tests.harness.wsgi_call import Call, serve


def name() -> str:
    """Return the name of the thread that runs this."""
    return threading.current_thread().name


def names_in(step: Any, **request: Any) -> tuple[str, Any]:
    """Return the name of the request's thread, and what `step()` returns in the application."""
    kept: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if request.get("body"):
            await body_of(receive)
        kept.append(await step())
        await answer(send)

    call = Call(adapt(app), **request)
    with call:
        pass
    assert call.answer.body == b"ok", call.answer
    return call.thread.name, kept[0]


def test_direct() -> None:
    """A12: it runs in the WSGI thread of that request."""
    thread, found = names_in(sync_to_async(name))
    assert found == thread


def test_after_the_body() -> None:
    """A12: also after the body was read, of which there are several pieces."""
    thread, found = names_in(sync_to_async(name), method="POST", body=[b"x" * 70_000] * 3)
    assert found == thread


def test_many_in_a_row() -> None:
    """A12: each of many."""

    async def step() -> set[str]:
        return {await sync_to_async(name)() for _ in range(200)}

    thread, found = names_in(step)
    assert found == {thread}


async def gathered() -> set[str]:
    """Call by gather."""
    return set(await asyncio.gather(*(sync_to_async(name)() for _ in range(5))))


async def grouped() -> set[str]:
    """Call in a TaskGroup."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(sync_to_async(name)()) for _ in range(5)]
    return {task.result() for task in tasks}


async def in_anyio_group() -> set[str]:
    """Call in a group of anyio's."""
    found = set()

    async def one() -> None:
        found.add(await sync_to_async(name)())

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(one)
    return found


async def in_task() -> set[str]:
    """Call in a task."""
    return {await asyncio.create_task(sync_to_async(name)())}


async def nested() -> set[str]:
    """Call in a coroutine that a call runs by async_to_sync, twice."""

    def outer() -> list[str]:
        return [name(), *async_to_sync(middle)(), name()]

    async def middle() -> list[str]:
        return [await sync_to_async(name)(), *await sync_to_async(inner)()]

    def inner() -> list[str]:
        return [name(), async_to_sync(sync_to_async(name))()]

    return set(await sync_to_async(outer)())


@pytest.mark.parametrize("step", [gathered, grouped, in_anyio_group, in_task, nested])
def test_from_tasks_and_nested(step: Any) -> None:
    """A12: from gather, TaskGroup, create_task, anyio's groups, and nested in one another."""
    thread, found = names_in(step)
    assert found == {thread}


def test_not_sensitive() -> None:
    """A12: calls that are not thread-sensitive, and to_thread, keep their own threads."""

    async def step() -> set[str]:
        return {
            await sync_to_async(name, thread_sensitive=False)(),
            await asyncio.to_thread(name),
            await anyio.to_thread.run_sync(name),
        }

    thread, found = names_in(step)
    assert thread not in found


def test_async_to_sync_runs_on_the_loop() -> None:
    """A12: async_to_sync inside a call runs its coroutine on the loop of the application."""

    async def loop() -> asyncio.AbstractEventLoop:
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    async def step() -> bool:
        return await sync_to_async(async_to_sync(loop))() is asyncio.get_running_loop()

    assert names_in(step)[1] is True


def test_marks_are_restored() -> None:
    """A12: after a call asgiref's marks in the WSGI thread are what they were: later code there has its own loop."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await sync_to_async(name)()
        await answer(send, b"%d" % id(asyncio.get_running_loop()))

    adapter = adapt(app)

    async def loop() -> int:
        return id(asyncio.get_running_loop())

    def middleware(environ: dict[str, Any], start_response: Any) -> Any:
        before = dict(vars(SyncToAsync.threadlocal))
        served = list(adapter(environ, start_response))
        after = dict(vars(SyncToAsync.threadlocal))
        seen.append({key: after.get(key) for key in after} == {key: before.get(key) for key in after})
        seen.append(async_to_sync(loop)() != int(served[0]))
        return served

    assert serve(middleware).error is None
    assert seen == [True, True]


class OwnError(Exception):
    """An application's own."""


@pytest.mark.parametrize("kind", [OwnError, KeyError, OSError])
def test_errors(kind: type[Exception]) -> None:
    """A12: what a call raises is raised where it is awaited, and nowhere else."""
    error = kind("mine")

    def fail() -> None:
        raise error

    async def step() -> Any:
        try:
            await sync_to_async(fail)()
        except kind as raised:
            return raised, await sync_to_async(name)()

    thread, found = names_in(step)
    assert found == (error, thread)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_exits(kind: type[BaseException]) -> None:
    """A12, B1: what is no Exception ends the request with an error at the worst, and no other."""

    def fail() -> None:
        raise kind("mine")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/fail":
            await sync_to_async(fail)()
        await answer(send)

    adapter = adapt(app)
    assert serve(adapter, path="/fail").error is not None
    assert serve(adapter).body == b"ok"


def test_cancelled_while_it_runs() -> None:
    """A12: a call whose awaiting was cancelled goes on to its end, and the next one runs after it."""
    running, go_on = Gate("running"), Gate("go on")
    order: list[str] = []

    def slow() -> None:
        running.open()
        go_on.wait()
        order.append("slow is done")

    async def step() -> str:
        task = asyncio.create_task(sync_to_async(slow)())
        await running.passed()
        task.cancel()
        await asyncio.sleep(0)
        following = asyncio.create_task(sync_to_async(lambda: order.append("the next one"))())
        await asyncio.sleep(0)
        go_on.open()
        await asyncio.wait_for(following, 10)
        await asyncio.wait([task], timeout=10)
        return name()

    names_in(step)
    assert order == ["slow is done", "the next one"]


def test_cancelled_before_it_runs() -> None:
    """A12: one that was cancelled while it waited for its turn never runs."""
    running, go_on = Gate("running"), Gate("go on")
    ran: list[str] = []

    def slow() -> None:
        running.open()
        go_on.wait()

    async def step() -> None:
        first = asyncio.create_task(sync_to_async(slow)())
        await running.passed()
        second = asyncio.create_task(sync_to_async(lambda: ran.append("second"))())
        await asyncio.sleep(0)
        second.cancel()
        await turns()  # until asgiref has passed that on
        go_on.open()
        await first
        await asyncio.wait([second], timeout=10)
        assert await sync_to_async(name)()

    names_in(step)
    assert ran == []


def test_requests_do_not_queue() -> None:
    """A12: requests never queue behind one shared thread: calls of several requests run at the same time."""
    meeting = threading.Barrier(5, timeout=10)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await sync_to_async(meeting.wait)()
        await answer(send)

    adapter = adapt(app)
    calls = [Call(adapter) for _ in range(5)]
    for call in calls:
        call.thread.start()
    assert [call.end().body for call in calls] == [b"ok"] * 5


def test_waits_while_the_thread_is_with_the_server() -> None:
    """A12: a call waits while the thread is with the server, and then runs in it, and nothing is lost."""
    asked = Gate("asked")
    found: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        await send(chunk(b"a"))
        await call.held.passed()
        task = asyncio.create_task(sync_to_async(name)())
        await asyncio.sleep(0)
        asked.open()
        found.append(await task)
        await send(END)

    call = Call(adapt(app), hold_after=1)
    with call:
        asked.wait()
        time.sleep(LONG_ENOUGH / 4)
        assert found == []
        call.resume.open()
    assert call.answer.complete
    assert found == [call.thread.name]


def test_between_chunks() -> None:
    """A12: calls and chunks in turn: neither starves the other."""
    found: set[str] = set()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)

        async def calls() -> None:
            for _ in range(50):
                found.add(await sync_to_async(name)())

        async def chunks() -> None:
            for _ in range(500):
                await send(chunk(b"x" * 1000))

        await asyncio.gather(calls(), chunks())
        await send(END)

    call = Call(adapt(app, write_buffer=5000))
    with call:
        pass
    assert (len(call.answer.body), call.answer.complete) == (500_000, True)
    assert found == {call.thread.name}


def test_beside_the_body() -> None:
    """A12: a call waits for a read of the body for one piece at most."""
    gate = Gate("the client goes on")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reading = asyncio.ensure_future(body_of(receive))
        await call.input.reading.passed()
        calling = asyncio.ensure_future(sync_to_async(name)())
        await asyncio.sleep(0)
        gate.open()
        found = await calling
        await answer(send, b"%d %s" % (len(await reading), found.encode()))

    call = Call(adapt(app), "POST", body=[b"a" * 70_000, gate, b"b" * 70_000], read1=True)
    with call:
        pass
    assert call.answer.body == b"140000 " + call.thread.name.encode()

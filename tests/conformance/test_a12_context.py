"""A12: context variables and asgiref's Local."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

from asgiref.local import Local
from asgiref.sync import sync_to_async

from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import STARTED, answer, answering, turns
from tests.harness import Gate, until
from tests.harness.native import chunk
from tests.harness.wsgi_call import Call, serve

var: contextvars.ContextVar[str] = contextvars.ContextVar("var", default="unset")
local: Any = Local()


def look() -> tuple[str, str]:
    """Return what is seen here."""
    return var.get(), getattr(local, "value", "unset")


def setting(app: Any, value: str = "outer", after: Any = lambda: None) -> Any:
    """Return WSGI middleware that sets both before it calls, and looks after that."""

    def middleware(environ: dict[str, Any], start_response: Any) -> Any:
        var.set(value)
        local.value = value
        try:
            return app(environ, start_response)
        finally:
            after()

    return middleware


def test_seen_everywhere() -> None:
    """A12: what the caller set is seen by the application, its tasks, its threads and its background work."""
    seen: dict[str, Any] = {}
    over = Gate("over")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def task() -> None:
            seen["task"] = look()

        seen["at once"] = look()
        await asyncio.sleep(0)
        seen["after a turn"] = look()
        await asyncio.create_task(task())
        seen["thread-sensitive"] = await sync_to_async(look)()
        seen["any thread"] = await sync_to_async(look, thread_sensitive=False)()
        # Where asgiref's Local is not seen without a bridge either
        seen["to_thread"] = (await asyncio.to_thread(var.get), "outer")
        await answer(send)
        await turns()
        seen["background"] = look()
        seen["background's thread"] = await sync_to_async(look)()
        over.open()

    assert serve(setting(adapt(app))).body == b"ok"
    over.wait()
    places = ["at once", "after a turn", "task", "thread-sensitive", "any thread", "to_thread", "background"]
    assert seen == dict.fromkeys([*places, "background's thread"], ("outer", "outer"))


def test_nothing_leaks_to_other_requests() -> None:
    """A12: what an application sets is seen by no other request, on the same thread or another."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(look())
        var.set("leak")
        local.value = "leak"
        await sync_to_async(set_both)()
        await answer(send)

    def set_both() -> None:
        var.set("leak from the thread")
        local.value = "leak from the thread"

    adapter = adapt(app)

    def twice(environ: dict[str, Any], start_response: Any) -> Any:
        adapter({**Call(None).environ, "first": True}, lambda *_: lambda _: None)
        return adapter(environ, start_response)

    assert serve(twice).body == b"ok"
    serve(adapter)
    assert seen == [("unset", "unset")] * 3


def test_caller_keeps_its_own() -> None:
    """A12: the caller's own values are what they were when the adapter returns."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        var.set("inner")
        local.value = "inner"
        await sync_to_async(var.set)("inner thread")
        await answer(send)

    serve(setting(adapt(app), after=lambda: seen.append(look())))
    assert seen == [("outer", "outer")]


def test_calls_give_their_values_back() -> None:
    """A12: what a thread-sensitive call sets is seen by the coroutine that awaited it (asgiref)."""
    seen: list[Any] = []

    def set_both() -> None:
        var.set("from the thread")
        local.value = "from the thread"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await sync_to_async(set_both)()
        seen.append(look())
        seen.append(await sync_to_async(look)())
        await answer(send)

    serve(adapt(app))
    assert seen == [("from the thread", "from the thread")] * 2


def test_each_request_its_own() -> None:
    """A12: requests side by side see each its own."""
    meeting: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        meeting.append(1)
        await until(lambda: len(meeting) == 20, "all are there")
        first, second = look()
        third, fourth = await sync_to_async(look)()
        await answer(send, f"{first} {second} {third} {fourth}".encode())

    adapter = adapt(app)
    calls = [Call(setting(adapter, f"value {number}")) for number in range(20)]
    for call in calls:
        call.thread.start()
    for number, call in enumerate(calls):
        value = f"value {number}"
        assert call.end().body.decode() == " ".join([value] * 4)


def test_streamed_answer() -> None:
    """A12: while the answer is streamed too."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        for _ in range(3):
            await send(chunk(" ".join(await sync_to_async(look)()).encode() + b","))
            await asyncio.sleep(0)
        await send(chunk(more=False))

    assert serve(setting(adapt(app))).body == b"outer outer," * 3


def test_entered_context() -> None:
    """A12: a caller whose own context is entered (context.run) is served."""
    adapter = adapt(answering(b"ok"))

    def middleware(environ: dict[str, Any], start_response: Any) -> Any:
        return contextvars.copy_context().run(adapter, environ, start_response)

    assert serve(middleware).body == b"ok"

"""A9: the background loop."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
import uvloop
from asgiref.sync import sync_to_async

from bridge import BridgeError, UsageError
from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import answer, in_app
from tests.harness import LIMIT, Gate, eventually, run_python
from tests.harness.wsgi_call import serve


async def where(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the loop and the thread."""
    await answer(send, b"%d %d" % (id(asyncio.get_running_loop()), threading.get_ident()))


def test_one_thread_for_all() -> None:
    """A9: one loop thread per process, shared by adapters and requests."""
    adapters = [adapt(where) for _ in range(10)]
    assert len({serve(adapter).body for adapter in adapters * 2}) == 1
    assert len([thread for thread in threading.enumerate() if thread.name.startswith("bridge-loop")]) == 1


def test_another_thread_than_the_request() -> None:
    """A9: it is a thread of its own, with a name."""

    async def step(scope: Any, receive: Any, send: Any) -> str:
        return threading.current_thread().name

    assert in_app(step).startswith("bridge-loop")


def test_started_at_the_first_use() -> None:
    """A9: nothing is started by the import or by making adapters: a server may fork after that."""
    child = run_python("""
        import threading
        from bridge import AsgiToWsgi

        async def app(scope, receive, send): ...
        wsgi = [AsgiToWsgi(app), AsgiToWsgi(app, lifespan="off", loop_factory=None)]
        print(threading.active_count(), [adapter.stats().threads for adapter in wsgi])
    """)
    assert (child.returncode, child.stdout, child.stderr) == (0, "1 [0, 0]\n", "")


def test_loop_factory() -> None:
    """A9: loop_factory= makes the loop; adapters with the same factory share it, others do not."""

    async def kind(scope: Any, receive: Any, send: Any) -> None:
        loop = asyncio.get_running_loop()
        await answer(send, f"{type(loop).__module__} {id(loop)}".encode())

    ours = [adapt(kind, loop_factory=uvloop.new_event_loop) for _ in range(3)]
    bodies = {serve(adapter).body for adapter in ours}
    assert len(bodies) == 1
    assert next(iter(bodies)).startswith(b"uvloop")
    assert serve(adapt(kind)).body not in bodies


def test_failing_loop_factory() -> None:
    """A9: a factory that fails is an error, and no hang."""

    def fail() -> asyncio.AbstractEventLoop:
        raise LookupError("no loop")

    adapter = adapt(where, loop_factory=fail)
    for _ in range(2):
        got = serve(adapter)
        assert got.error is not None or got.code >= 500


class OwnLoop:
    """A loop of the user's, in a thread of the user's."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="the user's loop")
        self.thread.start()

    def stop(self) -> None:
        """Stop the loop, and leave it open."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def close(self) -> None:
        """Stop and close it."""
        self.stop()
        self.loop.close()


@pytest.fixture
def own() -> Any:
    """A running loop of the user's."""
    loop = OwnLoop()
    yield loop
    loop.close()


def test_own_loop(own: OwnLoop) -> None:
    """A9: the application runs on the loop that was given, and the loop goes on after close()."""
    adapter = adapt(where, loop=own.loop)
    assert serve(adapter).body == b"%d %d" % (id(own.loop), own.thread.ident or 0)
    adapter.close()
    assert own.loop.is_running()


def test_a_call_after_the_end(own: OwnLoop) -> None:
    """A11, A12: a task that outlives the adapter may still call, and the thread for that does not stay."""
    found: list[threading.Thread] = []
    tasks: list[asyncio.Task[None]] = []
    closed = Gate("the adapter is closed")

    async def late() -> None:
        await closed.passed()
        found.append(await sync_to_async(threading.current_thread)())

    async def app(scope: Any, receive: Any, send: Any) -> None:
        tasks.append(asyncio.create_task(late()))
        await answer(send)

    adapter = adapt(app, loop=own.loop, lifespan="off")
    assert serve(adapter).body == b"ok"
    adapter.close()
    closed.open()
    eventually(lambda: found, "the call has run")
    assert found[0].name.startswith("bridge-background")
    found[0].join(LIMIT)  # idle ones stay for 30 seconds
    assert not found[0].is_alive()


@pytest.mark.parametrize("how", ["stop", "close"])
@pytest.mark.parametrize("used", [True, False])
def test_own_loop_that_was_stopped(own: OwnLoop, used: bool, how: str) -> None:
    """A9: once it is stopped: a clear error, never a hang."""
    adapter = adapt(where, loop=own.loop)
    if used:
        assert serve(adapter).code == 200
    getattr(own, how)()
    begin = time.monotonic()
    got = serve(adapter)
    assert isinstance(got.error, BridgeError)
    assert "loop" in str(got.error)
    adapter.close()
    assert time.monotonic() - begin < 5


def test_own_loop_that_never_ran() -> None:
    """A9: a loop that does not run: a clear error."""
    loop = asyncio.new_event_loop()
    try:
        got = serve(adapt(where, loop=loop))
        assert isinstance(got.error, UsageError)
    finally:
        loop.close()


def test_own_loop_with_lifespan(own: OwnLoop) -> None:
    """A9, A10: lifespan runs on the loop that was given too."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await answer(send)
            return
        for event in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{event}"
            seen.append(f"{event} in {threading.current_thread().name}")
            await send({"type": f"lifespan.{event}.complete"})

    adapter = adapt(app, loop=own.loop, lifespan="on")
    assert serve(adapter).body == b"ok"
    adapter.close()
    assert seen == ["startup in the user's loop", "shutdown in the user's loop"]


def test_both_options() -> None:
    """B2: loop= and loop_factory= contradict each other."""
    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(UsageError, match="loop_factory"):
            adapt(where, loop=loop, loop_factory=asyncio.new_event_loop)
    finally:
        loop.close()


def test_thread_ends_and_starts_again() -> None:
    """A9, B1: when the last adapter is closed the thread ends; another adapter starts it anew."""
    for _ in range(3):
        adapter = adapt(where)
        assert serve(adapter).code == 200
        adapter.close()
        eventually(
            lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("bridge-")], "it ends"
        )

"""The background loop: when it starts, who shares it, when it ends."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from typing import TYPE_CHECKING

import anyio.to_thread
import pytest
import uvloop

from bridge.handoff.loop_thread import LoopThread, borrow_loop_thread, give_back_loop_thread
from tests.handoff.loop_threads import asyncio_loop, borrowed, factory_of_its_own, has_ended, in_loop, where
from tests.handoff.pools import nothing
from tests.harness import LIMIT, eventually, run_python

if TYPE_CHECKING:
    from bridge.handoff.loop_thread import LoopFactory


def test_lazy() -> None:
    """A9: neither the import nor an adapter that nobody has called starts a thread: servers fork after that."""
    finished = run_python(
        """
        import threading, sys
        from bridge import AsgiToWsgi

        async def app(scope, receive, send):
            raise AssertionError("nobody called")

        adapters = [AsgiToWsgi(app), AsgiToWsgi(app, lifespan="on")]
        assert "uvloop" not in sys.modules and "gevent" not in sys.modules
        assert threading.active_count() == 1, threading.enumerate()
        """
    )
    assert (finished.returncode, finished.stderr) == (0, "")


@pytest.mark.parametrize("make", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_loop_in_a_thread_of_its_own(make: LoopFactory) -> None:
    """A9: the loop that the factory made runs in a daemon thread with a name of bridge's, and knows itself there."""
    made: list[asyncio.AbstractEventLoop] = []

    def factory() -> asyncio.AbstractEventLoop:
        made.append(make())
        return made[-1]

    with borrowed(factory) as loop_thread:
        loop, thread = in_loop(loop_thread, where)
        assert made == [loop]
        assert asyncio_loop(loop_thread) is loop
        assert (thread.name, thread.daemon) == ("bridge-loop", True)
        assert loop_thread.ident == thread.ident
        assert not loop_thread.is_current()
        assert not loop_thread.is_closed()

        async def is_current() -> bool:
            return loop_thread.is_current()

        assert in_loop(loop_thread, is_current)
    assert loop_thread.is_closed()
    assert has_ended(thread)


def test_asyncios_own_by_default() -> None:
    """A9: without a factory it is asyncio's own kind of loop, and the same one for all who ask."""
    first = borrow_loop_thread(None, "first")
    second = borrow_loop_thread(None, "second")
    try:
        assert first is second
        assert type(asyncio_loop(first)) is asyncio.SelectorEventLoop
    finally:
        give_back_loop_thread(second, "second")
        give_back_loop_thread(first, "first")


def test_shared_until_the_last_one_leaves() -> None:
    """A9: the borrowers of a factory share one loop, which goes on until the last of them gives it back."""
    factory = factory_of_its_own()
    threads = [borrow_loop_thread(factory, borrower) for borrower in ("a", "b", "c", "a")]
    assert len(set(threads)) == 1
    loop_thread = threads[0]
    _, thread = in_loop(loop_thread, where)
    for borrower in ("b", "nobody", "a", "a"):
        give_back_loop_thread(loop_thread, borrower)
        assert in_loop(loop_thread, where)[1] is thread, f"{borrower} was not the last one"
    give_back_loop_thread(loop_thread, "c")
    assert loop_thread.is_closed()
    assert has_ended(thread)
    give_back_loop_thread(loop_thread, "c")
    with pytest.raises(RuntimeError):
        loop_thread.loop.put(nothing)


def test_one_for_each_factory() -> None:
    """A9: adapters with different factories have different loops, and one's end is not the other's."""
    with borrowed() as mine:
        with borrowed() as other:
            assert in_loop(mine, where)[1] is not in_loop(other, where)[1]
        assert other.is_closed()
        assert in_loop(mine, where)[0] is asyncio_loop(mine)


def test_a_new_one_after_the_end() -> None:
    """A9: who comes after the last borrower has left gets a new loop in a new thread."""
    factory = factory_of_its_own()
    with borrowed(factory) as first:
        pass
    with borrowed(factory) as second:
        assert second is not first
        assert in_loop(second, where)[0] is not asyncio_loop(first)
    assert second.is_closed()


def test_borrowed_by_many_at_once() -> None:
    """A9: threads that ask at the same moment get the same loop, and the last one that leaves ends it."""
    made: list[asyncio.AbstractEventLoop] = []
    meeting = threading.Barrier(16)
    got: list[LoopThread] = []

    def factory() -> asyncio.AbstractEventLoop:
        made.append(asyncio.new_event_loop())
        return made[-1]

    def borrower(number: int) -> None:
        meeting.wait(LIMIT)
        with borrowed(factory, f"borrower {number}") as loop_thread:
            got.append(loop_thread)
            meeting.wait(LIMIT)  # all have it
            assert in_loop(loop_thread, where)[0] is made[0]
            meeting.wait(LIMIT)

    threads = [threading.Thread(target=borrower, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    assert all(has_ended(thread) for thread in threads)
    assert (len(got), len(set(got)), len(made)) == (16, 1, 1)
    assert got[0].is_closed()


def test_coming_and_going() -> None:
    """A9, B1: borrowers that come while others leave never get a loop that ends under them."""
    factory = factory_of_its_own()
    meeting = threading.Barrier(4)
    failures: list[BaseException] = []

    def borrower(name: str) -> None:
        meeting.wait(LIMIT)
        try:
            for _ in range(25):
                with borrowed(factory, name) as loop_thread:
                    assert in_loop(loop_thread, where)[0] is asyncio_loop(loop_thread)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=borrower, args=(f"borrower {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    assert all(has_ended(thread) for thread in threads)
    assert failures == []


def test_nothing_is_left() -> None:
    """B1: a loop that has ended leaves no thread and no open file, also with a default executor that was used."""
    with borrowed() as loop_thread:  # whatever is opened once only is open then
        in_loop(loop_thread, loop_thread.keep_threads)
    threads, files = set(threading.enumerate()), len(os.listdir("/proc/self/fd"))
    for make in (asyncio.new_event_loop, uvloop.new_event_loop):
        for _ in range(10):
            with borrowed(factory_of_its_own(make)) as loop_thread:
                in_loop(loop_thread, loop_thread.keep_threads)
    eventually(lambda: set(threading.enumerate()) <= threads, "all threads have ended")
    assert len(os.listdir("/proc/self/fd")) <= files


@pytest.mark.parametrize("make", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_threads_for_the_end(make: LoopFactory) -> None:
    """A10: once they were asked to, the loop's executor and anyio's keep a thread each.

    At the interpreter's exit none can be started.
    """

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    async def use_threads() -> None:
        for _ in range(50):
            assert await asyncio.to_thread(lambda: 1) == 1
        assert await asyncio.gather(*(asyncio.to_thread(int) for _ in range(5))) == [0] * 5
        assert await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        assert await anyio.to_thread.run_sync(lambda: 2) == 2

    with borrowed(factory_of_its_own(make)) as loop_thread:
        in_loop(loop_thread, loop_thread.keep_threads)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            in_loop(loop_thread, use_threads)


def test_no_thread_for_the_executor(caplog: pytest.LogCaptureFixture) -> None:
    """B5: where the system gives no thread, or the interpreter exits already, none is kept, silently."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def uses_it() -> int:
        return await asyncio.to_thread(lambda: 1)

    with borrowed() as loop_thread:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            in_loop(loop_thread, loop_thread.keep_threads)
            with pytest.raises(RuntimeError, match="can't start"):
                in_loop(loop_thread, uses_it)
        assert in_loop(loop_thread, uses_it) == 1
    assert caplog.records == []


def test_nobodys_context() -> None:
    """A12: nothing in the loop sees the context variables of whoever happened to start it."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nobody's")
    seen: list[str] = []
    done = threading.Event()

    def look() -> None:
        seen.append(variable.get())
        done.set()

    variable.set("the first borrower's")
    with borrowed() as loop_thread:
        loop_thread.loop.put(look)
        assert done.wait(LIMIT)
    assert seen == ["nobody's"]

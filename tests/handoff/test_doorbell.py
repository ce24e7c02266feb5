"""The eventfd that wakes asyncio's own loops: it is as good as asyncio's socket, and ends with its loop."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from bridge.handoff import doorbell
from bridge.handoff.doorbell import Doorbell, doorbell_of
from bridge.handoff.loop_thread import borrow_loop_thread, give_back_loop_thread
from bridge.handoff.loops import AsyncioLoop
from tests.harness import LIMIT, Gate, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="eventfd is Linux's")

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nobody's")


def descriptors() -> int:
    """How many this process has."""
    return len(os.listdir("/proc/self/fd"))


@contextmanager
def own_loop() -> Iterator[tuple[asyncio.SelectorEventLoop, Doorbell]]:
    """A loop that the test turns, and its doorbell."""
    loop = asyncio.SelectorEventLoop()
    try:
        bell = doorbell_of(loop)
        assert bell is not None
        yield loop, bell
    finally:
        loop.close()


def turn(loop: asyncio.AbstractEventLoop) -> None:
    """Have the loop look at its selector once, and make what calls that brings."""
    loop.call_soon(loop.stop)
    loop.run_forever()


def in_thread(call: Callable[[], object]) -> None:
    """Run a call in a thread of its own, to its end."""
    thread = threading.Thread(target=call)
    thread.start()
    thread.join(LIMIT)
    assert not thread.is_alive()


def test_a_ring_wakes_a_loop_that_sleeps() -> None:
    """B1: a loop with nothing to do makes a call that a thread rings for, and without asyncio's socket."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        rung = Gate()
        ours = AsyncioLoop(loop)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "_write_to_self", None)  # not to be called
            thread = threading.Thread(target=ours.put, args=(rung.open,))
            thread.start()
            await rung.passed()
        thread.join(LIMIT)

    run(main)


def test_there_is_one_for_a_loop() -> None:
    """B1: a thousand adapters on one loop take one descriptor, which is closed when the loop is."""
    before = descriptors()
    loops = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loops.extend([AsyncioLoop(loop) for _ in range(1000)])
        assert doorbell_of(loop) is doorbell_of(loop)
        assert descriptors() < before + 20

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(main())
    # Neither the loop nor what woke it is collected.
    assert len(loops) == 1000
    assert descriptors() == before


def test_it_ends_with_its_loop() -> None:
    """B5: a ring after the end tells so, and writes to no descriptor, which may be another file's."""
    with own_loop() as (loop, bell):
        number = bell._fd
    reader, writer = os.pipe2(os.O_NONBLOCK)
    os.dup2(writer, number)
    try:
        assert bell.ring(lambda: None) is False
        assert not bell._calls
        with pytest.raises(BlockingIOError):
            os.read(reader, 8)
    finally:
        for descriptor in (reader, writer, number):
            os.close(descriptor)
    with pytest.raises(RuntimeError, match="closed"):
        AsyncioLoop(loop).put(lambda: None)


def test_a_loop_that_is_collected_takes_it_along() -> None:
    """B1: a loop that nobody closed leaves no descriptor."""
    gc.collect()
    before = descriptors()
    bell = doorbell_of(asyncio.SelectorEventLoop())
    with pytest.warns(ResourceWarning, match="unclosed event loop"):
        gc.collect()
    assert bell is not None
    assert bell.ring(lambda: None) is False
    assert descriptors() == before


def test_a_loop_is_collected_with_calls_that_wait() -> None:
    """B1: also where calls wait in it that lead to the loop itself, and to an adapter, nothing of it stays."""
    gc.collect()
    before = descriptors()
    loop: asyncio.AbstractEventLoop = asyncio.SelectorEventLoop()
    ours = _ours(loop)
    ours.put(lambda: None)
    gone = weakref.ref(loop)
    del loop, ours
    with pytest.warns(ResourceWarning, match="unclosed event loop"):
        gc.collect()
    assert gone() is None
    assert descriptors() == before


def test_a_closed_loop_that_somebody_keeps_parts_of() -> None:
    """B5: a ring on a closed loop tells so, also where a traceback keeps what its selector held."""
    with own_loop() as (loop, bell):
        ours = _ours(loop)
        kept = [key.fileobj for key in loop._selector.get_map().values()]  # type: ignore[attr-defined]
    assert bell.ring(lambda: None) is False
    with pytest.raises(RuntimeError, match="closed"):
        ours.put(lambda: None)
    assert kept


def test_a_descriptor_that_somebody_else_has_closed() -> None:
    """B1: after a stray close() calls go the loop's own way, and none is lost."""
    made: list[int] = []
    with own_loop() as (loop, bell):
        ours = _ours(loop)
        in_between = os.dup(bell._fd)
        os.close(bell._fd)
        for number in range(3):
            ours.put(partial(made.append, number))
            turn(loop)
        os.dup2(in_between, bell._fd)
        os.close(in_between)
    assert made == [0, 1, 2]


def test_a_loop_that_takes_no_readers() -> None:
    """A9: a loop of somebody's that refuses to watch a descriptor is woken in its own way."""

    class Refusing(asyncio.SelectorEventLoop):
        def add_reader(self, *_arguments: Any) -> None:  # type: ignore[override]
            raise NotImplementedError

    before = descriptors()
    thread = borrow_loop_thread(Refusing, "a test")
    try:
        called = threading.Event()
        thread.loop.put(called.set)
        assert called.wait(LIMIT)
    finally:
        give_back_loop_thread(thread, "a test")
    assert descriptors() == before


def test_calls_run_in_a_context_of_nobody() -> None:
    """W19: what the request that came first has set is not seen by the calls of others."""
    seen: list[str] = []
    variable.set("one request's")
    with own_loop() as (loop, bell):
        in_thread(lambda: bell.ring(lambda: seen.append(variable.get())))
        turn(loop)
    assert seen == ["nobody's"]


def test_a_loop_without_readers() -> None:
    """B1: where somebody has taken all readers out of a loop, what waits is called all the same, and what comes."""
    made: list[int] = []
    with own_loop() as (loop, bell):
        ours = _ours(loop)
        ours.put(lambda: made.append(1))
        loop.remove_reader(bell._fd)
        ours.put(lambda: made.append(2))
        turn(loop)
        ours.put(lambda: made.append(3))
        turn(loop)
    assert made == [1, 2, 3]


def _ours(loop: asyncio.AbstractEventLoop) -> AsyncioLoop:
    """What adapters have of a loop; made in it, for only there is the doorbell asked for."""
    made: list[AsyncioLoop] = []
    loop.call_soon(lambda: made.append(AsyncioLoop(loop)))
    turn(loop)
    return made[0]


def test_no_descriptor_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """B1: a system that gives no eventfd costs speed, and no request."""

    def refuse(*_arguments: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "eventfd", refuse)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert doorbell_of(loop) is None
        gate = Gate()
        ours = AsyncioLoop(loop)
        in_thread(lambda: ours.put(gate.open))
        await gate.passed()

    run(main)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()], ids=repr)
def test_an_interruption_loses_no_call(error: BaseException) -> None:
    """B1: what a signal handler raises ends the run; when the loop goes on, the calls behind are made."""
    made: list[str] = []
    errors = [error]

    def interrupted() -> None:
        if errors:
            raise errors.pop()
        made.append("again")

    with own_loop() as (loop, bell):
        bell.ring(lambda: made.append("first"))
        bell.ring(interrupted)
        bell.ring(lambda: made.append("last"))
        with pytest.raises(type(error)):
            turn(loop)
        turn(loop)
    assert made == ["first", "again", "last"]


def test_a_ring_that_another_process_heard() -> None:
    """B1: an eventfd that a forked child has read is nothing to fail about: the calls are made."""
    made: list[int] = []
    failed: list[Any] = []
    with own_loop() as (loop, bell):
        loop.set_exception_handler(lambda _loop, context: failed.append(context))
        bell.ring(lambda: made.append(1))
        loop.call_soon(os.eventfd_read, bell._fd)  # before the loop's answer, which this turn's selector has brought
        turn(loop)
        turn(loop)
        bell.ring(lambda: made.append(2))
        turn(loop)
    assert made == [1, 2]
    assert not failed


def test_a_child_is_not_kept_by_a_threads_lock() -> None:
    """B2: a process that was forked while a thread of its parent rang can let go of the loop, and rings itself."""
    with own_loop() as (loop, bell):
        held, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            with bell._mutex:
                held.set()
                go_on.wait(LIMIT)

        thread = threading.Thread(target=hold)
        thread.start()
        assert held.wait(LIMIT)
        child = os.fork()
        if not child:
            # In this thread: a new one may be given the ident of the one that is gone, and pass for the lock's owner.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(5)
            bell.ring(lambda: None)
            os._exit(0)
        go_on.set()
        thread.join(LIMIT)
        assert os.waitpid(child, 0)[1] == 0
    assert loop.is_closed()


def test_locks_of_gevent() -> None:
    """B1: where locks are gevent's, which give way to other greenlets, a loop is woken in its own way."""
    program = """
from gevent import monkey
monkey.patch_all()
from bridge.handoff import doorbell, loop_thread
thread = loop_thread.borrow_loop_thread(None, "a test")
assert thread.loop.asyncio_loop.is_running()
assert not doorbell._doorbells
loop_thread.give_back_loop_thread(thread, "a test")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=LIMIT)


def test_only_asyncios_own_loops_have_one() -> None:
    """W19: another kind of loop is woken in its own way."""
    import uvloop  # noqa: PLC0415  as a stand-in for any other kind

    loop = uvloop.new_event_loop()
    try:
        assert doorbell_of(loop) is None
    finally:
        loop.close()
    assert loop not in doorbell._doorbells

"""What bridge needs of a loop, the same on asyncio, uvloop and trio."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio
import uvloop

from bridge.handoff.doorbell import Doorbell
from bridge.handoff.loops import AsyncioLoop, Loop, TrioLoop, make_loop, running_loop_key
from tests.harness import BACKENDS, LIMIT, Gate, run

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nobody's")


def this_loop() -> Loop:
    """The loop that runs here."""
    return make_loop(*running_loop_key())


def in_thread(call: Callable[[], object]) -> threading.Thread:
    """Run a call in a thread of its own."""
    thread = threading.Thread(target=call)
    thread.start()
    return thread


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Each kind of loop."""
    return str(request.param)


def test_which_loop(backend: str) -> None:
    """W19: the running loop is found, is the same each time, and is told apart from others."""
    keys = []

    async def main() -> None:
        key, _ = running_loop_key()
        assert running_loop_key()[0] is key
        loop = this_loop()
        assert isinstance(loop, TrioLoop if backend == "trio" else AsyncioLoop)
        assert (loop.asyncio_loop is None) is (backend == "trio")
        assert loop.asyncio_loop in (None, key)
        assert not loop.is_closed()
        keys.append(key)

    run(main, backend=backend)
    run(main, backend=backend)
    assert keys[0] is not keys[1]
    assert len({*keys}) == 2


def test_no_loop() -> None:
    """A call outside of any loop is an error."""
    with pytest.raises(RuntimeError):
        running_loop_key()


def test_trio_on_top_of_asyncio() -> None:
    """W19: in guest mode trio runs inside an asyncio loop; the application is trio's."""
    found: list[Any] = []

    async def guest() -> None:
        found.append(running_loop_key()[0])
        found.append(trio.lowlevel.current_trio_token())

    async def main() -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        trio.lowlevel.start_guest_run(
            guest, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=lambda _outcome: done.set()
        )
        await asyncio.wait_for(done.wait(), LIMIT)
        assert running_loop_key()[0] is loop

    run(main)
    assert found[0] is found[1]


# ---- put and slot ----------------------------------------------------------------------------------------------------


def test_put_ends_a_wait(backend: str) -> None:
    """A thread ends the wait of a coroutine, in the loop's own thread."""

    async def main() -> None:
        loop = this_loop()
        slot = loop.slot()
        assert not slot.done()
        where: list[int] = []

        def wake() -> None:
            where.append(threading.get_ident())
            slot.set_result(None)

        thread = in_thread(lambda: loop.put(wake))
        await slot
        assert slot.done()
        assert where == [threading.get_ident()]
        thread.join(LIMIT)

    run(main, backend=backend)


def test_a_slot_that_was_ended_before(backend: str) -> None:
    """A wait that was ended before it began does not wait, and gives nobody else a turn."""

    async def main() -> None:
        loop = this_loop()
        ran: list[int] = []
        slot = loop.slot()
        slot.set_result(None)
        assert slot.done()
        loop.put(lambda: ran.append(1))
        await slot
        assert ran == []

    run(main, backend=backend)


@pytest.mark.parametrize("moment", ["while it waits", "before it waits"])
def test_a_wait_that_is_cancelled(backend: str, moment: str) -> None:
    """W18: a wait can be cancelled; ending it afterwards harms nobody."""

    async def main() -> None:
        loop = this_loop()
        slot = loop.slot()
        ended = Gate("ended")
        with anyio.CancelScope() as scope:
            if moment == "before it waits":
                scope.cancel()
            else:
                loop.put(scope.cancel)
            try:
                await slot
            finally:
                ended.open()
        assert ended.is_open
        assert scope.cancelled_caught

        def end() -> None:
            if not slot.done():
                slot.set_result(None)

        loop.put(end)
        await turns()

    run(main, backend=backend)


def test_ended_and_cancelled_at_once(backend: str) -> None:
    """W18: a wait that is ended and cancelled in the same turn ends once, in whatever order."""

    async def main() -> None:
        loop = this_loop()
        for ends_first in (True, False):
            slot = loop.slot()
            with anyio.CancelScope() as scope:

                def both(slot: Any = slot, scope: Any = scope, *, ends_first: bool = ends_first) -> None:
                    calls = [lambda: None if slot.done() else slot.set_result(None), scope.cancel]
                    for call in calls if ends_first else reversed(calls):
                        call()

                loop.put(both)
                await slot
                await anyio.lowlevel.checkpoint()
            assert scope.cancel_called
        await turns()

    run(main, backend=backend)


async def turns(count: int = 5) -> None:
    """Let the loop turn a few times."""
    for _ in range(count):
        await anyio.lowlevel.checkpoint()


def test_put_from_many_threads(backend: str) -> None:
    """Every call from 6 threads runs once, in its thread's order, in the loop."""

    async def main() -> None:
        loop = this_loop()
        ran: list[tuple[int, int]] = []
        all_ran = Gate("all ran")

        def take(producer: int, number: int) -> None:
            ran.append((producer, number))
            if len(ran) == 6 * 500:
                all_ran.open()

        def produce(producer: int) -> None:
            for number in range(500):
                loop.put(partial(take, producer, number))

        threads = [in_thread(partial(produce, producer)) for producer in range(6)]
        await all_ran.passed()
        for thread in threads:
            thread.join(LIMIT)
        for producer in range(6):
            assert [number for who, number in ran if who == producer] == list(range(500))

    run(main, backend=backend)


def test_one_wakeup_for_many_calls(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """W17: a hundred calls that come while the loop is busy wake it once, on every kind of loop."""

    async def main() -> None:
        key, module = running_loop_key()
        woken = 0
        # Where it is looked up: trio's tokens take no new attributes.
        owner, name = {
            "trio": (type(key), "run_sync_soon"),
            "asyncio": (Doorbell, "ring"),
            "uvloop": (key, "call_soon_threadsafe"),
        }[backend]
        wake = getattr(owner, name)

        def counting(*arguments: Any, **keywords: Any) -> object:
            nonlocal woken
            woken += 1
            return wake(*arguments, **keywords)

        monkeypatch.setattr(owner, name, counting)
        loop = make_loop(key, module)
        slot = loop.slot()
        for _ in range(99):
            loop.put(lambda: None)
        loop.put(lambda: slot.set_result(None))
        monkeypatch.undo()
        assert woken == 1
        await slot

    run(main, backend=backend)


def test_put_raises_once_the_loop_is_closed(backend: str) -> None:
    """B5: a call into a loop that has ended raises at once."""
    found: list[Loop] = []

    async def main() -> None:
        found.append(this_loop())

    run(main, backend=backend)
    [loop] = found
    assert loop.is_closed()
    for _ in range(2):
        with pytest.raises(RuntimeError):
            loop.put(lambda: None)
    assert loop.is_closed()


def test_is_closed_is_known_without_a_call() -> None:
    """B5: a thread that waits can ask a trio run whether it has finished, without a call that failed before."""
    found: list[Loop] = []
    answers: list[bool] = []

    async def main() -> None:
        found.append(this_loop())
        thread = in_thread(lambda: answers.append(found[0].is_closed()))
        await anyio.to_thread.run_sync(thread.join)

    run(main, backend="trio")
    in_thread(lambda: answers.append(found[0].is_closed())).join(LIMIT)
    assert answers == [False, True]


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_loop_that_is_closed_over_waiting_calls(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """B5: also where the loop was closed while a call waited in it, further calls raise."""
    loop = factory()
    ours = make_loop(loop, None)
    ours.put(lambda: None)
    loop.close()
    assert ours.is_closed()
    with pytest.raises(RuntimeError):
        ours.put(lambda: None)


def test_a_failing_call_ends_no_loop(backend: str, caplog: pytest.LogCaptureFixture) -> None:
    """B1: an error in one call is logged and neither ends the loop nor keeps other calls."""

    async def main() -> None:
        loop = this_loop()
        slot = loop.slot()

        def fail() -> None:
            raise ValueError("a request's")

        loop.put(fail)
        loop.put(lambda: slot.set_result(None))
        await slot

    with caplog.at_level(logging.ERROR, "bridge"):
        run(main, backend=backend)
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["a request's"]


def test_calls_see_no_context_of_a_thread(backend: str) -> None:
    """W15: the calls of several threads run together; none sees context variables of the thread that woke the loop."""

    async def main() -> None:
        loop = this_loop()
        slot = loop.slot()
        seen: list[str] = []

        def call() -> None:
            seen.append(variable.get())
            variable.set("a call's")
            slot.set_result(None)

        def put() -> None:
            variable.set("a thread's")
            loop.put(call)

        thread = in_thread(put)
        await slot
        thread.join(LIMIT)
        assert seen == ["nobody's"]
        assert variable.get() == "nobody's"

    run(main, backend=backend)


# ---- call_later ------------------------------------------------------------------------------------------------------


def test_call_later(backend: str) -> None:
    """A call runs in the loop after its time, the earlier one first."""

    async def main() -> None:
        loop = this_loop()
        ran: list[str] = []
        slot = loop.slot()

        def later() -> None:
            ran.append("later")
            slot.set_result(None)

        loop.call_later(0.05, later)
        loop.call_later(0.001, lambda: ran.append("sooner"))
        assert ran == []
        await slot
        assert ran == ["sooner", "later"]

    run(main, backend=backend)


def test_call_later_cancelled(backend: str) -> None:
    """A call that is cancelled does not run, whether at once or after its turn to wait began; twice is once."""

    async def main() -> None:
        loop = this_loop()
        ran: list[int] = []
        at_once = loop.call_later(0.0, lambda: ran.append(1))
        at_once.cancel()
        later = loop.call_later(0.02, lambda: ran.append(2))
        await turns()
        later.cancel()
        later.cancel()
        slot = loop.slot()
        timer = loop.call_later(0.04, lambda: slot.set_result(None))
        await slot
        timer.cancel()
        assert ran == []

    run(main, backend=backend)


# ---- spawn -----------------------------------------------------------------------------------------------------------


class Ended:
    """Counts how often a coroutine was said to have ended, and waits for it."""

    def __init__(self) -> None:
        self.times = 0
        self.gate = Gate("ended")

    def __call__(self) -> None:
        self.times += 1
        self.gate.open()


def test_spawn(backend: str) -> None:
    """A coroutine runs beside the current one, and its end is told once, after it."""

    async def main() -> None:
        loop = this_loop()
        ended = Ended()
        go, steps = Gate("go"), list[str]()

        async def beside() -> None:
            steps.append("begun")
            await go.passed()
            steps.append("done")

        def end() -> None:
            steps.append("ended")
            ended()

        loop.spawn(beside, end, contextvars.Context())
        await turns()
        assert steps == ["begun"]
        go.open()
        await ended.gate.passed()
        assert steps == ["begun", "done", "ended"]
        assert ended.times == 1

    run(main, backend=backend)


def test_spawn_cancelled(backend: str) -> None:
    """W18: a coroutine that is cancelled runs its clean-up, and its end is told once."""

    async def main() -> None:
        loop = this_loop()
        ended = Ended()
        steps: list[str] = []

        async def beside() -> None:
            try:
                await loop.slot()
            finally:
                steps.append("cleaned up")

        task = loop.spawn(beside, ended, contextvars.Context())
        await turns()
        task.cancel()
        task.cancel()
        await ended.gate.passed()
        await turns()
        assert (steps, ended.times) == (["cleaned up"], 1)
        task.cancel()
        await turns()
        assert ended.times == 1

    run(main, backend=backend)


def test_spawn_cancelled_before_its_first_step(backend: str) -> None:
    """W18: the end is told also of a coroutine that was cancelled before it began; it waits for nothing."""

    async def main() -> None:
        loop = this_loop()
        ended = Ended()
        steps: list[str] = []

        async def beside() -> None:
            steps.append("begun")
            await loop.slot()
            steps.append("went on")

        task = loop.spawn(beside, ended, contextvars.Context())
        task.cancel()
        await ended.gate.passed()
        await turns()
        assert ended.times == 1
        assert "went on" not in steps

    run(main, backend=backend)


def test_spawn_that_ends_at_once(backend: str) -> None:
    """The end is told of a coroutine that never waits."""

    async def main() -> None:
        loop = this_loop()
        ended = Ended()

        async def beside() -> None:
            pass

        task = loop.spawn(beside, ended, contextvars.Context())
        await ended.gate.passed()
        task.cancel()
        await turns()
        assert ended.times == 1

    run(main, backend=backend)


def test_spawn_that_fails(backend: str, caplog: pytest.LogCaptureFixture) -> None:
    """B1: an error in it ends no loop, and its end is told."""

    async def main() -> None:
        loop = this_loop()
        if loop.asyncio_loop is not None:
            loop.asyncio_loop.set_exception_handler(lambda _loop, _context: None)
        ended = Ended()

        async def beside() -> None:
            raise ValueError("its own")

        loop.spawn(beside, ended, contextvars.Context())
        await ended.gate.passed()
        gc.collect()
        await turns()
        assert ended.times == 1

    with caplog.at_level(logging.CRITICAL + 1):
        run(main, backend=backend)


def test_spawn_is_not_forgotten(backend: str) -> None:
    """A coroutine that nobody holds is not collected while it waits: asyncio itself keeps its tasks weakly."""

    async def main() -> None:
        loop = this_loop()
        ended = Ended()
        slots: list[Any] = []

        async def beside() -> None:
            slot = loop.slot()
            slots.append(weakref.ref(slot) if backend != "trio" else lambda: slot)
            await slot

        loop.spawn(beside, ended, contextvars.Context())
        await turns()
        gc.collect()
        await turns()
        assert ended.times == 0
        slot = slots[0]()
        assert slot is not None
        slot.set_result(None)
        await ended.gate.passed()

    run(main, backend=backend)


def test_spawn_runs_in_its_context(backend: str) -> None:
    """W15: a coroutine sees the context variables of the request that it is spawned for, and no other's."""

    async def main() -> None:
        loop = this_loop()
        seen: list[str] = []
        contexts = []
        for name in ("first", "second"):
            context = contextvars.copy_context()
            context.run(variable.set, name)
            contexts.append(context)
        ended = [Ended(), Ended()]

        async def beside() -> None:
            seen.append(variable.get())
            await anyio.lowlevel.checkpoint()
            variable.set("changed " + variable.get())

        def spawn_both() -> None:
            for context, end in zip(contexts, ended, strict=True):
                loop.spawn(beside, end, context)

        def put() -> None:
            variable.set("a thread's")
            loop.put(spawn_both)

        in_thread(put).join(LIMIT)
        for end in ended:
            await end.gate.passed()
        assert sorted(seen) == ["first", "second"]
        assert [context[variable] for context in contexts] == ["changed first", "changed second"]
        assert variable.get() == "nobody's"

    run(main, backend=backend)

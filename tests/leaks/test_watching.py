"""The look at what a test leaves: it sees each kind, and waits for what is about to end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import uvloop

from bridge.handoff.loop_thread import borrow_loop_thread, give_back_loop_thread
from bridge.handoff.workers import WorkerPool
from tests.handoff.loop_threads import asyncio_loop, borrowed
from tests.harness import LIMIT, throw_away
from tests.leaks.census import KINDS, Census
from tests.leaks.watching import nothing_is_left

SHORT = 0.15
"""Seconds for what will not end."""

MILLISECOND = 0.001


@contextlib.contextmanager
def a_thread() -> Iterator[None]:
    """A thread that goes on."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    yield
    over.set()
    thread.join(LIMIT)


@contextlib.contextmanager
def a_pool() -> Iterator[None]:
    """A thread of a pool that nobody has told to end."""
    pool = WorkerPool(1)
    ran = threading.Event()
    pool.submit(ran.set)
    assert ran.wait(LIMIT)
    yield
    pool.retire()


@contextlib.contextmanager
def a_descriptor() -> Iterator[None]:
    """An open descriptor that no object stands for."""
    number = os.open(Path(__file__), os.O_RDONLY)
    yield
    os.close(number)


@contextlib.contextmanager
def a_loop() -> Iterator[None]:
    """A loop that is not closed."""
    loop = asyncio.new_event_loop()
    yield
    loop.close()


@contextlib.contextmanager
def a_uvloop() -> Iterator[None]:
    """uvloop's loop, which is not closed."""
    loop = uvloop.new_event_loop()
    yield
    loop.close()


@contextlib.contextmanager
def a_task() -> Iterator[None]:
    """A task of a loop that does not run."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(asyncio.sleep(LIMIT))
    loop.run_until_complete(asyncio.sleep(0))  # it has begun
    yield
    throw_away(loop)
    del task


@contextlib.contextmanager
def a_loop_thread() -> Iterator[None]:
    """bridge's own loop, whose last borrower has not given it back."""
    thread = borrow_loop_thread(None, "a test")
    yield
    give_back_loop_thread(thread, "a test")


LEAKS: dict[str, tuple[Callable[[], AbstractContextManager[None]], str]] = {
    "thread": (a_thread, "threads: Thread-"),
    "pool": (a_pool, "threads: bridge-"),
    "descriptor": (a_descriptor, "descriptors: .*test_watching.py"),
    "loop": (a_loop, "loops: <_UnixSelectorEventLoop"),
    "uvloop": (a_uvloop, "loops: <uvloop.Loop"),
    "task": (a_task, "tasks: <Task pending"),
    "loop thread": (a_loop_thread, "threads: bridge-loop"),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_found(name: str) -> None:
    """B1: each kind of leak is found and named, and is gone for the next test once it has ended."""
    leak, told = LEAKS[name]
    with contextlib.ExitStack() as stack:
        with pytest.raises(AssertionError, match=told), nothing_is_left(ends_within=SHORT):
            stack.enter_context(leak())
        with nothing_is_left(ends_within=SHORT):
            pass


@pytest.mark.parametrize("name", ["thread", "descriptor"])
def test_an_exemption_is_for_its_kinds(name: str) -> None:
    """B1: what a test says that it leaves is not looked at; all else is."""
    leak, told = LEAKS[name]
    own = name + "s"
    with contextlib.ExitStack() as after, nothing_is_left([own], ends_within=SHORT):
        after.enter_context(leak())
    with contextlib.ExitStack() as after:
        others = [kind for kind in KINDS if kind != own]
        with pytest.raises(AssertionError, match=told), nothing_is_left(others, ends_within=SHORT):
            after.enter_context(leak())


def test_a_number_that_is_given_out_again() -> None:
    """B1: a descriptor in place of another one is found, though there are as many as before."""
    number = os.open(Path(__file__), os.O_RDONLY)
    again = -1
    with pytest.raises(AssertionError, match="descriptors"), nothing_is_left(ends_within=SHORT):  # noqa: PT012
        os.close(number)
        again = os.open(Path(__file__).parent, os.O_RDONLY)
    os.close(again)
    assert again == number


def test_a_task_of_a_loop_that_runs() -> None:
    """B1: a task on a loop of another thread, which was there before, is found."""
    with borrowed() as thread:
        loop = asyncio_loop(thread)
        over = asyncio.Event()
        with pytest.raises(AssertionError, match=r"tasks: .*Event\.wait"), nothing_is_left(ends_within=SHORT):  # noqa: PT012
            future = asyncio.run_coroutine_threadsafe(over.wait(), loop)
            begun = threading.Event()
            loop.call_soon_threadsafe(loop.call_soon, begun.set)
            assert begun.wait(LIMIT)
        loop.call_soon_threadsafe(over.set)
        future.result(LIMIT)


def test_what_ends_in_time() -> None:
    """B1: a thread that needs a moment is waited for."""
    with nothing_is_left(ends_within=LIMIT):
        thread = threading.Thread(target=time.sleep, args=(0.1,))
        thread.start()
    assert not thread.is_alive()


def test_what_only_the_collector_frees() -> None:
    """B1: a descriptor among garbage is no leak; a file or a loop there warns when it is collected."""

    class Holder:
        def __init__(self) -> None:
            self.itself = self
            self.number = os.open(Path(__file__), os.O_RDONLY)

        def __del__(self) -> None:
            os.close(self.number)

    with nothing_is_left(ends_within=LIMIT):
        Holder()


def test_the_look_is_cheap() -> None:
    """The two looks at a test take less than a millisecond of the processor, so that every test can have them."""

    def seconds() -> float:
        started = time.thread_time()
        Census().new_since(Census())
        return time.thread_time() - started

    assert min(seconds() for _ in range(20)) < MILLISECOND


def test_every_test_has_it(request: pytest.FixtureRequest) -> None:
    """B1: no test of the suite goes without."""
    without = [item.nodeid for item in request.session.items if "every_test_cleans_up" not in item.fixturenames]  # type: ignore[attr-defined]
    assert without == []

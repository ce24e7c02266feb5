"""A background loop and the child of a fork."""

from __future__ import annotations

import pytest

from tests.harness import run_python

PROGRAM = """if True:
    import asyncio, gc, os, signal, socket, sys, threading, uvloop, warnings

    warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads is the point
    {before}
    from bridge.handoff.loop_thread import borrow_loop_thread, give_back_loop_thread

    factory = {factory}

    def in_loop(thread, main):
        return asyncio.run_coroutine_threadsafe(main(), thread.loop.asyncio_loop).result(10)

    async def look():
        # A timer, a socket, another thread: all that a loop can wait for
        await asyncio.sleep(0.001)
        left, right = socket.socketpair()
        left.setblocking(False)
        right.setblocking(False)
        loop = asyncio.get_running_loop()
        receiving = asyncio.create_task(loop.sock_recv(right, 10))
        await asyncio.sleep(0)
        await loop.sock_sendall(left, b"through")
        assert await receiving == b"through"
        left.close()
        right.close()
        assert await asyncio.to_thread(int) == 0
        return os.getpid(), threading.get_native_id()

    def works(thread):
        pid, thread_id = in_loop(thread, look)
        assert pid == os.getpid(), (pid, os.getpid())
        assert thread_id != threading.get_native_id()
        return True

    def fork(run, leave=os._exit):
        pid = os.fork()
        if pid == 0:
            signal.alarm(20)  # a child that hangs ends
            code = 1
            try:
                run()
                code = 0
            except BaseException:
                sys.excepthook(*sys.exc_info())
            leave(code)
        return pid

    def ended(pid):
        return os.waitpid(pid, 0)[1]

    def in_child():
        thread = borrow_loop_thread(factory, "the child's")
        assert works(thread)
        give_back_loop_thread(thread, "the child's")
        assert thread.is_closed()
        again = borrow_loop_thread(factory, "the child's")
        assert again is not thread and works(again)

"""

# A server in C may fork without Python's knowing: nothing of bridge's is told of it.
UNHOOKED = "import bridge.errors, concurrent.futures, random, logging; os.register_at_fork = lambda **hooks: None"

SCENARIOS = {
    "not used in the parent, or no more": """
    assert ended(fork(in_child)) == 0
    parents = borrow_loop_thread(factory, "the parent's")
    assert works(parents)
    give_back_loop_thread(parents, "the parent's")
    assert ended(fork(in_child)) == 0
    again = borrow_loop_thread(factory, "the parent's")
    assert works(again)
    """,
    "used in the parent": """
    parents = borrow_loop_thread(factory, "the parent's")
    assert works(parents)
    children = [fork(in_child) for _ in range(3)]
    assert works(parents)
    assert [ended(child) for child in children] == [0, 0, 0]
    assert works(parents)
    assert borrow_loop_thread(factory, "another") is parents
    """,
    "the parent's is given back in the child": """
    parents = borrow_loop_thread(factory, "the parent's")
    assert works(parents)

    def gives_back():
        give_back_loop_thread(parents, "the parent's")
        in_child()
        give_back_loop_thread(parents, "the parent's")

    assert ended(fork(gives_back)) == 0
    assert works(parents)
    """,
    "a child of a child": """
    parents = borrow_loop_thread(factory, "the parent's")
    assert works(parents)

    def forks():
        in_child()
        mine = borrow_loop_thread(factory, "the child's")
        assert ended(fork(in_child)) == 0
        assert works(mine)

    assert ended(fork(forks)) == 0
    assert works(parents)
    """,
    "the lock is held at the fork": """
    from bridge.handoff import loop_thread
    held, free = threading.Event(), threading.Event()

    def holds():
        with loop_thread._threads.mutex:
            held.set()
            free.wait(10)

    thread = threading.Thread(target=holds)
    thread.start()
    assert held.wait(10)
    status = ended(fork(in_child))
    free.set()
    thread.join(10)
    assert status == 0
    """,
    # The whole end of an interpreter: what the child has inherited is collected, and must not touch the parent's files.
    "a child that exits as programs do": """
    parents = borrow_loop_thread(factory, "the parent's")
    assert works(parents)

    def exits():
        in_child()
        gc.collect()

    assert ended(fork(exits, sys.exit)) == 0
    assert works(parents)
    assert ended(fork(int, sys.exit)) == 0
    assert works(parents)
    """,
    # A request that forks: the child's only thread is then the loop's own, in the middle of a step of it
    "forked in the loop": """
    parents = borrow_loop_thread(factory, "the parent's")

    async def forks():
        return fork(in_child)

    assert ended(in_loop(parents, forks)) == 0
    assert works(parents)
    """,
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_child_starts_its_own(scenario: str) -> None:
    """A9: a child starts a loop of its own, whatever the parent has; the parent's goes on unharmed."""
    run_scenario(scenario)


@pytest.mark.parametrize("scenario", list(SCENARIOS)[:3])
def test_a_fork_that_python_does_not_hear_of(scenario: str) -> None:
    """A9: the same where none of bridge's hooks runs at the fork."""
    run_scenario(scenario, before=UNHOOKED)


@pytest.mark.parametrize("scenario", ["used in the parent", "a child that exits as programs do"])
def test_uvloop(scenario: str) -> None:
    """A9: the same on uvloop."""
    run_scenario(scenario, factory="uvloop.new_event_loop")


def run_scenario(scenario: str, *, before: str = "pass", factory: str = "None") -> None:
    """Run a scenario in a process of its own."""
    finished = run_python(PROGRAM.format(before=before, factory=factory) + SCENARIOS[scenario])
    assert (finished.returncode, finished.stderr) == (0, "")

"""The background loop where gevent has made greenlets of all threads, as in gunicorn's gevent workers."""

from __future__ import annotations

import pytest

from tests.harness import run_python

PROGRAM = """if True:
    import gevent.monkey

    gevent.monkey.patch_all()
    import asyncio, os, signal, socket, sys, threading, time, warnings
    import anyio.to_thread, gevent

    warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads is the point of some
    from bridge.handoff.baton import Baton
    from bridge.handoff.loop_thread import borrow_loop_thread, give_back_loop_thread

    real_ident = gevent.monkey.get_original("threading", "get_native_id")
    main_ident = real_ident()
    ticks = []

    def tick():
        while True:
            ticks.append(real_ident())
            gevent.sleep(0.001)

    def in_loop(thread, main):
        '''What a request does: put a call into the loop, and wait for a baton.'''
        baton, outcome = Baton(), []

        async def guarded():
            try:
                outcome.append(await main())
            except BaseException as error:
                outcome.append(error)
            baton.wake()

        tasks = set()
        thread.loop.put(lambda: tasks.add(asyncio.get_running_loop().create_task(guarded())))
        assert baton.wait(10), "no answer"
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        return outcome[0]

"""

SCENARIOS = {
    "a thread of the system's": """
    thread = borrow_loop_thread(None, "a test")

    async def look():
        return real_ident(), asyncio.get_running_loop(), thread.is_current()

    ident, loop, is_current = in_loop(thread, look)
    assert ident != main_ident
    assert is_current and not thread.is_current()
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise AssertionError("the main thread seems to run the loop")
    give_back_loop_thread(thread, "a test")
    assert thread.is_closed()
    again = borrow_loop_thread(None, "a test")
    assert in_loop(again, look)[1] is not loop
    give_back_loop_thread(again, "a test")
    """,
    "the hub goes on": """
    thread = borrow_loop_thread(None, "a test")
    ticking = gevent.spawn(tick)

    async def sleeps():
        before = len(ticks)
        await asyncio.sleep(0.2)
        return len(ticks) - before

    assert in_loop(thread, sleeps) > 20
    # Several greenlets wait at once
    started = time.monotonic()
    waiting = [gevent.spawn(in_loop, thread, sleeps) for _ in range(20)]
    gevent.joinall(waiting, timeout=10, raise_error=True)
    assert all(greenlet.value > 20 for greenlet in waiting)
    assert time.monotonic() - started < 2
    assert set(ticks) == {main_ident}
    give_back_loop_thread(thread, "a test")
    """,
    "threads and sockets inside": """
    thread = borrow_loop_thread(None, "a test")
    ticking = gevent.spawn(tick)

    async def uses_threads():
        loop = asyncio.get_running_loop()
        assert await asyncio.to_thread(lambda: 1) == 1
        assert await anyio.to_thread.run_sync(lambda: 2) == 2
        assert await loop.getaddrinfo("127.0.0.1", 80)
        assert await loop.getaddrinfo("localhost", 80)
        assert await loop.getnameinfo(("127.0.0.1", 80))
        # The loop and the hub go on while the threads wait
        turns, before = 0, len(ticks)
        waiting = asyncio.gather(asyncio.to_thread(time.sleep, 0.2), anyio.to_thread.run_sync(time.sleep, 0.2))
        while not waiting.done():
            await asyncio.sleep(0.001)
            turns += 1
        await waiting
        return turns, len(ticks) - before

    async def talks():
        async def answer(reader, writer):
            writer.write(b"answer to " + await reader.readline())
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"question\\n")
        got = await reader.read()
        writer.close()
        server.close()
        return got

    turns, hub_turns = in_loop(thread, uses_threads)
    assert turns > 20 and hub_turns > 20, (turns, hub_turns)
    assert in_loop(thread, talks) == b"answer to question\\n"
    give_back_loop_thread(thread, "a test")
    """,
    "several loops, many greenlets": """
    first = borrow_loop_thread(None, "a test")
    second = borrow_loop_thread(asyncio.SelectorEventLoop, "a test")

    async def look():
        await asyncio.sleep(0)
        return real_ident()

    def many(thread):
        return {in_loop(thread, look) for _ in range(50)}

    waiting = [gevent.spawn(many, thread) for thread in (first, second) * 5]
    gevent.joinall(waiting, timeout=10, raise_error=True)
    assert all(len(greenlet.value) == 1 for greenlet in waiting)
    assert len(set.union(*[greenlet.value for greenlet in waiting]) | {main_ident}) == 3
    give_back_loop_thread(first, "a test")
    assert in_loop(second, look)
    give_back_loop_thread(second, "a test")
    """,
    # B1
    "nothing is left": """
    from bridge.errors import UsageError

    async def uses_a_thread():
        return await asyncio.to_thread(int)

    def fails():
        raise OSError("none to be had")

    def look():
        return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))

    def grew(before):
        return any(now > then for now, then in zip(look(), before))

    def cycles():
        for _ in range(5):
            thread = borrow_loop_thread(None, "a test")
            in_loop(thread, uses_a_thread)
            give_back_loop_thread(thread, "a test")
            try:
                borrow_loop_thread(fails, "a test")
            except UsageError:
                pass
            else:
                raise AssertionError

    # gevent's pool starts one more thread now and then, when one has not quite ended, and keeps it. Leaks grow always.
    seen = []
    for _ in range(5):
        before = look()
        cycles()
        deadline = time.monotonic() + 2
        while grew(before) and time.monotonic() < deadline:
            gevent.sleep(0.01)
        seen.append((before, look()))
        if not grew(before):
            break
    else:
        raise AssertionError(seen)
    """,
    # gunicorn --preload: the loop was used in the master, and the workers are forks of it
    "after a fork": """
    async def look():
        assert await asyncio.to_thread(int) == 0
        return os.getpid()

    parents = borrow_loop_thread(None, "the parent's")
    assert in_loop(parents, look) == os.getpid()
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        code = 1
        try:
            mine = borrow_loop_thread(None, "the child's")
            assert mine is not parents
            assert in_loop(mine, look) == os.getpid()
            give_back_loop_thread(mine, "the child's")
            code = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    assert in_loop(parents, look) == os.getpid()
    give_back_loop_thread(parents, "the parent's")
    """,
    "a wake at any moment of a wait": """
    there = gevent.monkey.get_original("_thread", "allocate_lock")()
    there.acquire()
    baton = Baton()
    sys.setswitchinterval(1e-6)  # gevent's own lock breaks within the first hundreds of waits then

    def answer():
        for _ in range(1500):
            there.acquire()
            baton.wake()

    gevent.get_hub().threadpool.spawn(answer)
    for _ in range(1500):
        there.release()
        assert baton.wait(10), "a wake was lost"
    """,
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_under_gevent(scenario: str) -> None:
    """A13: the loop has a real thread, greenlets that wait for it let the hub go on, and the program ends."""
    finished = run_python(PROGRAM + SCENARIOS[scenario])
    assert (finished.returncode, finished.stderr) == (0, "")


def test_gevent_without_patches() -> None:
    """A9: where gevent is imported but has patched nothing, the thread is an ordinary one."""
    finished = run_python(
        """
        import asyncio, gevent.monkey, threading
        from bridge.handoff.loop_thread import borrow_loop_thread, give_back_loop_thread

        async def look():
            return threading.current_thread().name

        thread = borrow_loop_thread(None, "a test")
        name = asyncio.run_coroutine_threadsafe(look(), thread.loop.asyncio_loop).result(10)
        assert name == "bridge-loop", name
        give_back_loop_thread(thread, "a test")
        """
    )
    assert (finished.returncode, finished.stderr) == (0, "")

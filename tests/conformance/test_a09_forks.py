"""A9: after a fork the child starts its own loop. What happens in a child, a process of its own reports."""

from __future__ import annotations

import pytest

from tests.harness import run_python

PARENT = """if True:
    import asyncio, io, multiprocessing, os, signal, sys, threading, warnings
    from asgiref.sync import sync_to_async
    from bridge import AsgiToWsgi, UsageError

    warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads is the point
    hold = threading.Event()
    log = []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            log.append("startup")
            scope["state"]["pid"] = os.getpid()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            log.append("shutdown")
            await send({"type": "lifespan.shutdown.complete"})
            return
        assert scope["state"]["pid"] == os.getpid()
        if scope["path"] == "/hold":
            running.set()
            while not hold.is_set():
                await asyncio.sleep(0.005)
        ident = await sync_to_async(threading.get_ident)()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d %d" % (os.getpid(), ident == threads[scope["path"]])})
        await asyncio.sleep(0.01)
        background.append(await sync_to_async(os.getpid)())

    wsgi = AsgiToWsgi(app, lifespan="on")
    running, threads, background = threading.Event(), {}, []

    def ask(path="/", wsgi=wsgi):
        threads[path] = threading.get_ident()
        environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "",
                   "SERVER_NAME": "x", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
                   "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr}
        answer = wsgi(environ, lambda *_: None)
        body = b"".join(answer)
        getattr(answer, "close", lambda: None)()
        return body

    def served():
        assert ask() == b"%d 1" % os.getpid()

    def in_child():
        signal.alarm(10)  # a child that hangs ends
        log.clear()
        background.clear()
        served()
        served()
        assert log == ["startup"], log
        wsgi.close()
        assert log == ["startup", "shutdown"], log
        assert background == [os.getpid()] * 2, background
        sys.stdout.write("child served\\n")
        sys.stdout.flush()

    def fork(run=in_child):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                run()
                code = 0
            except BaseException as error:
                import traceback
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0
"""

SCENARIOS = {
    "unused": "fork()",
    "used": "served(); fork(); served()",
    "used and closed by another adapter": "served(); AsgiToWsgi(app).close(); fork(); served()",
    "twice": "served(); fork(); fork(); served()",
    "child of a child": "served(); fork(lambda: (served(), fork(), served())); served()",
    "started": "wsgi.start(); assert log == ['startup']; fork(); served()",
    "with a request under way": """
    thread = threading.Thread(target=lambda: log.append(ask("/hold")))
    thread.start()
    assert running.wait(10)
    fork()
    hold.set()
    thread.join(10)
    assert log[-1].startswith(b"%d" % os.getpid()), log
    served()""",
    "in a thread": """
    served()
    thread = threading.Thread(target=fork)
    thread.start()
    thread.join(20)
    served()""",
    "multiprocessing": """
    served()
    process = multiprocessing.get_context("fork").Process(target=in_child)
    process.start()
    process.join(20)
    assert process.exitcode == 0, process.exitcode
    served()""",
    "from the application": """
    async def forking(scope, receive, send):
        if scope["type"] == "lifespan":
            return
        fork(lambda: threading.Thread(target=in_child).start() or [t.join(9) for t in threading.enumerate()
                                                                  if t is not threading.current_thread()])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"forked"})
    assert ask(wsgi=AsgiToWsgi(forking)) == b"forked"
    served()""",
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_child_serves(scenario: str) -> None:
    """A9: the child answers, lifespan, background work and thread-sensitive calls too; the parent still answers."""
    program = PARENT + "\n    " + SCENARIOS[scenario].strip() + "\n    wsgi.close()\n"
    finished = run_python(program)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "child served" in finished.stdout


def test_loop_of_the_users() -> None:
    """A9: with a loop of the user's the child gets a clear error, never a hang, and the parent goes on."""
    finished = run_python(
        PARENT
        + """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    own = {}
    for used in (False, True):
        own[used] = AsgiToWsgi(app, lifespan="on", loop=loop)
        if used:
            ask(wsgi=own[used])

    def refused():
        signal.alarm(10)
        for adapter in own.values():
            try:
                ask(wsgi=adapter)
            except UsageError as error:
                assert "loop" in str(error)
                print("child refused", flush=True)
            adapter.close()

    fork(refused)
    for adapter in own.values():
        ask(wsgi=adapter)
        adapter.close()
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    """
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout == "child refused\n" * 2


def test_child_ends_by_itself() -> None:
    """A9, A10: a child of multiprocessing that just returns ends at once, and its lifespan's shutdown runs."""
    finished = run_python(
        PARENT
        + """
    class Log(list):
        def append(self, event):
            sys.stdout.write(f"{'parent' if os.getpid() == parent else 'child'} {event}\\n")
            sys.stdout.flush()

    parent, log = os.getpid(), Log()
    served()
    process = multiprocessing.get_context("fork").Process(target=served)
    process.start()
    process.join(20)
    assert process.exitcode == 0, process.exitcode
    served()
    """
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.split("\n")[:-1] == ["parent startup", "child startup", "child shutdown", "parent shutdown"]

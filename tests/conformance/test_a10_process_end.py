"""A10, B1: the end of the interpreter, in a process of its own."""

from __future__ import annotations

import time

import pytest

from tests.harness import run_python

PROGRAM = """if True:
    import asyncio, io, sys, threading, time
    import anyio
    from bridge import AsgiToWsgi

    streaming, waiting = threading.Event(), threading.Event()

    def say(*words):
        sys.stdout.write(" ".join(map(str, words)) + "\\n")
        sys.stdout.flush()

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            # At its end Python 3.12 starts no more threads; anyio's is there if it was used before.
            say(await anyio.to_thread.run_sync(lambda: "startup"))
            await send({"type": "lifespan.startup.complete"})
            await receive()
            say(await asyncio.to_thread(lambda: "asyncio's thread"))
            say(await anyio.to_thread.run_sync(lambda: "anyio's thread"))
            await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)
            say("shutdown")
            await send({"type": "lifespan.shutdown.complete"})
            return
        if scope["path"] == "/waiting":
            waiting.set()
            await asyncio.Event().wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/stream":
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            streaming.set()
            await asyncio.Event().wait()
        await send({"type": "http.response.body", "body": b"ok"})
        if scope["path"] == "/background":
            await asyncio.sleep(0.1)
            say("background")

    def ask(path="/"):
        environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "",
                   "SERVER_NAME": "x", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
                   "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr}
        answer = wsgi(environ, lambda *_: None)
        body = b"".join(answer)
        getattr(answer, "close", lambda: None)()
        return body

    def open_requests(daemon):
        def quietly(path):
            try:
                ask(path)
            except BaseException:
                pass  # a server logs it
        for path in ("/stream", "/waiting"):
            threading.Thread(target=quietly, args=(path,), daemon=daemon).start()
        assert streaming.wait(5) and waiting.wait(5)

    wsgi = AsgiToWsgi(app, lifespan=MODE)
    say("loaded at", time.monotonic())
"""
END = ["asyncio's thread", "anyio's thread", "shutdown"]


def ended(program: str, lifespan: str = "on") -> list[str]:
    """Run a program; demand that it ended within 3 seconds, silently; return what it printed."""
    finished = run_python(PROGRAM.replace("MODE", repr(lifespan)) + program)
    end = time.monotonic()
    assert (finished.returncode, finished.stderr) == (0, "")
    said = finished.stdout.splitlines()
    # What came before the exit, imports above all, is not its business; the clock is the same in all processes.
    begin = next(line for line in said if line.startswith("loaded at "))
    said.remove(begin)
    assert end - float(begin.split()[-1]) < 3
    return said


@pytest.mark.parametrize("first", ["assert ask() == b'ok'", "wsgi.start()"])
def test_idle(first: str) -> None:
    """A10: shutdown runs on interpreter exit while executors still work (to_thread, anyio, name look-ups)."""
    assert ended("    " + first) == ["startup", *END]


def test_closed() -> None:
    """A10: once only, if close() was called."""
    assert ended("    ask(); wsgi.close()") == ["startup", *END]


def test_unused() -> None:
    """A10: an adapter that was never used ends silently."""
    assert ended("    pass") == []


@pytest.mark.parametrize("daemon", [True, False])
@pytest.mark.parametrize("lifespan", ["on", "off"])
def test_with_open_requests(daemon: bool, lifespan: str) -> None:
    """B1: with open requests, one streaming and one not yet answered, in daemon threads and in others."""
    assert ended(f"    open_requests({daemon})", lifespan) == (["startup", *END] if lifespan == "on" else [])


def test_with_a_server_in_a_daemon_thread() -> None:
    """B1: a server whose threads the exit does not wait for gets no error to log, while the shutdown takes its time."""
    program = """
    import socket
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIServer, make_server

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    server = make_server("127.0.0.1", 0, wsgi, server_class=Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    connection = socket.create_connection(server.server_address, 5)
    connection.sendall(b"GET /waiting HTTP/1.0\\r\\n\\r\\n")
    assert waiting.wait(5)
    """
    assert ended(program) == ["startup", *END]


def test_background_work() -> None:
    """A7: background work that ends soon is waited for at the end of the process."""
    assert ended("    assert ask('/background') == b'ok'") == ["startup", "background", *END]


def test_end_by_system_exit() -> None:
    """A10: the same when the program ends by SystemExit in the main thread (gunicorn's workers do)."""
    assert ended("    ask(); sys.exit(0)") == ["startup", *END]


def test_uvloop() -> None:
    """A10: the same with uvloop."""
    program = """
    import uvloop
    wsgi = AsgiToWsgi(app, loop_factory=uvloop.new_event_loop)
    ask()
    open_requests(True)
    """
    assert ended(program) == ["startup", *END]

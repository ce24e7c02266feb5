"""Forks at any moment of a load: the child serves, the parent goes on, and nothing is called or answered twice."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.harness import run_python

FORKS = 6
CLIENTS = 8

# Each call and each answer is told by one write to the standard output, which parent and children share.
BEGIN = """if True:
    import asyncio, itertools, os, signal, sys, threading, time, warnings
    from bridge import AsgiToWsgi, WsgiToAsgi
    from tests.harness import request, run
    from tests.soak.through_wsgi import HereCall

    warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads is the point
    forks, clients = int(sys.argv[1]), int(sys.argv[2])
    parent = os.getpid()
    numbers = itertools.count()
    answered = 0
    over = False

    def tell(*words):
        os.write(1, (" ".join(map(str, words)) + "\\n").encode())

    def who():
        return "parent" if os.getpid() == parent else f"child{os.getpid()}"

    def check(name, body):
        global answered
        tell("answered", name)
        assert body == f"{name} {os.getpid()}".encode(), body
        answered += 1

    def load(client):
        try:
            client()
        except BaseException as error:
            tell("failed", repr(error))
            os._exit(1)

    def forked(serve):
        pid = os.fork()
        if pid == 0:
            signal.alarm(15)  # a child that hangs ends
            try:
                for number in range(3):
                    serve(f"{who()}-{number}")
                adapter.close()
                os._exit(0)
            except BaseException as error:
                tell("failed", repr(error))
                os._exit(1)
        return pid

    def fork_under_load(serve):
        children = []
        for number in range(forks):
            before = answered
            while answered < before + 5 * clients:
                time.sleep(0.0005 * number)
            children.append(forked(serve))
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * forks
        before = answered
        while answered < before + 5 * clients:
            time.sleep(0.001)
"""

PROGRAMS = {
    "WsgiToAsgi": """
    def app(environ, start_response):
        name = environ["PATH_INFO"].strip("/")
        tell("called", name)
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield name.encode()
        yield b" %d" % os.getpid()

    adapter = WsgiToAsgi(app, threads=4)

    async def ask(name):
        check(name, (await request(adapter, path="/" + name)).body)

    async def client():
        while not over:
            await ask(f"parent-{next(numbers)}")

    async def main():
        await asyncio.gather(*[client() for _ in range(clients)])

    loop = threading.Thread(target=load, args=(lambda: run(main, limit=60),))
    loop.start()
    fork_under_load(lambda name: run(lambda: ask(name)))
    over = True
    loop.join(10)
    adapter.close()
    """,
    "AsgiToWsgi": """
    from asgiref.sync import sync_to_async

    async def app(scope, receive, send):
        name = scope["path"].strip("/")
        tell("called", name)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": name.encode(), "more_body": True})
        pid = await sync_to_async(os.getpid)()
        await send({"type": "http.response.body", "body": b" %d" % pid})
        await sync_to_async(os.getpid)()  # in the background

    adapter = AsgiToWsgi(app, lifespan="off")

    def ask(name):
        with HereCall(adapter, path="/" + name) as call:
            check(name, call.end().body)

    def client():
        while not over:
            ask(f"parent-{next(numbers)}")

    threads = [threading.Thread(target=load, args=(client,)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    fork_under_load(ask)
    over = True
    for thread in threads:
        thread.join(10)
    adapter.close()
    """,
}


@pytest.mark.parametrize("direction", PROGRAMS)
def test_under_load(direction: str) -> None:
    """W19, A9: each child answers its own requests and the parent all of its; each is called once, answered once."""
    child = run_python(BEGIN + PROGRAMS[direction], str(FORKS), str(CLIENTS), limit=40)
    assert child.returncode == 0, child.stderr + child.stdout[-1000:]
    told = Counter(child.stdout.splitlines())
    assert set(told.values()) == {1}, told.most_common(5)
    called, answered = (
        {line.split()[1] for line in told if line.startswith(what)} for what in ("called ", "answered ")
    )
    assert called == answered
    assert len(told) == len(called) + len(answered)
    assert len({name.partition("-")[0] for name in called}) == 1 + FORKS
    assert sum(name.startswith("child") for name in called) == 3 * FORKS
    assert sum(name.startswith("parent") for name in called) >= 5 * CLIENTS * FORKS

"""What many requests cost, and what nobody asks for: `python -m benchmarks.scale`.

The cost of a small request when up to a thousand wait for a thread, the memory that an open stream holds while nothing
is sent, beyond its thread, and the time that the import takes, beyond that of asgiref. In all of it less is better.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from . import asgi_to_wsgi, command_line, null_wsgi_server, wsgi_to_asgi
from .applications import CHUNK, HELLO, hello
from .null_server import ASGIApplication, exchange
from .questions import Question
from .report import Report, interleaved

THREADS = 40
QUEUED = (1, 10, 100, 1000)
STREAMS = 100
LIMIT = 30.0  # seconds; what has not come by then hangs

IMPORT = "import asgiref.sync, time; began = time.perf_counter(); import {}; print(time.perf_counter() - began)"


async def cost(question: Question[Any], app: ASGIApplication, seconds: float) -> float:
    """Microseconds for each request."""
    request = wsgi_to_asgi.one_request(question, app)
    return 1e6 / await wsgi_to_asgi.rate(request, question.at_once, seconds)


def put_costs(rounds: int, seconds: float, report: Report) -> None:
    """The same request, with ever more of them at once."""
    for queued in QUEUED:
        question = Question(f"WsgiToAsgi: a small request, {queued} at once", "µs", hello, len(HELLO), queued)
        command_line.progress(question.name)
        with ExitStack() as ends:
            apps = {name: adapt(hello, THREADS, ends) for name, adapt in wsgi_to_asgi.WITH_THREADS.items()}
            for name in interleaved(rounds, list(apps)):
                gc.collect()
                report.add(question.name, question.unit, name, asyncio.run(cost(question, apps[name], seconds)))


class Streams:
    """A WSGI and an ASGI application whose answers begin, and then wait until they may end."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Event()

    def wsgi(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        """A generator that keeps its thread."""
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        yield CHUNK
        self.begun.release()
        self.may_end.wait(LIMIT)

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        """A task that looks now and then."""
        if scope["type"] != "http":
            raise RuntimeError(f"a {scope['type']} scope is not served here")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
        self.begun.release()
        while not self.may_end.is_set():  # noqa: ASYNC110  threads are told by the same
            await asyncio.sleep(0.05)
        await send({"type": "http.response.body", "body": b""})

    def wait_for_all(self) -> None:
        """Return once all have begun."""
        for _ in range(STREAMS):
            if not self.begun.acquire(timeout=LIMIT):
                raise RuntimeError(f"a stream did not begin within {LIMIT:.0f} s")


def held() -> int:
    """Bytes that Python's objects take now."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def held_by_asgi_streams(adapt: wsgi_to_asgi.Adapt) -> float:
    """Kilobytes for each open stream of `WsgiToAsgi`; its threads were there before."""
    with ExitStack() as ends:
        streams, together = Streams(), threading.Barrier(STREAMS)

        def first(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
            together.wait(LIMIT)  # so that each has its thread
            return hello(environ, start_response)

        def application(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
            return (first if warming_up else streams.wsgi)(environ, start_response)

        warming_up = True
        app = adapt(application, STREAMS, ends)
        await asyncio.gather(*(exchange(app) for _ in range(STREAMS)))
        warming_up = False
        before = held()
        requests = [asyncio.ensure_future(exchange(app)) for _ in range(STREAMS)]
        try:
            await asyncio.to_thread(streams.wait_for_all)
            return (held() - before) / STREAMS / 1000
        finally:
            streams.may_end.set()
            await asyncio.gather(*requests)


def held_by_wsgi_streams(adapt: asgi_to_wsgi.Adapt) -> float:
    """Kilobytes for each open stream of `AsgiToWsgi`, beyond the server's threads."""
    with ExitStack() as ends:
        streams, may_begin, ready = Streams(), threading.Event(), threading.Barrier(STREAMS + 1)
        app = adapt(streams.asgi, asyncio.new_event_loop, ends)

        def serve() -> None:
            ready.wait(LIMIT)
            may_begin.wait(LIMIT)
            null_wsgi_server.exchange(app)

        threads = [threading.Thread(target=serve, daemon=True) for _ in range(STREAMS)]
        for thread in threads:
            thread.start()
        ready.wait(LIMIT)
        before = held()
        may_begin.set()
        try:
            streams.wait_for_all()
            return (held() - before) / STREAMS / 1000
        finally:
            streams.may_end.set()
            for thread in threads:
                thread.join(LIMIT)


def put_memory(rounds: int, report: Report) -> None:
    """What a stream holds on to, in both directions."""
    tracemalloc.start()
    try:
        command_line.progress("memory")
        for name in interleaved(rounds, list(wsgi_to_asgi.WITH_THREADS)):
            report.add(
                "WsgiToAsgi: an open stream",
                "kB",
                name,
                asyncio.run(held_by_asgi_streams(wsgi_to_asgi.WITH_THREADS[name])),
            )
        for name in interleaved(rounds, list(asgi_to_wsgi.ADAPTERS)):
            report.add("AsgiToWsgi: an open stream", "kB", name, held_by_wsgi_streams(asgi_to_wsgi.ADAPTERS[name]))
    finally:
        tracemalloc.stop()


def put_import(rounds: int, report: Report) -> None:
    """The time that an import takes in a process of its own, once its bytecode is there."""
    command_line.progress("import")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for name in wsgi_to_asgi.WITH_THREADS:
        subprocess.run(
            [sys.executable, "-c", IMPORT.format(name)], env=environment, check=True, stdout=subprocess.DEVNULL
        )
    for name in interleaved(rounds, list(wsgi_to_asgi.WITH_THREADS)):
        done = subprocess.run(
            [sys.executable, "-c", IMPORT.format(name)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=LIMIT,
        )
        report.add("import, beyond asgiref's", "ms", name, 1000 * float(done.stdout))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = command_line.parser("benchmarks.scale", __doc__, rounds=5, seconds=0.5).parse_args(arguments)
    rounds, seconds = (1, 0.05) if options.quick else (options.rounds, options.seconds)
    report = Report(list(wsgi_to_asgi.WITH_THREADS), less_is_better=True)
    put_costs(rounds, seconds, report)
    put_memory(rounds, report)
    put_import(rounds, report)
    return command_line.finish(report, options.json, rounds, seconds, threads=THREADS, streams=STREAMS)


if __name__ == "__main__":
    sys.exit(main())

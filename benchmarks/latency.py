"""How evenly the waits are shared: `python -m benchmarks.latency`.

A handler that blocks for 10 ms, as one that asks a database: with a thread for each client every request should take
about that long, the slowest of a hundred too; with fewer threads than clients, who came first should be served first.
The figures are ratios and counts, so that less is better, and 1.0 or 0 the best.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import ExitStack
from itertools import accumulate, count
from statistics import quantiles
from time import perf_counter, sleep
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from . import applications, asgi_applications, asgi_to_wsgi, command_line, null_server, wsgi_to_asgi
from .questions import Question
from .report import Report, interleaved

CLIENTS = 32
BLOCKS = 0.010
FEW_THREADS = 8
TAIL = "p99 / p50"
OVERTAKEN = "% overtaken"


def blocking(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Answer after a wait that keeps the thread."""
    sleep(BLOCKS)
    return applications.hello(environ, start_response)


async def waiting(scope: Any, receive: Any, send: Any) -> None:
    """Answer after a wait that keeps nothing but its task."""
    if scope["type"] == "http":
        await asyncio.sleep(BLOCKS)
    await asgi_applications.hello(scope, receive, send)


class Numbered:
    """Blocks, and keeps in which order the requests were begun."""

    def __init__(self) -> None:
        self.begun: list[int] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """The path is the number of the request."""
        self.begun.append(int(environ["PATH_INFO"][1:]))
        return blocking(environ, start_response)


QUESTION: Question[WSGIApplication] = Question("", "", blocking, len(applications.HELLO))
WSGI_QUESTION = asgi_to_wsgi.WSGIQuestion("", "", waiting, len(applications.HELLO))


def tail(seconds: Iterable[float]) -> float:
    """How many times as long as half of them the slowest of a hundred takes."""
    cuts = quantiles(seconds, n=100)
    return cuts[98] / cuts[49]


def overtaken(begun: Sequence[int]) -> float:
    """How many of a hundred requests were begun after one that had come later."""
    return 100 * sum(number < latest for number, latest in zip(begun, accumulate(begun, max), strict=True)) / len(begun)


async def tail_of_asgi(app: null_server.ASGIApplication, seconds: float) -> float:
    """Make requests to an ASGI application, `CLIENTS` at once."""
    request, took = wsgi_to_asgi.one_request(QUESTION, app), []

    async def timed() -> None:
        began = perf_counter()
        await request()
        took.append(perf_counter() - began)

    await wsgi_to_asgi.rate(timed, CLIENTS, seconds)
    return tail(took)


async def overtaken_in_asgi(app: null_server.ASGIApplication, application: Numbered, seconds: float) -> float:
    """Make requests with numbers to an ASGI application that has too few threads for them."""
    application.begun.clear()
    numbers = count()

    async def numbered() -> None:
        QUESTION.check(await null_server.exchange(app, path=f"/{next(numbers)}"))

    await wsgi_to_asgi.rate(numbered, CLIENTS, seconds)
    return overtaken(application.begun)


def tail_of_wsgi(app: Any, seconds: float) -> float:
    """Make requests to a WSGI application, in `CLIENTS` threads."""
    request, took = asgi_to_wsgi.one_request(WSGI_QUESTION, app), []

    def timed() -> None:
        began = perf_counter()
        request()
        took.append(perf_counter() - began)

    asgi_to_wsgi.rate(timed, CLIENTS, seconds)
    return tail(took)


def put_to_wsgi_to_asgi(rounds: int, seconds: float, report: Report) -> None:
    """Both questions to the adapters that have threads: the tail of one thread is its queue."""
    adapters = wsgi_to_asgi.WITH_THREADS
    with ExitStack() as ends:
        numbered = {name: Numbered() for name in adapters}
        enough = {name: adapt(blocking, CLIENTS, ends) for name, adapt in adapters.items()}
        few = {name: adapt(numbered[name], FEW_THREADS, ends) for name, adapt in adapters.items()}
        tails: dict[str, Callable[[], Coroutine[Any, Any, float]]] = {
            name: lambda app=app: tail_of_asgi(app, seconds)  # type: ignore[misc]
            for name, app in enough.items()
        }
        orders: dict[str, Callable[[], Coroutine[Any, Any, float]]] = {
            name: lambda app=app, name=name: overtaken_in_asgi(app, numbered[name], seconds)  # type: ignore[misc]
            for name, app in few.items()
        }
        for question, unit, asked in (
            (f"WsgiToAsgi: {CLIENTS} clients, {CLIENTS} threads", TAIL, tails),
            (f"WsgiToAsgi: {CLIENTS} clients, {FEW_THREADS} threads", OVERTAKEN, orders),
        ):
            command_line.progress(question)
            for name in interleaved(rounds, list(asked)):
                gc.collect()
                report.add(question, unit, name, asyncio.run(asked[name]()))


def put_to_asgi_to_wsgi(rounds: int, seconds: float, report: Report) -> None:
    """The first question in the other direction, where the server has the threads."""
    question = f"AsgiToWsgi: {CLIENTS} threads of the server"
    command_line.progress(question)
    with ExitStack() as ends:
        apps = {name: adapt(waiting, asyncio.new_event_loop, ends) for name, adapt in asgi_to_wsgi.ADAPTERS.items()}
        for name in interleaved(rounds, list(apps)):
            gc.collect()
            report.add(question, TAIL, name, tail_of_wsgi(apps[name], seconds))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = command_line.parser("benchmarks.latency", __doc__, rounds=7, seconds=1).parse_args(arguments)
    rounds, seconds = (1, 0.2) if options.quick else (options.rounds, options.seconds)
    report = Report(list(asgi_to_wsgi.ADAPTERS), less_is_better=True)
    put_to_wsgi_to_asgi(rounds, seconds, report)
    put_to_asgi_to_wsgi(rounds, seconds, report)
    return command_line.finish(report, options.json, rounds, seconds)


if __name__ == "__main__":
    sys.exit(main())

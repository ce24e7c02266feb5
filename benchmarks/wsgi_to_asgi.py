"""WsgiToAsgi and its peers on a server without a network: `python -m benchmarks.wsgi_to_asgi`.

Every question is put to every contender once a round, interleaved; before that each has to answer it rightly. The
contenders have as many threads each (`--threads`), save asgiref's adapter, which has one for the whole process.
`run_in_executor` is no adapter: it is what asyncio itself needs to run a function that does nothing in a thread.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from time import perf_counter
from wsgiref.types import WSGIApplication

import a2wsgi
import asgiref.wsgi

import bridge

from . import applications
from .command_line import CLOCKS, finish, in_process_parser, progress
from .null_server import ASGIApplication, exchange
from .questions import Question
from .report import OURS, Report, interleaved

EXECUTOR = "run_in_executor"
"""The name of the contender that only runs an empty function in a thread."""


def questions(streamed: int) -> list[Question[WSGIApplication]]:
    """Everything that is measured; a streamed body has `streamed` blocks, or ten times as many chunks."""
    hello, block, chunk = len(applications.HELLO), applications.BLOCK, applications.CHUNK
    blocks, chunks = [block] * streamed, streamed * 10
    small: dict[str, WSGIApplication] = {
        "small answer, a list": applications.hello,
        "small answer, iterator with close()": applications.hello_closing,
    }
    megabytes = len(block) * streamed / 1e6
    return [
        Question(f"{name}, {at_once} at once", "requests/s", application, hello, at_once, is_small=True)
        for name, application in small.items()
        for at_once in (1, 32)
    ] + [
        Question(
            "generator of 100-byte chunks",
            "chunks/s",
            applications.Streamed(chunk, chunks),
            chunks * len(chunk),
            worth=chunks,
        ),
        Question(
            "download in 64 KiB blocks",
            "MB/s",
            applications.Streamed(block, streamed),
            streamed * len(block),
            worth=megabytes,
        ),
        Question(
            "upload in 64 KiB blocks",
            "MB/s",
            applications.upload,
            len(str(streamed * len(block))),
            blocks=blocks,
            worth=megabytes,
        ),
    ]


Adapt = Callable[[WSGIApplication, int, ExitStack], ASGIApplication]
"""How a contender makes an ASGI application with so many threads, which ends when the stack is closed."""


def with_bridge(application: WSGIApplication, threads: int, ends: ExitStack) -> ASGIApplication:
    """Ours."""
    return ends.enter_context(bridge.WsgiToAsgi(application, threads=threads))


def with_a2wsgi(application: WSGIApplication, threads: int, ends: ExitStack) -> ASGIApplication:
    """a2wsgi's, whose own default is ten threads."""
    adapter = a2wsgi.WSGIMiddleware(application, workers=threads)  # type: ignore[arg-type]
    ends.callback(adapter.executor.shutdown)
    return adapter


def with_asgiref(application: WSGIApplication, threads: int, ends: ExitStack) -> ASGIApplication:
    """asgiref's, which runs all requests in one thread."""
    return asgiref.wsgi.WsgiToAsgi(application)


ADAPTERS: dict[str, Adapt] = {
    OURS: with_bridge,
    "a2wsgi": with_a2wsgi,
    "asgiref": with_asgiref,
}

WITH_THREADS = {name: adapt for name, adapt in ADAPTERS.items() if adapt is not with_asgiref}
"""Those that serve several requests at once; asgiref's has one thread."""


def one_request(question: Question[WSGIApplication], app: ASGIApplication) -> Callable[[], Awaitable[None]]:
    """A request that raises unless its answer is the whole and right one."""

    async def request() -> None:
        question.check(await exchange(app, question.blocks))

    return request


def nothing() -> None:
    """What `run_in_executor` runs."""


async def rate(
    request: Callable[[], Awaitable[object]], at_once: int, seconds: float, clock: Callable[[], float] = perf_counter
) -> float:
    """Requests a second of `clock`, with `at_once` of them running all the time for `seconds`."""

    async def client() -> int:
        done = 0
        while perf_counter() < end:
            await request()
            done += 1
        return done

    end = perf_counter() + seconds
    start = clock()
    done = sum(await asyncio.gather(*(client() for _ in range(at_once))))
    # A clock of CPU time may not have moved in a very short run.
    return done / max(clock() - start, 1e-9)


async def measure(
    question: Question[WSGIApplication],
    threads: int,
    rounds: int,
    seconds: float,
    clock: Callable[[], float],
    report: Report,
) -> None:
    """Put one question to all contenders."""
    with ExitStack() as ends:
        requests: dict[str, Callable[[], Awaitable[object]]] = {}
        for name, adapt in ADAPTERS.items():
            requests[name] = one_request(question, adapt(question.application, threads, ends))
        if question.is_small:
            pool = ends.enter_context(ThreadPoolExecutor(threads))
            loop = asyncio.get_running_loop()
            requests[EXECUTOR] = lambda: loop.run_in_executor(pool, nothing)
        for name in list(requests):
            try:
                await rate(requests[name], question.at_once, seconds / 5)
            except Exception as error:  # noqa: BLE001  (a contender that fails is a result too)
                report.fail(question.name, question.unit, name, f"{type(error).__name__}: {error}")
                del requests[name]
        for name in interleaved(rounds, list(requests)):
            gc.collect()
            figure = await rate(requests[name], question.at_once, seconds, clock)
            report.add(question.name, question.unit, name, figure * question.worth)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and end with status 1 if ours gave a wrong answer."""
    parser = in_process_parser("benchmarks.wsgi_to_asgi", __doc__)
    parser.add_argument("--threads", type=int, default=40, help="worker threads of each contender (default: 40)")
    options = parser.parse_args(arguments)
    rounds, seconds = (1, 0.02) if options.quick else (options.rounds, options.seconds)

    report = Report([*ADAPTERS, EXECUTOR])

    async def measure_all() -> None:
        for question in questions(streamed=8 if options.quick else 128):
            if options.only in question.name:
                progress(question.name)
                await measure(question, options.threads, rounds, seconds, CLOCKS[options.clock], report)

    if options.loop == "uvloop":
        # Only where it is asked for: there is none for Windows.
        import uvloop

        uvloop.run(measure_all())
    else:
        asyncio.run(measure_all())

    return finish(
        report, options.json, rounds, seconds, threads=options.threads, loop=options.loop, clock=options.clock
    )


if __name__ == "__main__":
    sys.exit(main())

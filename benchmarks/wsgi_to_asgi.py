"""WsgiToAsgi and its peers on a server without a network: `python -m benchmarks.wsgi_to_asgi`.

Every question is put to every contender once a round, interleaved; before that each has to answer it rightly. The
contenders have as many threads each (`--threads`), save asgiref's adapter, which has one for the whole process.
`run_in_executor` is no adapter: it is what asyncio itself needs to run a function that does nothing in a thread.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from wsgiref.types import WSGIApplication

import a2wsgi
import asgiref.wsgi

import bridge

from . import applications
from .null_server import ASGIApplication, exchange
from .report import OURS, Report, interleaved

CLOCKS = {"wall": perf_counter, "cpu": process_time}

EXECUTOR = "run_in_executor"
"""The name of the contender that only runs an empty function in a thread."""


@dataclass(frozen=True)
class Question:
    """One thing to measure: requests to one application, so many at once."""

    name: str
    unit: str
    application: WSGIApplication
    answer_length: int
    at_once: int = 1
    blocks: Sequence[bytes] = (b"",)
    # How many units one request counts for
    worth: float = 1.0
    # Whether an empty function in a thread is something to compare with
    is_small: bool = False


def questions(streamed: int) -> list[Question]:
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


def one_request(question: Question, app: ASGIApplication) -> Callable[[], Awaitable[None]]:
    """A request that raises unless its answer is the whole and right one."""

    async def request() -> None:
        served = await exchange(app, question.blocks)
        if (served.status, served.received, served.complete) != (200, question.answer_length, True):
            raise RuntimeError(
                f"status {served.status} with {served.received} of {question.answer_length} bytes, "
                f"{'ended' if served.complete else 'not ended'}"
            )

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

    gc.collect()
    end = perf_counter() + seconds
    start = clock()
    done = sum(await asyncio.gather(*(client() for _ in range(at_once))))
    # A clock of CPU time may not have moved in a very short run.
    return done / max(clock() - start, 1e-9)


async def measure(
    question: Question, threads: int, rounds: int, seconds: float, clock: Callable[[], float], report: Report
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
            figure = await rate(requests[name], question.at_once, seconds, clock)
            report.add(question.name, question.unit, name, figure * question.worth)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and end with status 1 if ours gave a wrong answer."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wsgi_to_asgi", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds for each question (default: 7)")
    parser.add_argument("--seconds", type=float, default=0.5, help="seconds for each measurement (default: 0.5)")
    parser.add_argument("--threads", type=int, default=40, help="worker threads of each contender (default: 40)")
    parser.add_argument(
        "--clock",
        choices=CLOCKS,
        default="wall",
        help="cpu counts the seconds of CPU time that this process used, for a machine that is busy otherwise",
    )
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio", help="the event loop")
    parser.add_argument("--only", default="", metavar="TEXT", help="only the questions whose names contain TEXT")
    parser.add_argument("--quick", action="store_true", help="one short round, to see that it runs: no figure counts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")
    options = parser.parse_args(arguments)
    rounds, seconds = (1, 0.02) if options.quick else (options.rounds, options.seconds)

    report = Report([*ADAPTERS, EXECUTOR])

    async def measure_all() -> None:
        for question in questions(streamed=8 if options.quick else 128):
            if options.only in question.name:
                print(f"... {question.name}", file=sys.stderr, flush=True)
                await measure(question, options.threads, rounds, seconds, CLOCKS[options.clock], report)

    if options.loop == "uvloop":
        # Only where it is asked for: there is none for Windows.
        import uvloop

        uvloop.run(measure_all())
    else:
        asyncio.run(measure_all())

    print(f"{rounds} rounds of {seconds} s, {options.threads} threads, {options.loop}, {options.clock} clock\n")
    print(report.tables())
    if options.json:
        settings = {"threads": options.threads, "loop": options.loop, "clock": options.clock}
        report.write_json(options.json, rounds=rounds, seconds=seconds, **settings)
    return 1 if any(OURS in reasons for reasons in report.failed.values()) else 0


if __name__ == "__main__":
    sys.exit(main())

"""AsgiToWsgi and its peer on a WSGI server without a network: `python -m benchmarks.asgi_to_wsgi`.

Every question is put to every contender once a round, interleaved; before that each has to answer it rightly. The
server's threads are the clients. `run_coroutine_threadsafe` is no adapter: it is what asyncio itself needs to run a
coroutine that does nothing on a loop in another thread, and to wait for it.
"""

from __future__ import annotations

import asyncio
import gc
import io
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any
from wsgiref.types import WSGIApplication

import a2wsgi

import bridge

from . import asgi_applications as applications
from .applications import BLOCK, CHUNK, HELLO
from .command_line import CLOCKS, finish, in_process_parser, progress
from .null_server import ASGIApplication
from .null_wsgi_server import PlainInput, exchange
from .questions import Question
from .report import OURS, Report, interleaved

COROUTINE = "run_coroutine_threadsafe"
"""The name of the contender that only runs an empty coroutine on a background loop."""

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

# A thread that has not ended so long after its time has hung.
THREAD_LIMIT = 30.0


@dataclass(frozen=True)
class WSGIQuestion(Question[ASGIApplication]):
    """A question with the kind of `wsgi.input` that the server has."""

    make_input: Callable[[bytes], Any] = PlainInput


def questions(streamed: int) -> list[WSGIQuestion]:
    """Everything that is measured; a streamed body has `streamed` blocks, or ten times as many chunks."""
    blocks, chunks = [BLOCK] * streamed, streamed * 10
    small: dict[str, ASGIApplication] = {
        "small answer": applications.hello,
        "small answer of FastAPI": applications.fastapi_hello,
        "small answer after a call in a thread": applications.thread_sensitive,
    }
    inputs: dict[str, Callable[[bytes], Any]] = {"read": PlainInput, "read1": io.BytesIO}
    megabytes = len(BLOCK) * streamed / 1e6
    return [
        *(
            WSGIQuestion(
                f"{name}, {at_once} {'thread' if at_once == 1 else 'threads'}",
                "requests/s",
                application,
                len(HELLO),
                at_once,
                is_small=application is applications.hello,
            )
            for name, application in small.items()
            for at_once in (1, 32)
        ),
        WSGIQuestion(
            "stream of 100-byte chunks",
            "chunks/s",
            applications.Streamed(CHUNK, chunks),
            chunks * len(CHUNK),
            worth=chunks,
        ),
        WSGIQuestion(
            "download in 64 KiB blocks",
            "MB/s",
            applications.Streamed(BLOCK, streamed),
            streamed * len(BLOCK),
            worth=megabytes,
        ),
        *(
            WSGIQuestion(
                f"upload in 64 KiB blocks, {method}()",
                "MB/s",
                applications.upload,
                len(str(streamed * len(BLOCK))),
                blocks=blocks,
                worth=megabytes,
                make_input=make_input,
            )
            for method, make_input in inputs.items()
        ),
    ]


@contextmanager
def background_loop(new_loop: LoopFactory) -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs in a thread of its own."""
    loop = new_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


Adapt = Callable[[ASGIApplication, LoopFactory, ExitStack], WSGIApplication]
"""How a contender makes a WSGI application with a loop of that kind, which ends when the stack is closed."""


def with_bridge(application: ASGIApplication, new_loop: LoopFactory, ends: ExitStack) -> WSGIApplication:
    """Ours."""
    return ends.enter_context(bridge.AsgiToWsgi(application, loop_factory=new_loop))


def with_a2wsgi(application: ASGIApplication, new_loop: LoopFactory, ends: ExitStack) -> WSGIApplication:
    """a2wsgi's, which would start the same kind of thread itself, and never end it."""
    loop = ends.enter_context(background_loop(new_loop))
    adapter: WSGIApplication = a2wsgi.ASGIMiddleware(application, loop=loop)  # type: ignore[assignment]
    return adapter


ADAPTERS: dict[str, Adapt] = {
    OURS: with_bridge,
    "a2wsgi": with_a2wsgi,
}


def one_request(question: WSGIQuestion, app: WSGIApplication) -> Callable[[], None]:
    """A request that raises unless its answer is the whole and right one."""
    body = b"".join(question.blocks)

    def request() -> None:
        question.check(exchange(app, body, question.make_input))

    return request


async def nothing() -> None:
    """What `run_coroutine_threadsafe` runs."""


def run_nothing(loop: asyncio.AbstractEventLoop) -> None:
    """Run it, and wait for it."""
    asyncio.run_coroutine_threadsafe(nothing(), loop).result()


def rate(
    request: Callable[[], object], at_once: int, seconds: float, clock: Callable[[], float] = perf_counter
) -> float:
    """Requests a second of `clock`, with that many threads making them all the time for `seconds`."""
    done = [0] * at_once
    errors: list[Exception] = []
    start = threading.Barrier(at_once + 1)

    def client(number: int) -> None:
        count = 0
        start.wait()
        last = perf_counter() + seconds
        try:
            while perf_counter() < last and not errors:
                request()
                count += 1
        except Exception as error:  # noqa: BLE001  (raised below, in the thread that asked)
            errors.append(error)
        done[number] = count

    # Daemons: one that hangs is told of below, and must not keep the process.
    threads = [threading.Thread(target=client, args=(number,), daemon=True) for number in range(at_once)]
    for thread in threads:
        thread.start()
    start.wait()
    started = clock()
    limit = perf_counter() + seconds + THREAD_LIMIT
    for thread in threads:
        thread.join(max(0, limit - perf_counter()))
    if errors:
        raise errors[0]
    if any(thread.is_alive() for thread in threads):
        raise RuntimeError(f"no answer within {THREAD_LIMIT:.0f} s")
    # A clock of CPU time may not have moved in a very short run.
    return sum(done) / max(clock() - started, 1e-9)


def measure(
    question: WSGIQuestion,
    new_loop: LoopFactory,
    rounds: int,
    seconds: float,
    clock: Callable[[], float],
    report: Report,
) -> None:
    """Put one question to all contenders."""
    with ExitStack() as ends:
        requests: dict[str, Callable[[], object]] = {}
        for name, adapt in ADAPTERS.items():
            requests[name] = one_request(question, adapt(question.application, new_loop, ends))
        if question.is_small:
            requests[COROUTINE] = partial(run_nothing, ends.enter_context(background_loop(new_loop)))
        for name in list(requests):
            try:
                rate(requests[name], question.at_once, seconds / 5)
            except Exception as error:  # noqa: BLE001  (a contender that fails is a result too)
                report.fail(question.name, question.unit, name, f"{type(error).__name__}: {error}")
                del requests[name]
        for name in interleaved(rounds, list(requests)):
            gc.collect()
            figure = rate(requests[name], question.at_once, seconds, clock)
            report.add(question.name, question.unit, name, figure * question.worth)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and end with status 1 if ours gave a wrong answer."""
    options = in_process_parser("benchmarks.asgi_to_wsgi", __doc__).parse_args(arguments)
    rounds, seconds = (1, 0.02) if options.quick else (options.rounds, options.seconds)
    new_loop: LoopFactory = asyncio.new_event_loop
    if options.loop == "uvloop":
        # Only where it is asked for: there is none for Windows.
        import uvloop

        new_loop = uvloop.new_event_loop

    report = Report([*ADAPTERS, COROUTINE])
    for question in questions(streamed=8 if options.quick else 128):
        if options.only in question.name:
            progress(question.name)
            measure(question, new_loop, rounds, seconds, CLOCKS[options.clock], report)
    return finish(report, options.json, rounds, seconds, loop=options.loop, clock=options.clock)


if __name__ == "__main__":
    sys.exit(main())

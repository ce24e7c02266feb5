"""The processor's instructions for a small request, counted by valgrind: `python -m benchmarks.instructions`.

Times on a busy machine say little; these counts are the same in every run, to a few percent. They hold what the program
does and nothing of what it waits for: no system call, no switch of threads. Each count is the difference of two runs,
of which one serves more requests, so that the start does not count.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from . import asgi_to_wsgi, wsgi_to_asgi
from .command_line import progress
from .report import OURS, Report

UNIT = "instructions"
NO_VALGRIND = "valgrind is not on PATH; it counts. Debian and Ubuntu: apt-get install valgrind"

THREADS = 40
FEW, COUNTED = 320, 1280  # requests; multiples of 32
LIMIT = 600.0  # seconds for a run, in which valgrind makes everything fifty times slower


def contenders() -> dict[str, Sequence[str]]:
    """Who answers each small question."""
    hand_offs = ((wsgi_to_asgi, wsgi_to_asgi.EXECUTOR), (asgi_to_wsgi, asgi_to_wsgi.COROUTINE))
    return {
        f"{module.__name__.rpartition('.')[2]}: {question.name}": [*module.ADAPTERS, hand_off]
        for module, hand_off in hand_offs
        for question in module.questions(streamed=1)
        if question.is_small
    }


async def serve_asgi(name: str, contender: str, count: int) -> None:
    """Have an ASGI application answer so many requests."""
    [question] = [question for question in wsgi_to_asgi.questions(streamed=1) if question.name == name]
    request: Callable[[], Awaitable[object]]
    with ExitStack() as ends:
        if contender == wsgi_to_asgi.EXECUTOR:
            pool = ends.enter_context(ThreadPoolExecutor(THREADS))
            request = partial(asyncio.get_running_loop().run_in_executor, pool, wsgi_to_asgi.nothing)
        else:
            adapt = wsgi_to_asgi.ADAPTERS[contender]
            request = wsgi_to_asgi.one_request(question, adapt(question.application, THREADS, ends))

        async def client() -> None:
            for _ in range(count // question.at_once):
                await request()

        await asyncio.gather(*(client() for _ in range(question.at_once)))


def serve_wsgi(name: str, contender: str, count: int) -> None:
    """Have a WSGI application answer so many requests."""
    [question] = [question for question in asgi_to_wsgi.questions(streamed=1) if question.name == name]
    request: Callable[[], object]
    with ExitStack() as ends:
        if contender == asgi_to_wsgi.COROUTINE:
            loop = ends.enter_context(asgi_to_wsgi.background_loop(asyncio.new_event_loop))
            request = partial(asgi_to_wsgi.run_nothing, loop)
        else:
            adapt = asgi_to_wsgi.ADAPTERS[contender]
            request = asgi_to_wsgi.one_request(question, adapt(question.application, asyncio.new_event_loop, ends))

        def client() -> None:
            for _ in range(count // question.at_once):
                request()

        clients = [threading.Thread(target=client) for _ in range(question.at_once)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()


def serve(question: str, contender: str, count: int) -> None:
    """What runs under valgrind."""
    module, _, name = question.partition(": ")
    if module == "wsgi_to_asgi":
        asyncio.run(serve_asgi(name, contender, count))
    else:
        serve_wsgi(name, contender, count)


def instructions(valgrind: str, question: str, contender: str) -> float:
    """How many a request takes."""
    with tempfile.TemporaryDirectory() as folder:
        # Compiled modules are kept: the first run compiles, and does nothing else that counts.
        environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        log = Path(folder, "log")
        count = [
            valgrind,
            "--tool=cachegrind",
            "--cache-sim=no",
            "--cachegrind-out-file=/dev/null",
            f"--log-file={log}",
        ]
        serve = [sys.executable, "-m", __spec__.name, "--serve", question, contender]
        run = partial(subprocess.run, check=True, timeout=LIMIT, env=environment)
        run([*serve, str(FEW)])
        taken = []
        for requests in (FEW, FEW + COUNTED):
            run([*count, *serve, str(requests)])
            told = re.search(r"I\s+refs:\s+([\d,]+)", log.read_text(encoding="utf-8"))
            if told is None:
                raise RuntimeError("valgrind did not tell how many instructions it counted")
            taken.append(int(told[1].replace(",", "")))
    return (taken[1] - taken[0]) / COUNTED


def main(arguments: Sequence[str] | None = None) -> int:
    """Count and print; end with status 1 if ours failed, 2 without valgrind."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="only the questions whose names contain TEXT")
    parser.add_argument("--quick", action="store_true", help="ours alone")
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        question, contender, count = options.serve
        serve(question, contender, int(count))
        return 0
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        print(NO_VALGRIND, file=sys.stderr)
        return 2
    report = Report(list(dict.fromkeys(name for names in contenders().values() for name in names)), less_is_better=True)
    for question, names in contenders().items():
        if options.only not in question:
            continue
        progress(question)
        for contender in [OURS] if options.quick else names:
            try:
                report.add(question, UNIT, contender, instructions(valgrind, question, contender))
            except (RuntimeError, subprocess.SubprocessError) as error:
                report.fail(question, UNIT, contender, str(error))
    print(report.tables())
    return 1 if any(OURS in reasons for reasons in report.failed.values()) else 0


if __name__ == "__main__":
    sys.exit(main())

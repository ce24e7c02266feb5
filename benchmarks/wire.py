"""Whole servers on loopback, loaded by wrk: `python -m benchmarks.wire`.

WSGI applications run through the adapters under uvicorn (httptools, uvloop, one process), FastAPI under gunicorn's
threaded worker. gunicorn and waitress serve the same Flask application without an adapter, uvicorn the ASGI ones; that
is FastAPI's own place, and shows what gunicorn and the adapter take. "no thread" is uvicorn with the application called
in the event loop: no way to serve, but the most that an adapter could reach.

All of them have been started before the first measurement, and are measured interleaved, one at a time. Where the
system can do that, servers run on one core, and the load on the others: one process of Python fills no more than a
core, and every wake-up of a thread on another core waits for that core.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from . import command_line
from .applications import HELLO
from .report import Report, interleaved
from .served import SERVED

UNIT = "requests/s"
NO_WRK = "wrk is not on PATH; it makes the load. Debian and Ubuntu: apt-get install wrk. macOS: brew install wrk"
# A server that has not answered by then does not start.
START_LIMIT = 30.0
STOP_LIMIT = 10.0


def pin(cores: slice) -> Callable[[], None] | None:
    """What a process calls to stay on some of the cores that this one may use; None where it cannot, or has but one."""
    if not hasattr(os, "sched_setaffinity") or len(available := sorted(os.sched_getaffinity(0))) < 2:
        return None
    return partial(os.sched_setaffinity, 0, available[cores])


OF_SERVERS, OF_LOAD = pin(slice(1)), pin(slice(1, None))


@contextmanager
def running(application: str, name: str, log: Path) -> Iterator[str]:
    """A server in a process of its own, once it answers rightly; gives its address."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        descriptor = listening.fileno()
        address = "http://{}:{}/".format(*listening.getsockname())
        command = [sys.executable, "-m", "benchmarks.served", application, name, str(descriptor)]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                pass_fds=[descriptor],
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=OF_SERVERS,  # noqa: PLW1509  one thread
            )
    try:
        wait_for_answer(address, process)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_answer(address: str, process: subprocess.Popen[bytes]) -> None:
    """Return once the server gives the right page; raise if it ends, or never does."""
    end = time.monotonic() + START_LIMIT
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(address, timeout=START_LIMIT) as response:
                page = response.read()
        except OSError:  # refused, reset by a server that does not start, an error page
            time.sleep(0.05)
            continue
        if page != HELLO:
            raise RuntimeError(f"the server answered {page!r:.100}")
        return
    raise RuntimeError(f"the server did not answer within {START_LIMIT:.0f} s (exit status {process.poll()})")


def load(wrk: str, address: str, connections: int, seconds: float) -> float:
    """Requests a second under wrk; raise if any of them was not answered with the page."""
    command = [wrk, "--threads", "1", "--connections", str(connections), "--duration", f"{seconds:.0f}s", address]
    limit = seconds + 30
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=limit, preexec_fn=OF_LOAD).stdout
    if wrong := re.search(r"(Socket errors|Non-2xx or 3xx responses):.*", said):
        raise RuntimeError(wrong.group())
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found is not None, said
    return float(found.group(1))


def measure(wrk: str, application: str, rounds: int, seconds: float, connections: int, report: Report) -> None:
    """Start everything that serves one application, and load each in turn."""
    question = f"{application}, {connections} connections"
    with ExitStack() as ends:
        logs = Path(ends.enter_context(tempfile.TemporaryDirectory()))
        addresses = {}
        for name in SERVED[application]:
            log = logs / name
            try:
                address = ends.enter_context(running(application, name, log))
                load(wrk, address, connections, 1)
            except RuntimeError as error:
                said = log.read_text(encoding="utf-8", errors="replace").splitlines()
                report.fail(question, UNIT, name, f"{error}; it said last: {said[-1] if said else 'nothing'}")
            else:
                addresses[name] = address
        for name in interleaved(rounds, list(addresses)):
            report.add(question, UNIT, name, load(wrk, addresses[name], connections, seconds))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and end with status 1 if ours failed; 2 if there is nothing to load it with."""
    parser = command_line.parser("benchmarks.wire", __doc__, rounds=5, seconds=3)
    parser.add_argument("--connections", type=int, default=32, help="kept-alive connections (default: 32)")
    options = parser.parse_args(arguments)
    rounds, seconds = (1, 1.0) if options.quick else (options.rounds, options.seconds)

    wrk = shutil.which("wrk")
    if wrk is None:
        print(NO_WRK)
        return 2

    chosen = [application for application in SERVED if options.only in application]
    contenders = dict.fromkeys(name for application in chosen for name in SERVED[application])
    report = Report(list(contenders))
    for application in chosen:
        command_line.progress(application)
        measure(wrk, application, rounds, seconds, options.connections, report)
    return command_line.finish(report, options.json, rounds, seconds, connections=options.connections)


if __name__ == "__main__":
    sys.exit(main())

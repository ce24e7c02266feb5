"""The command: called here, or in a process of its own that is run to its end, or kept while its server is asked.

Every wait has a limit.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bridge.cli import main

ROOT = Path(__file__).parents[2]
STARTS_WITHIN = 30.0  # seconds; a cold import of every framework on a busy machine, with room
ENDS_WITHIN = 20.0
# From Ctrl-C on. Less than one second, but here others may use the machine; a wait in vain takes longer.
AT_ONCE = 2.5
ANSWERS_WITHIN = 10.0

ADDRESS = r"http://(127\.0\.0\.1|\[::1\]):(\d+)$"


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def only_line(self) -> str:
        """The one line that it wrote, to its standard error."""
        assert self.out == "", self.out
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


class Running:
    """A process whose output is read line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._seen: list[str] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        assert process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=[process.stdout], daemon=True)
        self._reader.start()

    def _read(self, output: IO[str]) -> None:
        for line in output:
            self._lines.put(line)
        self._lines.put(None)

    def connection(self) -> http.client.HTTPConnection:
        """A connection to the address that `serve` says."""
        host, port = self.line(ADDRESS).groups()
        return http.client.HTTPConnection(host.strip("[]"), int(port), timeout=ANSWERS_WITHIN)

    def page(self, path: str = "/") -> str:
        """The answer to a GET, from the address that `serve` says."""
        connection = self.connection()
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            assert response.status == 200
            return response.read().decode()
        finally:
            connection.close()

    def line(self, pattern: str, within: float = STARTS_WITHIN) -> re.Match[str]:
        """Wait for a line that matches; what was written until then is read once."""
        while True:
            try:
                line = self._lines.get(timeout=within)
            except queue.Empty:
                raise AssertionError(f"no line {pattern!r} within {within} s:\n{''.join(self._seen)}") from None
            assert line is not None, f"it ended without a line {pattern!r}:\n{''.join(self._seen)}"
            self._seen.append(line)
            if found := re.search(pattern, line):
                return found

    def so_far(self) -> str:
        """What it has written; does not wait."""
        while True:
            try:
                line = self._lines.get_nowait()
            except queue.Empty:
                return "".join(self._seen)
            assert line is not None, f"it ended:\n{''.join(self._seen)}"
            self._seen.append(line)

    def rest(self, within: float = ENDS_WITHIN) -> str:
        """Wait for the end of the output; everything that was written."""
        while (line := self._lines.get(timeout=within)) is not None:
            self._seen.append(line)
        return "".join(self._seen)

    def terminate(self) -> None:
        """What a service manager sends."""
        self.process.terminate()

    def interrupt(self) -> None:
        """What Ctrl-C sends."""
        self.process.send_signal(signal.SIGINT)

    def ctrl_c(self) -> None:
        """What Ctrl-C in a terminal sends: to the processes that it has started as well."""
        os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """End it, whatever it does, and the processes that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(ENDS_WITHIN)
        self._reader.join(ENDS_WITHIN)
        assert self.process.stdout is not None
        self.process.stdout.close()


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of the tests, in which `bridge` and `examples` can be imported from any directory."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, **(extra or {})}


def called(*arguments: str, directory: Path) -> Ended:
    """Call what `python -m bridge` calls; a process of its own takes a hundred times as long for a line."""
    path, before = sys.path.copy(), set(sys.modules)
    with chdir(directory), redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        try:
            status = main(arguments, prog="python -m bridge")
        except SystemExit as end:  # argparse's way
            status = int(end.code or 0)
        finally:
            sys.path[:] = path
            for name in set(sys.modules) - before:
                if str(getattr(sys.modules[name], "__file__", None)).startswith(str(directory)):
                    del sys.modules[name]
    return Ended(status, out.getvalue(), err.getvalue())


def ended(*arguments: str, directory: Path) -> Ended:
    """Run Python with these arguments to its end, for at most `ENDS_WITHIN` seconds."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@contextmanager
def running(*arguments: str, directory: Path, extra: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Run Python with these arguments while the block runs, and leave no process behind."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=directory,
        env=environment(extra),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )
    command = Running(process)
    try:
        yield command
    finally:
        command.kill()

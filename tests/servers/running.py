"""A real server in a process group of its own: started, asked, stopped, and always gone in the end."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.servers.kinds import HOST, Kind
from tests.servers.memory import Growth, members

STARTS_WITHIN = 30.0  # seconds; a cold import of every framework on a busy machine, with room
ANSWERS_WITHIN = 10.0  # seconds for one ordinary answer
DIES_WITHIN = 10.0  # seconds from SIGKILL to an empty process group

# `tests` is imported by its name from the root, by the server too.
ROOT = Path(__file__).parents[2]


def eventually(condition: Callable[[], bool], within: float, pause: float = 0.02) -> bool:
    """Whether `condition` becomes true in `within` seconds: for what another process does unseen."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


@dataclass(frozen=True)
class Answer:
    """A complete response."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The only header of that name; None if there is none."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} is repeated: {values}"
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        """Every value of that name, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class RunningServer:
    """A server that accepts connections on `port`."""

    def __init__(self, kind: Kind, process: subprocess.Popen[bytes], port: int, log_path: Path) -> None:
        self.kind = kind
        self.process = process
        self.port = port
        self._log_path = log_path

    def log(self) -> str:
        """What the server has written to its standard output and error."""
        return self._log_path.read_text(errors="replace")

    def growth(self) -> Growth:
        """A fresh measurement of the server's memory."""
        return Growth(self.process.pid)

    def ask(
        self,
        target: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        within: float = ANSWERS_WITHIN,
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=within)
        try:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def counts(self) -> dict[str, int]:
        """What the application under test and its adapter have counted so far."""
        counts: dict[str, int] = self.ask("/counts").json()
        return counts

    def stop(self, within: float, by: signal.Signals = signal.SIGTERM) -> float:
        """Send SIGTERM as a service manager does; the seconds until the last process of the group was gone."""
        started = time.monotonic()
        self.process.send_signal(by)
        self.process.wait(within)
        assert eventually(lambda: not members(self.process.pid), within), "it left processes behind"
        return time.monotonic() - started


@contextmanager
def running(
    kind: Kind,
    application: str,
    directory: Path,
    *,
    package: str = "tests.servers",
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[RunningServer]:
    """Serve `application` (MODULE:ATTRIBUTE in `package`) while the block runs, and leave no process behind."""
    with _reserved_port() as port, (directory / "server.log").open("wb") as log:
        process = subprocess.Popen(
            kind.command(f"{package}.{application}", port),
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
                # What is freed goes back to the system at once: what it keeps would hide what the next test needs.
                "MALLOC_MMAP_THRESHOLD_": "32768",
                **environment,
            },
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        server = RunningServer(kind, process, port, Path(log.name))
        try:
            _wait_until_it_answers(server)
            yield server
        finally:
            _end_group(process)


@contextmanager
def _reserved_port() -> Iterator[int]:
    """A port that the system chose, and that it gives to nobody else while the block runs.

    The socket is bound and never listens, so that (with SO_REUSEADDR, which all of the servers set) the server can
    bind the same port while the kernel's own choices avoid it.
    """
    with socket.socket() as reservation:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reservation.bind((HOST, 0))
        yield reservation.getsockname()[1]


def _wait_until_it_answers(server: RunningServer) -> None:
    def answers() -> bool:
        # An arbiter may listen before its worker is ready, so only an answer counts.
        assert server.process.poll() is None, f"{server.kind.name} ended by itself:\n{server.log()}"
        try:
            server.ask("/", within=STARTS_WITHIN)
        except (OSError, http.client.HTTPException):
            return False
        return True

    assert eventually(answers, STARTS_WITHIN), f"{server.kind.name} does not answer:\n{server.log()}"


def _end_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # all of it has ended already
    process.wait(DIES_WITHIN)
    assert eventually(lambda: not members(process.pid), DIES_WITHIN), "processes survived SIGKILL"

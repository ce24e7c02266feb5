"""A WSGI server and the diary of the application that it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.servers.kinds import Kind as AnyKind
from tests.servers.running import ANSWERS_WITHIN, RunningServer, eventually, running
from tests.wsgi_servers.diary import VARIABLE, Diary
from tests.wsgi_servers.kinds import Kind


class Served:
    """A running server, and what its application tells."""

    def __init__(self, server: RunningServer, diary: Diary) -> None:
        self.server = server
        self.diary = diary

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server.port

    def events(self, name: str, last: str, within: float) -> list[str]:
        """What the request of that name went through until `last`, which must come in time."""
        eventually(lambda: last in self.diary.events(name), within)
        events = self.diary.events(name)
        assert last in events, f"no {last!r} within {within} s, only {events}"
        return events

    def alive(self, pid: int) -> dict[str, Any]:
        """What that process of the server has; the system chooses which one answers, so it is asked until it does."""
        found: list[dict[str, Any]] = []

        def answers() -> bool:
            found.append(self.server.ask("/alive").json())
            return bool(found[-1]["pid"] == pid)

        assert eventually(answers, ANSWERS_WITHIN), f"process {pid} does not answer"
        return found[-1]


@contextmanager
def serving(
    kind: AnyKind,
    directory: Path,
    application: str = "application:application",
    *,
    package: str = "tests.wsgi_servers",
) -> Iterator[Served]:
    """Serve `application` (MODULE:ATTRIBUTE in `package`) while the block runs."""
    if isinstance(kind, Kind) and kind.missing:
        pytest.fail(f"{kind.name} {kind.missing}")
    with running(kind, application, directory, package=package, environment={VARIABLE: str(directory)}) as server:
        yield Served(server, Diary(directory))

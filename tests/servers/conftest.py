"""One running server for each kind, and what it logged beside each failure."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.matrix.directions import WSGI_TO_ASGI
from tests.matrix.printing import print_matrix
from tests.servers.kinds import KINDS, Kind
from tests.servers.running import RunningServer, running


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name, scope="session")
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each server in turn."""
    kind: Kind = request.param
    return kind


@pytest.fixture(scope="session")
def shared_server(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server for all tests that leave it as it was."""
    with running(kind, "application:app", tmp_path_factory.mktemp(kind.name)) as server:
        yield server


@pytest.fixture
def server(shared_server: RunningServer) -> Iterator[RunningServer]:
    """The shared server; if the test fails, pytest shows what the server logged meanwhile."""
    before = len(shared_server.log())
    yield shared_server
    sys.stdout.write(shared_server.log()[before:])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table, as it was seen."""
    print_matrix(terminalreporter, WSGI_TO_ASGI)

"""One running server for each kind, and what it logged beside each failure."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.matrix.directions import ASGI_TO_WSGI
from tests.matrix.printing import print_matrix
from tests.wsgi_servers.kinds import KINDS, Kind
from tests.wsgi_servers.serving import Served, serving


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name, scope="session")
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each server in turn."""
    kind: Kind = request.param
    return kind


@pytest.fixture(scope="session")
def shared(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server for all tests that leave it as it was."""
    with serving(kind, tmp_path_factory.mktemp(kind.name)) as served:
        yield served


@pytest.fixture
def served(shared: Served) -> Iterator[Served]:
    """The shared server; if the test fails, pytest shows what the server logged meanwhile."""
    before = len(shared.server.log())
    yield shared
    sys.stdout.write(shared.server.log()[before:])


@pytest.fixture
def own(kind: Kind, tmp_path: Path) -> Iterator[Served]:
    """A server for this test alone, which may stop or break it."""
    with serving(kind, tmp_path) as served:
        yield served
        sys.stdout.write(served.server.log())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table, as it was seen."""
    print_matrix(terminalreporter, ASGI_TO_WSGI)

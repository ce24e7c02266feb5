"""One running server for each module and kind, and what it logged beside each failure."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.kinds import KINDS, Kind
from tests.servers.running import RunningServer, running


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name, scope="module")
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each server in turn."""
    kind: Kind = request.param
    return kind


@pytest.fixture(scope="module")
def shared_server(
    request: pytest.FixtureRequest, kind: Kind, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """A server that serves all tests of a module."""
    application: str = request.module.APPLICATION
    with running(kind, application, tmp_path_factory.mktemp(kind.name)) as server:
        yield server


@pytest.fixture
def server(shared_server: RunningServer) -> Iterator[RunningServer]:
    """The shared server; if the test fails, pytest shows what the server logged meanwhile."""
    before = len(shared_server.log())
    yield shared_server
    sys.stdout.write(shared_server.log()[before:])


@pytest.fixture
def own_server(request: pytest.FixtureRequest, kind: Kind, tmp_path: Path) -> Iterator[RunningServer]:
    """A server for this test alone, which may stop or break it."""
    application: str = request.module.APPLICATION
    with running(kind, application, tmp_path) as server:
        yield server
        sys.stdout.write(server.log())

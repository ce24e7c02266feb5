"""The table of behaviours on ASGI servers: a WSGI application through the bridge, and a native one beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from tests.matrix.behaviours import Behaviour
from tests.matrix.directions import WSGI_TO_ASGI
from tests.matrix.trying import try_out
from tests.servers.kinds import Kind
from tests.wsgi_servers.serving import Served, serving


@pytest.fixture(scope="session")
def shared(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with both applications, for all rows."""
    with serving(kind, tmp_path_factory.mktemp(kind.name), WSGI_TO_ASGI.application, package="tests.matrix") as served:
        yield served


@pytest.fixture
def served(shared: Served) -> Iterator[Served]:
    """That server; if the test fails, pytest shows what it logged meanwhile."""
    before = len(shared.server.log())
    yield shared
    sys.stdout.write(shared.server.log()[before:])


@pytest.mark.parametrize("behaviour", Behaviour, ids=lambda behaviour: behaviour.name)
def test_behaviour(
    served: Served, kind: Kind, behaviour: Behaviour, record_property: Callable[[str, object], None]
) -> None:
    """The law, B1, W4, W5, W8, W9, W13, W17, W18: it is as it ought to be, or the server's own limit."""
    try_out(WSGI_TO_ASGI, served, kind, behaviour, record_property)

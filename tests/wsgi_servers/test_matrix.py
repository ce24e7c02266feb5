"""The table of behaviours on WSGI servers: an ASGI application through the bridge, and a native one beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.matrix.behaviours import Behaviour
from tests.matrix.directions import ASGI_TO_WSGI
from tests.matrix.trying import try_out
from tests.wsgi_servers.kinds import ORIGINALS, Kind
from tests.wsgi_servers.serving import Served, serving


@pytest.fixture(scope="session")
def shared(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with both applications, for all rows."""
    with serving(kind, tmp_path_factory.mktemp(kind.name), ASGI_TO_WSGI.application, package="tests.matrix") as served:
        yield served


@pytest.mark.parametrize("kind", ORIGINALS, ids=lambda kind: kind.name, indirect=True, scope="session")
@pytest.mark.parametrize("behaviour", Behaviour, ids=lambda behaviour: behaviour.name)
def test_behaviour(
    served: Served, kind: Kind, behaviour: Behaviour, record_property: Callable[[str, object], None]
) -> None:
    """The law, B1, A2, A4, A5, A6, A8: it is as it ought to be, or the server's own limit."""
    try_out(ASGI_TO_WSGI, served, kind, behaviour, record_property)

"""An application that raises: the client can tell, the server's log says why, and the next request is served."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest

from tests.matrix.behaviours import Behaviour
from tests.servers.kinds import Kind
from tests.servers.limits import limited
from tests.servers.running import RunningServer, eventually, running
from tests.servers.wire import Wire, head

LATE = "RuntimeError: raised after the start"


@pytest.fixture(scope="session")
def shared_server(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server for this module alone: daphne is not what it was after an error."""
    with running(kind, "application:app", tmp_path_factory.mktemp(kind.name)) as server:
        yield server


def test_error_before_the_start(server: RunningServer) -> None:
    """W13: the server gets the original exception, answers 500 and logs it."""
    assert server.ask("/fail-before").status == 500
    assert eventually(lambda: "RuntimeError: raised before the start" in server.log(), within=2)
    assert server.ask("/").body == b"hello"


@pytest.mark.parametrize("declared", ["yes", "no"])
def test_error_after_the_start(server: RunningServer, declared: str) -> None:
    """W13, W10: a response that broke off never looks whole, and its iterable is closed once."""
    hidden = limited(server.kind, Behaviour.ERROR_WITHOUT_LENGTH)
    before, told = server.counts(), server.log().count(LATE)
    with Wire(server.port, within=1 if hidden else 5) as wire:
        wire.send(head("GET", f"/fail-after?declared={declared}"))
        response = wire.response()
        assert response.read1(100) == b"12345"
        with pytest.raises(TimeoutError if hidden else http.client.IncompleteRead):
            response.read()
    after = server.counts()
    assert [after[what] - before.get(what, 0) for what in ("opened", "closed")] == [1, 1]
    # Of a second error daphne says nothing.
    assert eventually(lambda: server.log().count(LATE) > (0 if hidden else told), within=2)

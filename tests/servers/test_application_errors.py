"""An application that raises: the client can tell, the server's log says why, and the next request is served."""

from __future__ import annotations

import http.client

import pytest

from tests.servers.limits import Limit, limited
from tests.servers.running import RunningServer, eventually
from tests.servers.wire import Wire, head

APPLICATION = "application:app"


def test_error_before_the_start(server: RunningServer) -> None:
    """W13: the server gets the original exception, answers 500 and logs it."""
    assert server.ask("/fail-before").status == 500
    assert eventually(lambda: "RuntimeError: raised before the start" in server.log(), within=2)
    assert server.ask("/").body == b"hello"


@pytest.mark.parametrize("declared", ["yes", "no"])
def test_error_after_the_start(own_server: RunningServer, declared: str) -> None:
    """W13, W10: a response that broke off never looks whole, and its iterable is closed once."""
    hidden = limited(own_server.kind, Limit.HIDES_LATE_ERRORS)
    with Wire(own_server.port, within=3) as wire:
        wire.send(head("GET", f"/fail-after?declared={declared}"))
        response = wire.response()
        assert response.read1(100) == b"12345"
        with pytest.raises(TimeoutError if hidden else http.client.IncompleteRead):
            response.read()
    counts = own_server.counts()
    assert (counts["opened"], counts["closed"]) == (1, 1)
    assert eventually(lambda: "RuntimeError: raised after the start" in own_server.log(), within=2)

"""An application that raises: the client can tell, the server's log says why, and the next request is served."""

from __future__ import annotations

import http.client
from contextlib import suppress

import pytest

from tests.servers.running import eventually
from tests.servers.wire import Wire, head
from tests.wsgi_servers.serving import Served


def is_logged_once_more(served: Served, error: str, before: str) -> bool:
    """Whether the server's log tells of an error that was not in it before."""
    return eventually(lambda: served.server.log().count(error) > before.count(error), within=2)


def test_error_before_the_start(served: Served) -> None:
    """A8: the server gets the original exception, and logs it."""
    before = served.server.log()
    with suppress(http.client.RemoteDisconnected):  # uWSGI has no 500
        assert served.server.ask("/fail-before").status == 500
    assert is_logged_once_more(served, "RuntimeError: raised before the start", before)
    assert served.server.ask("/").body == b"hello"


@pytest.mark.parametrize("declared", ["yes", "no"])
def test_error_after_the_start(served: Served, declared: str) -> None:
    """A8: the server's log says why a response broke off."""
    before = served.server.log()
    with Wire(served.port) as wire:
        wire.send(head("GET", f"/fail-after?declared={declared}"))
        with suppress(http.client.IncompleteRead, ConnectionResetError):  # not where it looks whole
            assert wire.answer().body == b"12345"
    assert is_logged_once_more(served, "raised after the start", before)
    assert served.server.ask("/").body == b"hello"

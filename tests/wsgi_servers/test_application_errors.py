"""An application that raises: the client can tell, the server's log says why, and the next request is served."""

from __future__ import annotations

import http.client

import pytest

from tests.servers.running import eventually
from tests.servers.wire import Wire, head
from tests.wsgi_servers.kinds import Kind
from tests.wsgi_servers.limits import Limit, limited
from tests.wsgi_servers.probes import ends_broken_bodies, hides_errors
from tests.wsgi_servers.serving import Served


def is_logged_once_more(served: Served, error: str, before: str) -> bool:
    """Whether the server's log tells of an error that was not in it before."""
    return eventually(lambda: served.server.log().count(error) > before.count(error), within=2)


def test_error_before_the_start(served: Served, kind: Kind) -> None:
    """A8: the server gets the original exception, answers 500 where it can, and logs it."""
    before = served.server.log()
    assert hides_errors(served) is limited(kind, Limit.HIDES_ERRORS)
    assert is_logged_once_more(served, "RuntimeError: raised before the start", before)
    assert served.server.ask("/").body == b"hello"


def test_error_after_the_start(served: Served, kind: Kind) -> None:
    """A8: a response that broke off never looks whole where the server can tell, and its log says why."""
    before = served.server.log()
    assert ends_broken_bodies(served) is limited(kind, Limit.BROKEN_LOOKS_WHOLE)
    assert is_logged_once_more(served, "raised after the start", before)
    assert served.server.ask("/").body == b"hello"


def test_error_below_the_declared_length(served: Served) -> None:
    """A8: a response that broke off below its declared length never looks whole."""
    before = served.server.log()
    with Wire(served.port) as wire:
        wire.send(head("GET", "/fail-after?declared=yes"))
        response = wire.response()
        assert response.read1(100) == b"12345"
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            response.read()
    assert is_logged_once_more(served, "raised after the start", before)

"""Headers that a client can use before the response."""

from __future__ import annotations

from tests.servers.probes import fresh_name
from tests.servers.wire import Wire, head
from tests.wsgi_servers.kinds import Kind
from tests.wsgi_servers.limits import Limit, limited
from tests.wsgi_servers.serving import Served


def test_early_hints(served: Served, kind: Kind) -> None:
    """A8: `http.response.early_hint` is offered under gunicorn alone, and goes out before the response there."""
    offered = "http.response.early_hint" in served.server.ask("/scope").json()["extensions"]
    assert offered is not limited(kind, Limit.NO_EARLY_HINTS)
    if not offered:
        return
    name = fresh_name()
    with Wire(served.port) as wire:
        wire.send(head("GET", f"/hints?name={name}"))
        first = wire.take_head()
        assert first.startswith(b"HTTP/1.1 103 ")
        assert b"\r\nlink: </style.css>; rel=preload\r\n" in first.lower()
        served.diary.allow(name)
        assert wire.answer().body == b"hinted"

"""The order of events between client and application: nothing is held back."""

from __future__ import annotations

from tests.servers.probes import fresh_name
from tests.servers.wire import Wire, head
from tests.wsgi_servers.pace import EVENTS
from tests.wsgi_servers.serving import Served


def test_server_sent_events(served: Served) -> None:
    """A5: each event reaches the client before the application may make the next one."""
    name = fresh_name()
    with Wire(served.port) as wire:
        wire.send(head("GET", f"/events?name={name}"))
        served.diary.allow(f"{name}-0")
        response = wire.response()
        assert response.getheader("Content-Type") == "text/event-stream"
        for number in range(EVENTS):
            served.diary.allow(f"{name}-{number}")
            assert response.read1(100) == b"data: %d\n\n" % number
        assert response.read() == b""

"""What an application does after its answer."""

from __future__ import annotations

import time

from tests.servers.probes import fresh_name
from tests.wsgi_servers.serving import Served

AT_ONCE = 3.0  # seconds; background work that delayed them would do so for PATIENCE, which is 10


def test_background_work(served: Served) -> None:
    """A7: it delays neither its client nor the next one, holds no thread, and is done although the client has left."""
    name = fresh_name()
    started = time.monotonic()
    assert served.server.ask(f"/background?name={name}").body == b"answered"
    assert served.server.ask("/").body == b"hello"
    assert time.monotonic() - started < AT_ONCE
    served.events(name, "working", within=2)
    served.diary.allow(name)
    assert served.events(name, "finally", within=2) == ["working", "worked", "finally"]

"""The order of events between client and application: nothing is held back, nothing is asked for too early."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.servers.limits import Limit, limited
from tests.servers.probes import continues_early, fresh_name
from tests.servers.running import RunningServer
from tests.servers.wire import Wire, head

APPLICATION = "application:app"


def test_first_chunk(server: RunningServer) -> None:
    """W8: a chunk reaches the client before the application makes the next one."""
    name = fresh_name()
    with Wire(server.port) as wire:
        wire.send(head("GET", f"/two-parts?name={name}"))
        response = wire.response()
        assert response.read1(100) == b"first "
        # Only now may the application go on; had the chunk been held back, the read above would have failed.
        server.ask(f"/release?name={name}")
        assert response.read() == b"second"


def test_expectation_kept(server: RunningServer) -> None:
    """W4: with `Expect: 100-continue`, 100 (Continue) goes out when the application reads, and not earlier."""
    assert continues_early(server) is limited(server.kind, Limit.CONTINUES_EARLY)


def test_expectation_refused(server: RunningServer) -> None:
    """W4: an application that does not read answers at once, and the client never hears 100 (Continue)."""
    with Wire(server.port) as wire:
        wire.send(head("POST", "/read-never", "Content-Length: 5", "Expect: 100-continue"))
        first = wire.take_head()
        continued = first.startswith(b"HTTP/1.1 100")
        assert continued is limited(server.kind, Limit.CONTINUES_EARLY)
        if continued:  # by the server, which may now want the body before it calls the application
            wire.send(b"whole")
            first = wire.take_head()
        assert first.startswith(b"HTTP/1.1 403")


def test_side_by_side(server: RunningServer) -> None:
    """W14: eight requests that block their threads run at once."""
    target = f"/side-by-side?name={fresh_name()}&parties=8"
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: server.ask(target), range(8)))
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"together")] * 8

"""Requests that block their threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.servers.probes import fresh_name
from tests.servers.running import RunningServer


def test_side_by_side(server: RunningServer) -> None:
    """W14: eight requests that block their threads run at once."""
    target = f"/side-by-side?name={fresh_name()}&parties=8"
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: server.ask(target), range(8)))
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"together")] * 8

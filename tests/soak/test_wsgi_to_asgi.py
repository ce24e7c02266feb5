"""Thousands of requests through `WsgiToAsgi`, good and bad ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge import WsgiToAsgi
from tests.soak.context import named_in_asgi
from tests.soak.judging import judge
from tests.soak.ledger import Ledger
from tests.soak.plans import PATIENCE, REQUESTS, SEED
from tests.soak.through_asgi import soak
from tests.soak.wsgi_application import Application


@pytest.mark.timeout(2 * PATIENCE)
def test_soak(tmp_path: Path) -> None:
    """B1, W10, W15: nothing hangs, leaks or is mixed up, whatever clients, servers and applications do."""
    ledger = Ledger()
    adapter = WsgiToAsgi(Application(ledger, tmp_path), threads=8, write_buffer=2000)
    app = named_in_asgi(adapter)

    def is_idle() -> bool:
        stats = adapter.stats()
        return (stats.busy, stats.in_flight, stats.queued, stats.stuck) == (0, 0, 0, 0)

    faults = judge(
        REQUESTS,
        ledger,
        make=lambda first, last: soak(app, first, last, is_idle=is_idle),
        is_idle=is_idle,
        tasks=int,  # each part runs on a loop of its own, and the harness demands that no task is left there
        close=adapter.close,
    )
    assert faults == [], "\n".join([f"SOAK_SEED={SEED}", *faults])

"""Thousands of requests through `AsgiToWsgi`, good and bad ones."""

from __future__ import annotations

import json

import pytest

from bridge import AsgiToWsgi
from tests.harness.wsgi_call import serve
from tests.soak.asgi_application import Application
from tests.soak.context import named_in_wsgi
from tests.soak.judging import judge
from tests.soak.ledger import Ledger
from tests.soak.plans import PATIENCE, REQUESTS, SEED
from tests.soak.through_wsgi import soak


@pytest.mark.timeout(2 * PATIENCE)
def test_soak() -> None:
    """B1, A2, A6, A12: nothing hangs, leaks or is mixed up, whatever clients, servers and applications do."""
    ledger = Ledger()
    application = Application(ledger)
    adapter = AsgiToWsgi(application, lifespan="off", write_buffer=2000, prefetch_size=1000, disconnect_grace=0.02)
    app = named_in_wsgi(adapter)

    def is_idle() -> bool:
        stats = adapter.stats()
        running = (stats.busy, stats.in_flight, stats.background, stats.queued, stats.stuck)
        return running == (0, 0, 0, 0, 0) and not application.detached

    def tasks() -> int:
        found: int = json.loads(serve(adapter, path="/ledger/0/0").body)["tasks"]
        return found

    faults = judge(
        REQUESTS,
        ledger,
        make=lambda first, last: soak(app, first, last),
        is_idle=is_idle,
        tasks=tasks,
        close=adapter.close,
    )
    assert faults == [], "\n".join([f"SOAK_SEED={SEED}", *faults])

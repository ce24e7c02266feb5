"""B3: the figures of adapters for Prometheus, read as Prometheus reads them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bridge.prometheus import AdapterCollector, RequestSeconds
from tests.conformance import asgi_adapting
from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN
from tests.conformance.asgi_applications import answering as asgi_answering
from tests.harness import LIMIT, request, run
from tests.harness.wsgi_call import serve


def samples(registry: CollectorRegistry) -> dict[tuple[str, ...], float]:
    """Every sample but buckets and times, by name and labels' values."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
        if not sample.name.endswith(("_bucket", "_sum", "_created"))
    }


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Fail, or answer."""
    if environ["PATH_INFO"] == "/fail":
        raise LookupError("on purpose")
    start_response("200 OK", list(PLAIN))
    return [b"ok"]


def test_what_prometheus_scrapes() -> None:
    """B3: each adapter's stats() and request times, by its name; made-up methods share one label."""
    registry = CollectorRegistry()

    async def main() -> None:
        adapter = adapt(app, valid=False, threads=1, hooks=RequestSeconds("shop", registry=registry))
        AdapterCollector("shop", adapter, registry=registry)
        await request(adapter)
        await request(adapter, path="/fail")
        await request(adapter, "PURGE-1")
        await request(adapter, "PURGE-2")

    run(main)
    cafe = asgi_adapting.adapt(asgi_answering(), hooks=RequestSeconds("cafe", registry=registry))
    AdapterCollector("cafe", cafe, registry=registry)
    serve(cafe)
    found = samples(registry)
    assert found["bridge_requests_total", "shop", "completed"] == 3
    assert found["bridge_requests_total", "shop", "failed"] == 1
    assert found["bridge_requests_total", "shop", "disconnected"] == 0
    assert found["bridge_requests_total", "cafe", "completed"] == 1
    assert found["bridge_in_flight_requests", "shop"] == 0
    assert found["bridge_threads", "shop"] == 1
    assert {name for name, *_ in found} >= {
        "bridge_threads",
        "bridge_busy_threads",
        "bridge_stuck_requests",
        "bridge_queued_requests",
        "bridge_in_flight_requests",
        "bridge_background_requests",
    }
    assert {key: value for key, value in found.items() if key[0] == "bridge_request_seconds_count"} == {
        ("bridge_request_seconds_count", "cafe", "GET", "completed", "200"): 1,
        ("bridge_request_seconds_count", "shop", "GET", "completed", "200"): 1,
        ("bridge_request_seconds_count", "shop", "GET", "failed", "none"): 1,
        ("bridge_request_seconds_count", "shop", "other", "completed", "200"): 2,
    }


def test_a_collector_that_is_registered_nowhere() -> None:
    """B3: with registry=None it is for the user to register."""
    collector = AdapterCollector("shop", adapt(app), registry=None)
    registry = CollectorRegistry()
    assert samples(registry) == {}
    registry.register(collector)
    assert samples(registry)["bridge_requests_total", "shop", "completed"] == 0


def test_without_the_extra() -> None:
    """B2: without prometheus-client the error names the command that installs it; bridge itself does without."""
    code = "import sys; sys.modules['prometheus_client'] = None; import bridge; import bridge.prometheus"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT, check=False)
    assert child.returncode == 1
    last = child.stderr.strip().splitlines()[-1]
    assert last.endswith("bridge.prometheus needs prometheus-client: pip install 'wsgi-asgi-bridge[prometheus]'")

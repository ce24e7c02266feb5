"""The figures of adapters for Prometheus; needs the extra ``prometheus``.

::

    from bridge import WsgiToAsgi
    from bridge.prometheus import AdapterCollector, RequestSeconds

    asgi = WsgiToAsgi(app, hooks=RequestSeconds("shop"))
    AdapterCollector("shop", asgi)

The collector asks ``stats()`` when Prometheus scrapes, and costs nothing between. Where one process serves the figures
of several workers (``prometheus_client.multiprocess``), it has those of ``RequestSeconds`` alone: the collector tells
of its own process.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from bridge.hooks import RequestHooks, RequestRecord
from bridge.stats import Stats

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Histogram
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "bridge.prometheus needs prometheus-client: pip install 'wsgi-asgi-bridge[prometheus]'", name=error.name
    ) from error

# By the field of Stats: the metric's name, and what it counts.
_GAUGES = {
    "threads": ("bridge_threads", "Threads of the adapter's own"),
    "busy": ("bridge_busy_threads", "Threads that run something"),
    "stuck": ("bridge_stuck_requests", "Requests without a client whose application still runs"),
    "queued": ("bridge_queued_requests", "Requests that wait for a thread"),
    "in_flight": ("bridge_in_flight_requests", "Requests that are not answered yet"),
    "background": ("bridge_background_requests", "Requests that were answered and whose application goes on"),
}
_OUTCOMES = ("completed", "failed", "disconnected")

# A client may send any word as its method, and each value of a label is kept for ever.
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class Adapter(Protocol):
    """Either adapter."""

    def stats(self) -> Stats: ...


class AdapterCollector(Collector):
    """What ``stats()`` of an adapter tells, as metrics with the label ``adapter``.

    name: the label's value.
    adapter: a WsgiToAsgi or an AsgiToWsgi.
    registry: where to register; None: nowhere. Default: prometheus_client's own.

    Raises what the registry raises for a name that is taken.
    """

    def __init__(self, name: str, adapter: Adapter, *, registry: CollectorRegistry | None = REGISTRY) -> None:
        self._name = name
        self._adapter = adapter
        if registry is not None:
            registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """Return the metrics as they are now."""
        stats = self._adapter.stats()
        metrics: list[Metric] = []
        for field, (name, help_text) in _GAUGES.items():
            gauge = GaugeMetricFamily(name, help_text, labels=["adapter"])
            gauge.add_metric([self._name], getattr(stats, field))
            metrics.append(gauge)
        counter = CounterMetricFamily("bridge_requests", "Requests that ended", labels=["adapter", "outcome"])
        for outcome in _OUTCOMES:
            counter.add_metric([self._name, outcome], getattr(stats, outcome))
        return [*metrics, counter]

    def describe(self) -> Iterable[Metric]:
        """Return no names: several adapters have the same, and differ by their label."""
        return []


class RequestSeconds(RequestHooks):
    """How long requests take: the histogram ``bridge_request_seconds``, by adapter, method, status and outcome.

    name: the value of the label ``adapter``.
    registry: where to register. Default: prometheus_client's own.
    """

    def __init__(self, name: str, *, registry: CollectorRegistry = REGISTRY) -> None:
        self._name = name
        self._histogram = _histogram(registry)

    def request_ended(self, request: RequestRecord) -> None:
        """Take note of how long it took."""
        method = request.method if request.method in _METHODS else "other"
        status = "none" if request.status is None else str(request.status)
        self._histogram.labels(self._name, method, status, request.outcome).observe(request.seconds)


_histograms: dict[CollectorRegistry, Histogram] = {}


def _histogram(registry: CollectorRegistry) -> Histogram:
    """Return a registry's histogram; a name can be registered once."""
    histogram = _histograms.get(registry)
    if histogram is None:
        histogram = _histograms[registry] = Histogram(
            "bridge_request_seconds",
            "How long requests take, in seconds",
            ["adapter", "method", "status", "outcome"],
            registry=registry,
        )
    return histogram

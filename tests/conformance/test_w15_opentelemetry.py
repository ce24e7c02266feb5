"""W15, A12: OpenTelemetry's context crosses the bridge: spans of both sides are one trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from bridge import RequestHooks, RequestRecord
from tests.conformance import asgi_adapting
from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN
from tests.conformance.asgi_applications import answer
from tests.harness import eventually, request, run
from tests.harness.wsgi_call import serve

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

EXPORTER = InMemorySpanExporter()
PROVIDER = TracerProvider()
PROVIDER.add_span_processor(SimpleSpanProcessor(EXPORTER))
TRACER = PROVIDER.get_tracer("tests")

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(autouse=True)
def no_spans() -> None:
    """Forget what other tests have made."""
    EXPORTER.clear()


def spans() -> dict[str, ReadableSpan]:
    """What has ended, by name."""
    return {span.name: span for span in EXPORTER.get_finished_spans()}


def assert_child(child: str, parent: str) -> None:
    """Demand that one span is directly below another."""
    found = spans()
    below, above = found[child].parent, found[parent].context
    assert below is not None
    assert above is not None
    assert (below.span_id, below.trace_id) == (above.span_id, above.trace_id)


def wsgi_app(environ: dict[str, Any], start_response: Any) -> Any:
    """Make a span in the call, and one in the middle of the answer."""
    with TRACER.start_as_current_span("view"):
        start_response("200 OK", list(PLAIN))

    def produce() -> Any:
        with TRACER.start_as_current_span("chunk"):
            yield b"ok"

    return produce()


def test_asgi_middleware_and_a_wsgi_application() -> None:
    """W15: spans of a WSGI application are below the span that ASGI middleware has begun."""
    adapter = adapt(wsgi_app)

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        with TRACER.start_as_current_span("server"):
            await adapter(scope, receive, send)

    async def main() -> None:
        assert (await request(middleware)).body == b"ok"

    run(main)
    assert_child("view", "server")
    assert_child("chunk", "server")


def test_wsgi_middleware_and_an_asgi_application() -> None:
    """A12: spans of an ASGI application, and of its background work, are below the span of WSGI middleware."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with TRACER.start_as_current_span("endpoint"):
            await answer(send)
        with TRACER.start_as_current_span("background"):
            pass

    adapter = asgi_adapting.adapt(app)

    def middleware(environ: dict[str, Any], start_response: Any) -> Any:
        with TRACER.start_as_current_span("server"):
            return adapter(environ, start_response)

    assert serve(middleware).body == b"ok"
    eventually(lambda: len(spans()) == 3, "all have ended")
    assert_child("endpoint", "server")
    assert_child("background", "server")


class Tracing(RequestHooks):
    """A span for each request, below the one of the client."""

    def request_started(self, record: RequestRecord) -> None:
        fields = record.scope["headers"] if record.scope is not None else ()
        carrier = {name.decode(): value.decode() for name, value in fields}
        if record.environ is not None:
            carrier = {"traceparent": record.environ["HTTP_TRACEPARENT"]}
        parent = TraceContextTextMapPropagator().extract(carrier)
        span = record.notes["span"] = TRACER.start_span(f"{record.method} {record.path}", context=parent)
        context.attach(trace.set_span_in_context(span))

    def request_ended(self, record: RequestRecord) -> None:
        span = record.notes["span"]
        span.set_attribute("http.response.status_code", record.status)
        span.end()


def assert_traced() -> None:
    """Demand a span for the request, below the client's, and above the application's."""
    eventually(lambda: "GET /" in spans(), "it has ended")
    found = spans()["GET /"]
    assert found.attributes == {"http.response.status_code": 200}
    assert found.parent is not None
    assert f"{found.parent.trace_id:032x}-{found.parent.span_id:016x}" == TRACEPARENT[3:-3]
    assert_child("view", "GET /")


def test_hooks_that_trace_a_wsgi_application() -> None:
    """W15, B3: hooks can begin a span for each request, of which the application's are children."""

    async def main() -> None:
        headers = [(b"traceparent", TRACEPARENT.encode())]
        assert (await request(adapt(wsgi_app, hooks=Tracing()), headers=headers)).body == b"ok"

    run(main)
    assert_traced()


def test_hooks_that_trace_an_asgi_application() -> None:
    """A12, B3: and so they can for an ASGI application."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with TRACER.start_as_current_span("view"):
            await answer(send)

    serve(asgi_adapting.adapt(app, hooks=Tracing()), headers=[("traceparent", TRACEPARENT)])
    assert_traced()

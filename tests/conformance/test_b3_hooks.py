"""B3: hooks are told of the start and the end of each request, on both sides."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Any

import pytest

from bridge import AsgiToWsgi, RequestHooks, RequestRecord, UsageError, WsgiToAsgi
from tests.conformance import asgi_adapting
from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN, answering, endless
from tests.conformance.asgi_applications import STARTED, answer
from tests.conformance.asgi_applications import answering as asgi_answering
from tests.conformance.asgi_applications import endless as asgi_endless
from tests.harness import BACKENDS, Exchange, Gate, eventually, http_scope, request, run, until
from tests.harness.native import chunk
from tests.harness.wsgi_call import Call, serve

variable: ContextVar[str] = ContextVar("variable", default="nothing")


class Noted(RequestHooks):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.started: list[RequestRecord] = []
        self.ended: list[RequestRecord] = []
        self.errors: list[BaseException | None] = []
        self.seen: list[str] = []

    def request_started(self, request: RequestRecord) -> None:
        assert request.outcome is None
        assert request.status is None
        assert (request.scope is None) != (request.environ is None)
        variable.set(f"of {request.path}")
        request.notes["number"] = len(self.started)
        self.seen.append(repr(request))
        self.started.append(request)

    def request_ended(self, request: RequestRecord) -> None:
        self.errors.append(request.error)
        self.ended.append(request)

    @property
    def ends(self) -> list[tuple[str, int | None, str | None]]:
        """Path, status and outcome of each end."""
        return [(record.path, record.status, record.outcome) for record in self.ended]


class Broken(RequestHooks):
    """Raises whenever it is told."""

    def request_started(self, request: RequestRecord) -> None:
        raise LookupError("on purpose, at the start")

    def request_ended(self, request: RequestRecord) -> None:
        raise LookupError("on purpose, at the end")


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_request_is_told_of_once(backend: str) -> None:
    """B3: WsgiToAsgi tells of each start and each end once, with the status and the outcome that stats() counts."""
    hooks = Noted()

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/fail":
            raise LookupError("on purpose")
        start_response("201 Created", list(PLAIN))
        return endless() if environ["PATH_INFO"] == "/endless" else [variable.get().encode()]

    async def main() -> None:
        adapter = adapt(app, hooks=hooks, max_body_size=10)
        assert (await request(adapter, path="/page")).body == b"of /page"
        await request(adapter, path="/fail")
        assert (await request(adapter, "POST", "/long", body=b"x" * 20)).status == 413
        for how in ("disconnect", "cancel"):
            async with Exchange(adapter, http_scope(path="/endless")) as exchange:
                await exchange.until(lambda exchange=exchange: exchange.response.body)  # type: ignore[misc]
                getattr(exchange, how)()
        await until(lambda: len(hooks.ended) == 5, "all have ended")
        stats = adapter.stats()
        outcomes = [record.outcome for record in hooks.ended]
        for outcome in ("completed", "failed", "disconnected"):
            assert getattr(stats, outcome) == outcomes.count(outcome)

    run(main, backend=backend)
    assert hooks.ends == [
        ("/page", 201, "completed"),
        ("/fail", None, "failed"),
        ("/long", 413, "completed"),
        ("/endless", 201, "disconnected"),
        ("/endless", 201, "disconnected"),
    ]
    assert [record.notes["number"] for record in hooks.ended] == [0, 1, 2, 3, 4]
    assert hooks.started == hooks.ended
    assert isinstance(hooks.errors[1], LookupError)
    assert hooks.errors[0] is hooks.errors[2] is None
    assert all(record.seconds >= 0 for record in hooks.ended)
    assert {(record.scope, record.environ, record.error) for record in hooks.ended} == {(None, None, None)}
    assert (hooks.seen[0], repr(hooks.ended[0])) == ("<GET '/page': under way>", "<GET '/page': completed>")


def test_each_request_of_a_wsgi_server_is_told_of_once() -> None:
    """B3: so does AsgiToWsgi."""
    hooks = Noted()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/fail":
            raise LookupError("on purpose")
        if scope["path"] == "/nothing":
            return
        if scope["path"] == "/endless":
            await asgi_endless(scope, receive, send)
        await answer(send, variable.get().encode())

    adapter = asgi_adapting.adapt(app, hooks=hooks)
    assert serve(adapter, path="/caf\xc3\xa9").body == "of /café".encode()
    for path in ("/fail", "/nothing"):
        assert serve(adapter, path=path).error is not None
    with Call(adapter, path="/endless", hold_after=1) as call:
        call.held.wait()
        call.leave()
    eventually(lambda: len(hooks.ended) == 4, "all have ended")
    assert hooks.ends == [
        ("/café", 200, "completed"),
        ("/fail", None, "failed"),
        ("/nothing", None, "failed"),
        ("/endless", 200, "disconnected"),
    ]
    stats = adapter.stats()
    assert (stats.completed, stats.failed, stats.disconnected) == (1, 2, 1)
    assert isinstance(hooks.errors[1], LookupError)


def test_the_end_is_behind_background_work() -> None:
    """B3: AsgiToWsgi tells of the end when the application has returned, after its background tasks."""
    hooks = Noted()
    go_on = Gate("go on")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)
        await go_on.passed()

    adapter = asgi_adapting.adapt(app, hooks=hooks)
    assert serve(adapter).body == b"ok"
    assert hooks.started
    assert not hooks.ended
    go_on.open()
    eventually(lambda: hooks.ends == [("/", 200, "completed")], "it has ended")


def test_what_does_not_reach_the_application() -> None:
    """B3: a request that is answered 500 because the application did not start is told of, too."""
    hooks = Noted()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "on purpose"})

    adapter = asgi_adapting.adapt(app, lifespan="on", hooks=hooks)
    assert (serve(adapter).status or "").startswith("500 ")
    assert hooks.ends == [("/", 500, "completed")]


@pytest.mark.parametrize("outer", [True, False])
def test_nested(outer: bool) -> None:
    """B3, the law: hooks of the outer and of the inner adapter are told of the same requests."""
    hooks = Noted()
    options: list[dict[str, Any]] = [{"hooks": hooks}, {}]
    inner, other = options if not outer else reversed(options)
    adapter = adapt(AsgiToWsgi(asgi_answering(), **inner), valid=False, **other)

    async def main() -> None:
        assert (await request(adapter)).body == b"ok"

    run(main)
    assert hooks.ends == [("/", 200, "completed")]
    made = asgi_adapting.adapt(WsgiToAsgi(answering(b"ok"), **inner), **other)
    assert serve(made, path="/back").body == b"ok"
    eventually(lambda: hooks.ends[1:] == [("/back", 200, "completed")], "both ways")


def test_hooks_that_raise(caplog: pytest.LogCaptureFixture) -> None:
    """B1, B3: what hooks raise is logged with the request, and the client gets its answer."""

    async def main() -> None:
        assert (await request(adapt(answering(b"ok"), hooks=Broken()))).body == b"ok"

    run(main)
    assert serve(asgi_adapting.adapt(asgi_answering(), hooks=Broken())).body == b"ok"
    eventually(lambda: len(caplog.records) == 4, "all is logged")
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    assert all("failed on GET '/'" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("adapter", [WsgiToAsgi, AsgiToWsgi])
def test_what_are_no_hooks(adapter: Any) -> None:
    """B2: an object without the methods is refused when the adapter is made."""
    with pytest.raises(UsageError, match="hooks must be a RequestHooks; dict has no method request_started"):
        adapter(answering(b"ok"), hooks={})


def test_a_stream_is_told_of_at_its_end() -> None:
    """B3: the end of a stream is its last chunk, not its first."""
    hooks = Noted()
    more = Gate("more")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        await send(chunk(b"first", more=True))
        await more.passed()
        await send(chunk(b"last", more=False))

    with Call(asgi_adapting.adapt(app, hooks=hooks)) as call:
        call.until(lambda: call.answer.body == b"first")
        assert not hooks.ended
        more.open()
    eventually(lambda: hooks.ends == [("/", 200, "completed")], "it has ended")

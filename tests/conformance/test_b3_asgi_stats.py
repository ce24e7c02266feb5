"""B3: stats() and logging of `AsgiToWsgi`."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from bridge import Stats
from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import END, STARTED, answer, answering, body_of, endless
from tests.harness import Gate, eventually
from tests.harness.native import chunk
from tests.harness.wsgi_call import Call, serve

FIELDS = ("threads", "busy", "stuck", "queued", "in_flight", "completed", "failed", "disconnected", "background")


def numbers(adapter: Any) -> dict[str, int]:
    """Return the figures that are not zero, by name."""
    stats = adapter.stats()
    assert isinstance(stats, Stats)
    return {name: getattr(stats, name) for name in FIELDS if getattr(stats, name)}


def test_before_the_first_request() -> None:
    """B3: at first all is zero."""
    assert numbers(adapt(answering())) == {}


def test_while_requests_run() -> None:
    """B3: in flight while requests run; completed afterwards, each once."""
    running, go_on = Gate("running"), Gate("go on")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        running.open()
        await go_on.passed()
        await answer(send)

    adapter = adapt(app)
    calls = [Call(adapter) for _ in range(3)]
    for call in calls:
        call.thread.start()
    running.wait()
    eventually(lambda: numbers(adapter) == {"threads": 1, "in_flight": 3}, "they run")
    go_on.open()
    for call in calls:
        call.end()
    eventually(lambda: numbers(adapter) == {"threads": 1, "completed": 3}, "they are over")
    adapter.close()
    assert numbers(adapter).get("completed") == 3


def test_ends_are_told_apart() -> None:
    """B3: completed, failed and disconnected are counted, each request once, in one of them."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/fail":
            raise LookupError("on purpose")
        if scope["path"] == "/endless":
            await endless(scope, receive, send)
        await send(STARTED)
        await send(chunk(b"first"))
        if scope["path"] == "/break":
            raise LookupError("on purpose")
        await send(END)

    adapter = adapt(app)
    for path, take in (("/", None), ("/", None), ("/", None), ("/fail", None), ("/break", None), ("/endless", 1)):
        serve(adapter, path=path, take=take)
    eventually(lambda: adapter.stats().in_flight == 0, "all is over")
    eventually(
        lambda: numbers(adapter) == {"threads": 1, "completed": 3, "failed": 2, "disconnected": 1},
        f"each is counted once: {numbers(adapter)}",
    )


def test_in_the_application() -> None:
    """B3: stats() may be asked from any thread, in the loop too."""
    adapters: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, b"%d" % adapters[0].stats().in_flight)

    adapters.append(adapt(app))
    assert serve(adapters[0]).body == b"1"


def test_silent_on_the_hot_path(caplog: pytest.LogCaptureFixture) -> None:
    """B3: ordinary requests, and clients that leave, log nothing at any level."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await body_of(receive)
        if scope["path"] == "/endless":
            await endless(scope, receive, send)
        await answer(send)

    adapter = adapt(app)
    with caplog.at_level(1, "bridge"):
        serve(adapter, "POST", body=b"x" * 200_000)
        serve(adapter, "HEAD")
        serve(adapter, path="/endless", take=1)
        eventually(lambda: adapter.stats().in_flight == 0, "all is over")
        adapter.close()
    assert [record for record in caplog.records if record.name.startswith("bridge")] == []


def test_logger(caplog: pytest.LogCaptureFixture) -> None:
    """B3: what is logged is logged under bridge, and names the request."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)
        for _ in range(100):
            await receive()
        await go_on.passed()
        raise LookupError("in the background")

    go_on = Gate("go on")
    adapter = adapt(app)
    with caplog.at_level(logging.WARNING):
        serve(adapter, "DELETE", "/named")
        go_on.open()
        eventually(lambda: caplog.records, "it is logged")
    assert [record.name for record in caplog.records] == ["bridge"]
    assert "DELETE" in caplog.text
    assert "/named" in caplog.text

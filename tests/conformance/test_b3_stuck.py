"""B3: warnings that name the function in which an application is stuck."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from typing import Any

import pytest

from bridge import asgi_home, asgi_request
from tests.conformance import asgi_adapting
from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN
from tests.conformance.asgi_applications import STARTED, answer
from tests.harness import BACKENDS, LIMIT, Exchange, eventually, http_scope, run, until
from tests.harness.native import chunk
from tests.harness.wsgi_call import Call

HERE = "test_b3_stuck.py:"


class Report:
    """An application of which each request is stuck."""

    def __init__(self) -> None:
        self.begun = 0
        self.go_on = threading.Event()

    def make_report(self) -> None:
        """Wait for what does not come."""
        self.begun += 1
        self.go_on.wait(LIMIT)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.make_report()
        start_response("200 OK", list(PLAIN))
        return [b"ok"]


def warnings(caplog: pytest.LogCaptureFixture, text: str) -> list[str]:
    """The warnings with a text."""
    assert all(record.name == "bridge" for record in caplog.records if text in record.getMessage())
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno == logging.WARNING and text in record.getMessage()
    ]


@pytest.mark.parametrize("backend", BACKENDS)
def test_requests_that_wait_for_a_thread(backend: str, caplog: pytest.LogCaptureFixture) -> None:
    """B3: where requests wait for a thread, one warning tells in which function those are that have one."""
    app = Report()

    async def main() -> None:
        adapter = adapt(app, threads=2, stuck_after=0.1)
        async with Exchange(adapter, http_scope(path="/one")), Exchange(adapter):
            await until(lambda: app.begun == 2, "both threads are taken")
            async with Exchange(adapter):
                await until(lambda: warnings(caplog, "wait for a thread"), "it is told")
                assert app.begun == 2
                app.go_on.set()
        await until(lambda: adapter.stats().busy == 0, "the workers are free")

    run(main, backend=backend)
    told = warnings(caplog, "wait for a thread")[0]
    assert told.startswith(
        "bridge: 1 requests wait for a thread, and 2 have kept theirs for over 0.1 seconds, such as "
    )
    assert "2 in Report.make_report (" in told
    assert HERE in told


def test_nobody_is_told_of_where_nobody_waits(caplog: pytest.LogCaptureFixture) -> None:
    """B3: a long request is no reason for a warning as long as there are threads for others."""
    app = Report()

    async def main() -> None:
        adapter = adapt(app, threads=3, stuck_after=0.02)
        async with Exchange(adapter), Exchange(adapter):
            await until(lambda: app.begun == 2, "both run")
            await asyncio.sleep(0.1)
            app.go_on.set()
        await until(lambda: adapter.stats().busy == 0, "the workers are free")

    run(main)
    assert caplog.records == []


def test_an_application_without_its_client(caplog: pytest.LogCaptureFixture) -> None:
    """W18, B3: the warning of an application whose client has gone names its function."""
    app = Report()

    async def main() -> None:
        adapter = adapt(app, stuck_after=0.05)
        async with Exchange(adapter) as exchange:
            await until(lambda: app.begun == 1, "it runs")
            exchange.disconnect()
        await until(lambda: warnings(caplog, "still runs for GET '/'"), "it is told")
        app.go_on.set()
        await until(lambda: adapter.stats().stuck == 0, "the worker is free")

    run(main)
    [told] = warnings(caplog, "still runs for GET '/'")
    assert "in Report.make_report (" in told
    assert HERE in told


def test_a_blocked_loop(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """B3: where code of the application blocks the event loop, one warning names it."""
    monkeypatch.setattr(asgi_home, "_BLOCKED_AFTER", 0.1)
    monkeypatch.setattr(asgi_request, "_LOOK_UP", 0.05)
    go_on = threading.Event()

    def compute() -> None:
        go_on.wait(LIMIT)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        compute()
        await answer(send)

    with Call(asgi_adapting.adapt(app)):
        eventually(lambda: warnings(caplog, "the event loop has not reacted"), "it is told")
        begin = time.monotonic()
        eventually(lambda: time.monotonic() - begin > 0.3, "it is told once")
        go_on.set()
    [told] = warnings(caplog, "the event loop has not reacted")
    assert "compute (" in told
    assert HERE in told


def test_an_application_that_ignores_its_cancellation(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A7, B3: the warning of an application that goes on after it was cancelled names its function."""
    monkeypatch.setattr(asgi_request, "_STUCK_AFTER", 0.05)
    is_over = False

    async def stubborn() -> None:
        while not is_over:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        await send(chunk(b"first", more=True))
        await stubborn()

    with Call(asgi_adapting.adapt(app, disconnect_grace=0.0), tells=True) as call:
        call.until(lambda: call.answer.body == b"first")
        call.leave()
        eventually(lambda: warnings(caplog, "after it was cancelled"), "it is told")
        is_over = True
    [told] = warnings(caplog, "after it was cancelled")
    assert "stubborn (" in told
    assert HERE in told

"""B3: stats() and logging."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from bridge import Stats
from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN, answering, endless
from tests.harness import BACKENDS, Exchange, Gate, http_scope, request, run, until

FIELDS = ("threads", "busy", "stuck", "queued", "in_flight", "completed", "failed", "disconnected")


def numbers(adapter: Any) -> dict[str, int]:
    """Return the figures by name."""
    stats = adapter.stats()
    assert isinstance(stats, Stats)
    return {name: getattr(stats, name) for name in FIELDS}


def test_before_the_first_request() -> None:
    """B3: at first all is zero."""
    assert numbers(adapt(answering(b"ok"))) == dict.fromkeys(FIELDS, 0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_while_requests_run_and_wait(backend: str) -> None:
    """B3: threads, busy, queued and in flight, while requests run and wait; zero again afterwards."""
    running, go_on = Gate("running"), Gate("go on")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        running.open()
        go_on.wait()
        start_response("200 OK", list(PLAIN))
        return [b"ok"]

    async def main() -> None:
        adapter = adapt(app, threads=1)
        async with Exchange(adapter), Exchange(adapter), Exchange(adapter):
            await running.passed()
            await until(lambda: adapter.stats().queued == 2, "two wait")
            found = numbers(adapter)
            assert found == {**dict.fromkeys(FIELDS, 0), "threads": 1, "busy": 1, "queued": 2, "in_flight": 3}
            go_on.open()
        await until(lambda: adapter.stats().busy == 0, "the worker is free")
        assert numbers(adapter) == {**dict.fromkeys(FIELDS, 0), "threads": 1, "completed": 3}

    run(main, backend=backend)


def test_ends_are_told_apart() -> None:
    """B3: completed, failed and disconnected are counted, each request once, in one of them."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/fail":
            raise LookupError("on purpose")
        start_response("200 OK", list(PLAIN))
        if environ["PATH_INFO"] == "/break":
            return broken()
        return endless() if environ["PATH_INFO"] == "/endless" else [b"ok"]

    def broken() -> Any:
        yield b"first"
        raise LookupError("on purpose")

    async def main() -> None:
        adapter = adapt(app)
        for _ in range(3):
            await request(adapter)
        await request(adapter, path="/fail")
        await request(adapter, path="/break")
        for how in ("disconnect", "cancel"):
            async with Exchange(adapter, http_scope(path="/endless")) as exchange:
                await exchange.until(lambda exchange=exchange: exchange.response.body)  # type: ignore[misc]
                getattr(exchange, how)()
        await until(lambda: adapter.stats().in_flight == 0 and adapter.stats().busy == 0, "all is over")
        found = numbers(adapter)
        assert (found["completed"], found["failed"]) == (3, 2)
        assert found["disconnected"] == 2

    run(main)


def test_from_any_thread() -> None:
    """B3: stats() may be asked from any thread, an application's own too."""
    adapters: list[Any] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", list(PLAIN))
        return [b"%d %d" % (adapters[0].stats().busy, adapters[0].stats().in_flight)]

    adapters.append(adapt(app))

    async def main() -> None:
        assert (await request(adapters[0])).body == b"1 1"

    run(main)


@pytest.mark.parametrize("backend", BACKENDS)
def test_silent_on_the_hot_path(backend: str, caplog: pytest.LogCaptureFixture) -> None:
    """B3: ordinary requests, and clients that leave, log nothing at any level."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        environ["wsgi.input"].read(-1)
        start_response("200 OK", list(PLAIN))
        return endless() if environ["PATH_INFO"] == "/endless" else iter([b"a", b"b"])

    async def main() -> None:
        adapter = adapt(app)
        await request(adapter, "POST", body=[b"a", b"b"])
        await request(adapter, "POST", body=b"ab")
        await request(adapter, "HEAD")
        async with Exchange(adapter, http_scope(path="/endless")) as exchange:
            await exchange.until(lambda: exchange.response.body)
            exchange.disconnect()
        await until(lambda: adapter.stats().busy == 0, "the worker is free")

    with caplog.at_level(1, "bridge"):
        run(main, backend=backend)
    assert [record for record in caplog.records if record.name.startswith("bridge")] == []


def test_no_handler_is_installed() -> None:
    """B3: the logger is a library's: it has no level, and no handler but perhaps one that does nothing."""
    logger = logging.getLogger("bridge")
    assert logger.level == logging.NOTSET
    assert all(isinstance(handler, logging.NullHandler) for handler in logger.handlers)

"""W13: errors of the application."""

from __future__ import annotations

import asyncio
import concurrent.futures
import traceback
from typing import Any

import pytest

from bridge.errors import ApplicationError, ApplicationExit
from tests.conformance.adapting import adapt, get
from tests.conformance.applications import PLAIN, Chunks
from tests.harness import BACKENDS, Exchange, Gate, http_scope, request, run, until

PLACES = ["call", "iteration", "after the start", "close"]
EXITS = [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, BaseException, StopIteration]


class OwnError(Exception):
    """An error of an application."""


def raising(place: str, error: BaseException) -> Any:
    """Return an application that raises an error in the call, in the iteration, after the start, or in close()."""

    class Failing(Chunks):
        def close(self) -> None:
            super().close()
            if place == "close":
                raise error

    class Broken:
        """An iterable whose very iterator fails; a generator would turn StopIteration into RuntimeError by itself."""

        def __init__(self) -> None:
            self.first = place == "after the start"

        def __iter__(self) -> Any:
            if place == "iteration" and isinstance(error, StopIteration):
                raise error
            return self

        def __next__(self) -> bytes:
            if self.first:
                self.first = False
                return b"sent"
            raise error

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        if place == "call":
            raise error
        start_response("200 OK", list(PLAIN))
        return Failing([b"sent", b"more"]) if place == "close" else Broken()

    return app


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("place", ["call", "iteration"])
def test_before_the_start(place: str, backend: str) -> None:
    """W13: an error before the start reaches the server as the original exception, with its traceback."""
    error = OwnError("mine")
    response = get(raising(place, error), valid=False, backend=backend)
    assert response.error is error
    assert response.messages == []
    assert __file__ in [frame.filename for frame in traceback.extract_tb(error.__traceback__)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_after_the_start(backend: str) -> None:
    """W13: after the start the response is never ended as if whole, and the server hears of the error."""
    error = OwnError("mine")
    response = get(raising("after the start", error), valid=False, backend=backend)
    assert (response.body, response.complete) == (b"sent", False)
    assert response.error is error


@pytest.mark.parametrize("kind", EXITS)
@pytest.mark.parametrize("place", PLACES)
def test_what_would_end_a_loop(place: str, kind: type[BaseException], caplog: pytest.LogCaptureFixture) -> None:
    """W13: StopIteration, CancelledError and what is no Exception reach the server wrapped, with __cause__."""
    if place == "after the start" and kind is StopIteration:
        # That is how an iteration ends
        assert get(raising(place, StopIteration()), valid=False).complete
        return
    error = kind("mine")
    response = get(raising(place, error), valid=False)
    if place == "close" and response.error is None:
        assert kind.__name__ in caplog.text or "mine" in caplog.text
        return
    assert isinstance(response.error, ApplicationExit)
    assert response.error.__cause__ is error
    assert place == "close" or not response.complete


@pytest.mark.parametrize(
    "error",
    [BaseExceptionGroup("group", [KeyboardInterrupt()]), type("Own", (BaseException,), {})("own")],
    ids=["group", "own"],
)
def test_other_base_exceptions(error: BaseException) -> None:
    """W13: whatever is no Exception is wrapped, an application's own kinds and groups too."""
    response = get(raising("call", error), valid=False)
    assert isinstance(response.error, ApplicationExit)
    assert response.error.__cause__ is error


def test_errors_that_sound_like_ends() -> None:
    """W13: errors that are ordinary Exceptions stay themselves, also those with names that sound like ends."""
    for error in (concurrent.futures.CancelledError("x"), TimeoutError("x"), RuntimeError("x")):
        assert get(raising("call", error), valid=False).error is error


@pytest.mark.parametrize("kind", [*EXITS, OwnError])
@pytest.mark.parametrize("place", PLACES)
def test_harms_no_one_else(place: str, kind: type[BaseException]) -> None:
    """W13: a request that runs beside it and those that follow are served, in the same loop and threads."""
    beside, go_on = Gate("beside"), Gate("go on")
    failing = raising(place, kind("mine"))

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/fail":
            return failing(environ, start_response)
        if environ["PATH_INFO"] == "/beside":
            beside.open()
            go_on.wait()
        start_response("200 OK", list(PLAIN))
        return [b"fine"]

    async def main() -> None:
        adapter = adapt(app, valid=False, threads=2)
        async with Exchange(adapter, http_scope(path="/beside")) as exchange:
            await beside.passed()
            for _ in range(3):
                await request(adapter, path="/fail")
            assert (await request(adapter, path="/after")).body == b"fine"
            go_on.open()
        assert exchange.response.body == b"fine"
        await until(lambda: adapter.stats().busy == 0, "the workers are free")
        assert adapter.stats().threads <= 2

    run(main)


def test_error_with_a_circle() -> None:
    """W13: an error that the application keeps and raises again and again stays itself."""
    error = OwnError("kept")
    app = raising("call", error)
    for _ in range(3):
        assert get(app, valid=False).error is error


def test_error_in_close_after_an_error() -> None:
    """W13: of two errors the first reaches the server; the one of close() does not hide it."""
    first = OwnError("first")

    class Both(Chunks):
        def __next__(self) -> bytes:
            raise first

        def close(self) -> None:
            raise OwnError("second")

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        return Both()

    assert get(app, valid=False).error is first


def test_after_its_own_answer() -> None:
    """W13: an error of an application that has sent all that it declared is still heard of."""
    error = OwnError("late")

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        yield b"whole"
        raise error

    response = get(app)
    assert response.error is error
    assert not response.complete


def test_violation_after_writing() -> None:
    """W13: an application that fails after write() leaves an incomplete response."""

    def app(environ: dict[str, Any], start_response: Any) -> None:
        start_response("200 OK", list(PLAIN))(b"written")

    response = get(app, valid=False)
    assert (response.body, response.complete) == (b"written", False)
    assert isinstance(response.error, ApplicationError)

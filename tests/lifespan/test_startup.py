"""The startup: what an application may do in it, and what that means."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest

from bridge.application_lifespan import Phase
from bridge.errors import ApplicationError
from tests.harness import run
from tests.harness.settling import settle
from tests.lifespan.applications import Exemplary, begin, begun, fails_to_start, shut_down

if TYPE_CHECKING:
    from bridge.application_lifespan import ApplicationLifespan

LOOPS = ("asyncio", "uvloop")

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nobody's")


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize("backend", LOOPS)
def test_complete(backend: str, required: bool) -> None:
    """A10: an application that answers the startup is up, and its state is what it has put into the scope's."""

    async def main() -> None:
        app = Exemplary(database="open")
        before = time.monotonic()
        lifespan = await begun(app, required=required)
        assert (lifespan.phase, lifespan.failure) == (Phase.UP, None)
        assert app.told == ["startup"]
        assert lifespan.state == {"database": "open"}
        assert before <= lifespan.began_at <= lifespan.decided_at <= time.monotonic()
        await shut_down(lifespan)

    run(main, backend=backend)


def test_scope() -> None:
    """A10: the scope is what the lifespan specification has, with a state of its own."""

    async def main() -> None:
        app = Exemplary()
        lifespan = await begun(app)
        assert app.scope["type"] == "lifespan"
        assert app.scope["asgi"] == {"version": "3.0", "spec_version": "2.0"}
        assert app.scope["state"] is lifespan.state
        assert (await begun(Exemplary())).state is not lifespan.state

    run_and_cancel(main)


def run_and_cancel(main: Any) -> None:
    """Run a test that leaves lifespans running, and cancel these."""

    async def cancelling() -> None:
        await main()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await settle()

    run(cancelling)


def test_not_decided_before_the_answer() -> None:
    """A10: requests wait until the application has answered, however long it prepares."""

    async def main() -> None:
        prepared = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await prepared.wait()
            await send({"type": "lifespan.startup.complete"})
            await receive()

        lifespan = begin(app)
        await settle()
        assert (lifespan.phase, lifespan.decided.is_set()) == (Phase.RUNNING, False)
        prepared.set()
        await settle()
        assert (lifespan.phase, lifespan.decided.is_set()) == (Phase.UP, True)
        await shut_down(lifespan)

    run(main)


@pytest.mark.parametrize("required", [False, True])
def test_failed(required: bool, caplog: pytest.LogCaptureFixture) -> None:
    """A10: a startup that the application calls failed is told with its reason, in the log and to who asks."""

    async def main() -> None:
        lifespan = await begun(fails_to_start, required=required)
        assert lifespan.phase is Phase.FAILED
        assert isinstance(lifespan.failure, ApplicationError)
        assert "no database" in str(lifespan.failure)
        await shut_down(lifespan)

    with caplog.at_level(logging.ERROR, "bridge"):
        run_and_cancel(main)
    assert "no database" in caplog.text


def test_failed_without_a_reason() -> None:
    """A10: the message of a failed startup may be missing."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed"})

    async def main() -> None:
        lifespan = await begun(app)
        assert lifespan.phase is Phase.FAILED
        assert "no reason" in str(lifespan.failure)

    run(main)


def test_failed_and_then_raised(caplog: pytest.LogCaptureFixture) -> None:
    """A10: Starlette calls its startup failed and raises the error then: the startup has failed, told once."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "Traceback: no database"})
        raise ValueError("no database")

    async def main() -> None:
        lifespan = await begun(app)
        await settle()
        assert lifespan.phase is Phase.FAILED
        assert "Traceback" in str(lifespan.failure)

    with caplog.at_level(logging.ERROR, "bridge"):
        run(main)
    assert len(caplog.records) == 1


def test_a_failed_application_is_let_go() -> None:
    """B1: an application that failed and waits for a shutdown that never comes leaves no task behind."""

    async def main() -> None:
        lifespans = [await begun(fails_to_start) for _ in range(3)]  # as often as it is tried again
        await settle()
        await shut_down(lifespans[-1])
        await settle()

    run(main)  # which looks for tasks


# ---- applications without a lifespan ---------------------------------------------------------------------------------


async def returns(_scope: Any, _receive: Any, _send: Any) -> None:
    """An application that returns for what it does not know."""


async def returns_after_a_message(_scope: Any, receive: Any, _send: Any) -> None:
    """One that takes the message first."""
    await receive()


async def refuses(scope: Any, _receive: Any, _send: Any) -> None:
    """An application that raises for what it does not know, as the specification asks."""
    raise ValueError(f"unknown scope {scope['type']}")


async def asserts(scope: Any, _receive: Any, _send: Any) -> None:
    """Another."""
    assert scope["type"] == "http"


async def misses_a_key(scope: Any, _receive: Any, _send: Any) -> None:
    """An application that takes every scope for one of http."""
    assert scope["path"]


async def answers_http(_scope: Any, _receive: Any, send: Any) -> None:
    """An application that answers http to everything."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def answers_http_to_the_body(_scope: Any, receive: Any, send: Any) -> None:
    """One that reads the body first."""
    while (await receive()).get("more_body"):
        pass
    await answers_http(_scope, receive, send)


WITHOUT = [returns, returns_after_a_message, refuses, asserts, misses_a_key, answers_http, answers_http_to_the_body]


@pytest.mark.parametrize("app", WITHOUT)
def test_without_a_lifespan(app: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A10: applications without a lifespan work, those too that ignore scope["type"]; no error is logged for it."""

    async def main() -> None:
        lifespan = await begun(app)
        assert (lifespan.phase, lifespan.failure) == (Phase.UNSUPPORTED, None)
        await shut_down(lifespan)
        assert lifespan.phase is Phase.UNSUPPORTED

    with caplog.at_level(logging.WARNING, "bridge"):
        run(main)
    assert caplog.records == []


@pytest.mark.parametrize("app", WITHOUT)
def test_without_a_lifespan_that_is_required(app: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A10: with lifespan="on" such an application has failed to start, and the log says by what, with its traceback."""

    async def main() -> None:
        lifespan = await begun(app, required=True)
        assert lifespan.phase is Phase.FAILED
        assert lifespan.failure is not None
        found.append(lifespan.failure)

    found: list[BaseException] = []
    with caplog.at_level(logging.ERROR, "bridge"):
        run(main)
    [record] = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is found[0]


EXITS = [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit(), StopAsyncIteration()]


@pytest.mark.parametrize("error", EXITS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize("backend", LOOPS)
def test_what_is_no_exception(error: BaseException, required: bool, backend: str) -> None:
    """B1: SystemExit and its like, raised at the startup, end neither the loop nor the wait of the requests."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise error

    async def main() -> None:
        lifespan = await begun(app, required=required)
        assert lifespan.phase is (Phase.FAILED if required else Phase.UNSUPPORTED)
        assert lifespan.failure is (error if required else None)
        await settle()

    run(main, backend=backend)


def test_cancelled_before_the_first_step() -> None:
    """B1: a startup that is cancelled before it begins, by who cancels all tasks of a loop, has failed."""

    async def main() -> None:
        lifespan = begin(Exemplary())
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await settle()
        assert lifespan.decided.is_set()
        assert lifespan.phase is Phase.FAILED
        assert isinstance(lifespan.failure, ApplicationError)

    run(main)


# ---- messages in the wrong order -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "wrong"),
    [
        ([], "lifespan.shutdown.complete"),
        ([], "lifespan.shutdown.failed"),
        ([], "lifespan.startup"),
        ([], None),
        (["lifespan.startup.complete"], "lifespan.startup.complete"),
        (["lifespan.startup.complete"], "lifespan.startup.failed"),
        (["lifespan.startup.complete"], "lifespan.shutdown.complete"),
        (["lifespan.startup.complete"], "http.response.start"),
        (["lifespan.startup.failed"], "lifespan.startup.complete"),
        (["lifespan.startup.failed"], "lifespan.startup.failed"),
    ],
)
def test_wrong_messages(before: list[str], wrong: str | None) -> None:
    """A10, B2: a message in the wrong order raises in the application, and names the message and the moment."""
    raised: list[ApplicationError] = []
    phases: list[Phase] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for kind in before:
            await send({"type": kind})
        try:
            await send({} if wrong is None else {"type": wrong})
        except ApplicationError as error:
            raised.append(error)
        phases.append(lifespans[0].phase)
        if not before:
            await send({"type": "lifespan.startup.complete"})

    lifespans: list[ApplicationLifespan] = []

    async def main() -> None:
        lifespans.append(begin(app))
        await settle()

    run(main)
    [error] = raised
    assert repr(wrong) in str(error)
    assert "its startup" in str(error)
    assert phases == [
        {"": Phase.RUNNING, "lifespan.startup.complete": Phase.UP, "lifespan.startup.failed": Phase.FAILED}[
            "".join(before)
        ]
    ], "it has changed nothing"


def test_messages_without_receiving() -> None:
    """A10: an application that answers the startup before it has received it is up."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.startup.complete"})
        told.extend([(await receive())["type"], (await receive())["type"]])
        await send({"type": "lifespan.shutdown.complete"})

    told: list[str] = []

    async def main() -> None:
        lifespan = await begun(app)
        assert lifespan.phase is Phase.UP
        await shut_down(lifespan)

    run(main)
    assert told == ["lifespan.startup", "lifespan.shutdown"]


# ---- contexts --------------------------------------------------------------------------------------------------------


def test_nobodys_context() -> None:
    """A12: the lifespan sees no context variable of the request that happened to come first."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(variable.get())
        variable.set("the lifespan's")

    async def main() -> None:
        variable.set("the first request's")
        await begun(app)
        assert variable.get() == "the first request's"

    run(main)
    assert seen == ["nobody's"]

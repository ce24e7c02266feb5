"""What ``check`` makes of the lifespan of an ASGI application (ASGI specs/lifespan.rst)."""

from __future__ import annotations

import threading

from bridge.asgi_to_wsgi import AsgiToWsgi
from bridge.cli.check_observed import Lifespan
from bridge.cli.check_report import RAISED, Outcome
from bridge.cli.errors import named
from bridge.errors import ApplicationError, Overloaded

_STARTUP_COMPLETE = 'ASGI specs/lifespan.rst, "Startup Complete - send event"'
_SHUTDOWN_COMPLETE = 'ASGI specs/lifespan.rst, "Shutdown Complete - send event"'

_PATIENCE = 5.0  # seconds more for what the adapter does after each grace


def check_startup(adapter: AsgiToWsgi, lifespan: Lifespan, limit: float) -> Outcome:
    """Start the application, for at most ``limit`` seconds, which is the adapter's ``startup_timeout``."""
    outcome = Outcome("lifespan startup")
    try:
        adapter.start()
    except Overloaded:
        outcome.answer = f"no answer within {limit:g} s"
        outcome.finding(
            f"the application did not answer lifespan.startup within {limit:g} s (--timeout)", _STARTUP_COMPLETE
        )
    except ApplicationError as error:
        outcome.answer = "failed"
        outcome.finding(
            f"{error.__cause__ or error}; it is checked without its lifespan",
            'ASGI specs/lifespan.rst, "Startup Failed - send event"',
        )
    if lifespan.refused is not None:
        outcome.finding(str(lifespan.refused), lifespan.refused.source)
    if outcome.answer or outcome.remarks:
        return outcome
    if lifespan.has_started():
        outcome.answer = "complete"
    elif lifespan.raised is not None:
        outcome.answer = f"the application has none ({named(lifespan.raised)})"
    else:
        outcome.answer = "the application has none"
        outcome.note(
            "the application returned without an answer to lifespan.startup; one without a lifespan should raise an "
            "exception, for servers may wait for its answer",
            'ASGI specs/main.rst, "Protocol Specifications"',
        )
    return outcome


def check_shutdown(adapter: AsgiToWsgi, lifespan: Lifespan, limit: float) -> Outcome:
    """Shut the application down; ``limit`` is the adapter's ``shutdown_grace`` in seconds."""
    outcome = Outcome("lifespan shutdown")
    left_early = lifespan.has_returned or lifespan.raised is not None
    close_within(adapter, limit)
    if lifespan.refused is not None:
        outcome.finding(str(lifespan.refused), lifespan.refused.source)
    if "lifespan.shutdown.complete" in lifespan.sent:
        outcome.answer = "complete"
    elif "lifespan.shutdown.failed" in lifespan.sent:
        outcome.answer = "failed"
        outcome.note("the application sent lifespan.shutdown.failed")
    elif left_early:
        outcome.note("the application left its lifespan before the shutdown, so that it will never be told of it")
    elif lifespan.raised is not None:
        outcome.answer = RAISED
        outcome.note(f"raised {named(lifespan.raised)} at the shutdown")
    elif lifespan.has_returned:
        outcome.finding("the application returned without an answer to lifespan.shutdown", _SHUTDOWN_COMPLETE)
    else:
        outcome.answer = f"no answer within {limit:g} s"
        outcome.finding(
            f"the application did not answer lifespan.shutdown within {limit:g} s (--timeout)", _SHUTDOWN_COMPLETE
        )
    return outcome


def close_within(adapter: AsgiToWsgi, limit: float) -> None:
    """Close an adapter; wait no longer than it may take if its loop can still run."""
    thread = threading.Thread(target=adapter.close, name="bridge-check-close", daemon=True)
    thread.start()
    thread.join(2 * limit + _PATIENCE)

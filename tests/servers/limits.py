"""What no bridge could give: the limits of the servers themselves, each with its reason.

A native ASGI application has the same limits there; test_limits.py shows that, and notices when a server sheds one.
"""

from __future__ import annotations

from enum import Enum, auto

from tests.servers.kinds import Kind


class Limit(Enum):
    """A promise that a server can make impossible to keep."""

    CONTINUES_EARLY = auto()
    """100 (Continue) goes out before the application asks for the body."""
    GATHERS_UPLOADS = auto()
    """The application is called only once the whole request body is there, in memory."""
    NO_BACK_PRESSURE = auto()
    """`send()` never waits: what a slow client has not taken is held in memory."""
    HIDES_LATE_ERRORS = auto()
    """After an error in the middle of a response the connection stays open and silent."""
    SEND_OUTLIVES_CLIENT = auto()
    """A `send()` that waits for a slow client goes on waiting for seconds after that client has vanished."""


LIMITS: dict[tuple[str, Limit], str] = {
    ("hypercorn", Limit.CONTINUES_EARLY): (
        "H11Protocol._handle_events answers as soon as h11 has seen the field, whatever the application does"
    ),
    ("daphne", Limit.CONTINUES_EARLY): "Twisted's HTTPChannel answers while it parses the header section",
    ("daphne", Limit.GATHERS_UPLOADS): (
        "Twisted calls WebRequest.process with the whole body, all of which daphne puts into an unbounded queue"
    ),
    ("daphne", Limit.NO_BACK_PRESSURE): (
        "WebRequest.handle_reply writes to Twisted's transport and never asks how much is waiting there"
    ),
    ("daphne", Limit.HIDES_LATE_ERRORS): (
        "Server.application_checker answers an error with a 500 page, which handle_reply refuses after the start; that "
        "exception ends the checker, so errors of later requests get no answer either"
    ),
    ("gunicorn", Limit.SEND_OUTLIVES_CLIENT): (
        "ASGIProtocol.connection_lost leaves its flow control paused, so send() waits until the call is cancelled, "
        "asgi_disconnect_grace_period (3 seconds) later"
    ),
}


def limited(kind: Kind, limit: Limit) -> bool:
    """Whether that server cannot keep that promise."""
    return (kind.family, limit) in LIMITS

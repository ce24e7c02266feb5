"""What no bridge could give: the limits of the servers themselves, each with its reason.

A native ASGI application has the same limits there; test_matrix.py and test_limits.py show that, and notice when a
server sheds one.
"""

from __future__ import annotations

from enum import Enum

from tests.matrix.behaviours import Behaviour, Shortfall
from tests.servers.kinds import Kind

_CUT_OFF = "the connection is closed, and the rest of the answer is lost"
_CLOSES = "its protocol's eof_received returns nothing, which makes the event loop close the transport"

# By the name of a kind, or of all its family.
SHORTFALLS: dict[tuple[str, Behaviour], Shortfall] = {
    **{
        (family, Behaviour.HALF_CLOSED): Shortfall(_CUT_OFF, reason)
        for family, reason in (
            ("uvicorn", _CLOSES),
            ("gunicorn", _CLOSES),
            ("hypercorn", "TCPServer tells the application of a disconnect, and streams end at that"),
            ("granian", "hyper takes it for a disconnect unless it is told otherwise"),
            ("daphne", "Twisted closes a connection whose protocol is no IHalfCloseableProtocol"),
        )
    },
    ("granian", Behaviour.PIPELINED_AFTER_UNREAD): Shortfall(
        "the connection ends after the first", "hyper gives a connection up that has an unread body"
    ),
    **{
        (family, behaviour): Shortfall("100 is sent at once", reason)
        for family, reason in (
            ("hypercorn", "H11Protocol._handle_events answers as soon as h11 has seen the field"),
            ("daphne", "Twisted's HTTPChannel answers while it parses the header section"),
        )
        for behaviour in (Behaviour.CONTINUE_WHEN_READ, Behaviour.REFUSED_WITHOUT_CONTINUE)
    },
    ("daphne", Behaviour.STREAMED_UPLOAD): Shortfall(
        "the application is called only once the whole body is there",
        "Twisted calls WebRequest.process with the whole body, all of which daphne puts into an unbounded queue",
    ),
    ("daphne", Behaviour.SLOW_READER): Shortfall(
        "what the client has not taken waits in memory",
        "WebRequest.handle_reply writes to Twisted's transport and never asks how much is waiting there",
    ),
    **{
        ("daphne", behaviour): Shortfall(
            "the client waits in vain for the rest",
            "Server.application_checker answers an error with a 500 page, which handle_reply refuses after the start; "
            "that exception ends the checker, so errors of later requests get no answer either",
        )
        for behaviour in (Behaviour.ERROR_WITH_LENGTH, Behaviour.ERROR_WITHOUT_LENGTH)
    },
}


class Limit(Enum):
    """A promise that a server can make impossible to keep, and that is no row of the table."""

    SEND_OUTLIVES_CLIENT = "`send()` goes on waiting for seconds when the slow client that it waits for has gone."


OTHERS: dict[tuple[str, Limit], str] = {
    ("gunicorn", Limit.SEND_OUTLIVES_CLIENT): (
        "ASGIProtocol.connection_lost leaves its flow control paused, so send() waits until the call is cancelled, "
        "asgi_disconnect_grace_period (3 seconds) later"
    ),
}


def limited(kind: Kind, promise: Behaviour | Limit) -> bool:
    """Whether that server cannot keep that promise."""
    table = SHORTFALLS if isinstance(promise, Behaviour) else OTHERS
    return (kind.name, promise) in table or (kind.family, promise) in table

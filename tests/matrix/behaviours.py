"""The rows of the table: what a client sees of an application on any server, through the bridge or not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Behaviour(Enum):
    """What ought to be so; the text is the row's title."""

    BYTE_BY_BYTE = "A request that comes byte by byte is read whole"
    HALF_CLOSED = "A client that shuts down its sending side gets the rest of the answer"
    KEPT_ALIVE = "A connection is used again after every kind of answer"
    PIPELINED = "Two requests in one packet are answered in order"
    PIPELINED_AFTER_UNREAD = "Two requests in one packet are answered if the first has a body that is left unread"
    CHUNKED_UPLOAD = "A chunked upload is read whole, also if it comes byte by byte"
    STREAMED_UPLOAD = "The application reads an upload while it is still coming"
    ABORTED_UPLOAD = "An aborted upload of declared length never looks whole"
    ABORTED_CHUNKED_UPLOAD = "An aborted chunked upload never looks whole"
    CONTINUE_WHEN_READ = "`Expect: 100-continue` is answered when the application reads, and no earlier"
    REFUSED_WITHOUT_CONTINUE = "An application that does not read answers finally, without a 100 before it"
    FIRST_CHUNK = "The first chunk arrives before the application goes on"
    SLOW_READER = "A slow reader gets every byte, and the process does not grow meanwhile"
    ABORTED_DOWNLOAD = "An aborted download ends the application's stream"
    STALLED_DOWNLOAD = "An aborted download ends a stream that waits for its reader, too"
    SILENT_STREAM = "A stream that sends nothing hears that its client has gone"
    NO_BODY = "HEAD, 204 and 304 have no body, and keep their headers"
    COOKIES = "Repeated `Set-Cookie` fields stay apart and in order"
    ESCAPED_SLASH = "`/a%2Fb` can be told from `/a/b`"
    ANY_BYTE = "`/%FF` reaches the application as that byte"
    # Last, since daphne is not what it was after an error.
    ERROR_BEFORE_START = "An error before the start is answered with 500"
    ERROR_WITH_LENGTH = "An error in the middle of a body of declared length never looks whole"
    ERROR_WITHOUT_LENGTH = "An error in the middle of a body without a declared length never looks whole"


KEPT = "yes"
"""What a probe tells of a behaviour that is as it ought to be; otherwise it tells what happens instead."""


@dataclass(frozen=True)
class Shortfall:
    """A behaviour that a server cannot give, whatever application it runs."""

    instead: str
    """What the probe of that behaviour tells there."""
    reason: str

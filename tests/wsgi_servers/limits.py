"""What no adapter could give: the limits of the servers themselves, each with its reason.

Tests assert both ways: a server that sheds a limit fails them as one that gets a new limit does.
"""

from __future__ import annotations

from enum import Enum, auto

from tests.wsgi_servers.kinds import Kind


class Limit(Enum):
    """A promise that a server can make impossible to keep."""

    NO_CHUNKED_BODIES = auto()
    """A body in the chunked transfer coding never reaches the application."""
    HALF_CHUNKED_BODIES_LOOK_WHOLE = auto()
    """A body in the chunked transfer coding whose client vanished ends as a whole one does."""
    GATHERS_UPLOADS = auto()
    """The application is called only once the whole request body is there."""
    NO_FILES = auto()
    """There is no `wsgi.file_wrapper`, so no `http.response.pathsend` is offered."""
    NO_EARLY_HINTS = auto()
    """There is no `wsgi.early_hints`."""
    SILENT_STREAMS_HEAR_NOTHING = auto()
    """Nobody tells a stream that sends nothing that its client has gone: the next chunk does."""
    HIDES_ERRORS = auto()
    """An error before the start ends the connection; there is no 500."""
    BROKEN_LOOKS_WHOLE = auto()
    """A response without a declared length that broke off looks whole."""
    CLOSES_UNANNOUNCED = auto()
    """Each response ends its connection without saying so."""
    HOLDS_DOWNLOADS = auto()
    """Of a large response more than 16 MB wait in memory."""
    KILLED_BY_SIGTERM = auto()
    """No lifespan shutdown: the server does not handle SIGTERM, and the kernel ends it at once."""


_NO_LOOK = "it looks at the connection only when it writes"
_KERNEL = "it installs no handler of SIGTERM; a service manager has to send SIGINT"

LIMITS: dict[tuple[str, Limit], str] = {
    **{
        (family, Limit.SILENT_STREAMS_HEAR_NOTHING): _NO_LOOK
        for family in ("gunicorn", "cheroot", "werkzeug", "wsgiref", "granian", "uwsgi", "mod_wsgi")
    },
    **{
        (family, Limit.NO_EARLY_HINTS): "its environ has no wsgi.early_hints, which is gunicorn's own"
        for family in ("waitress", "cheroot", "werkzeug", "wsgiref", "granian", "uwsgi", "mod_wsgi")
    },
    **{
        (family, Limit.NO_FILES): "its environ has no wsgi.file_wrapper, which PEP 3333 leaves to the server"
        for family in ("cheroot", "werkzeug", "granian")
    },
    **{(family, Limit.KILLED_BY_SIGTERM): _KERNEL for family in ("waitress", "cheroot", "werkzeug", "wsgiref")},
    ("waitress", Limit.GATHERS_UPLOADS): "its threads are for whole requests; a large body waits in a temporary file",
    ("waitress", Limit.HOLDS_DOWNLOADS): "its outbuf_high_watermark is 16 MB; the application waits only beyond that",
    ("wsgiref", Limit.NO_CHUNKED_BODIES): "its wsgi.input is the bare socket, and nothing decodes what comes from it",
    ("wsgiref", Limit.BROKEN_LOOKS_WHOLE): "it answers as HTTP/1.0, whose bodies end with the connection",
    **{
        (
            family,
            Limit.HALF_CHUNKED_BODIES_LOOK_WHOLE,
        ): "such bodies are lost anyway, so the application finds an empty one"
        for family in ("wsgiref", "uwsgi")
    },
    ("granian", Limit.HALF_CHUNKED_BODIES_LOOK_WHOLE): "its wsgi.input returns b'' after an error of the connection",
    ("granian", Limit.BROKEN_LOOKS_WHOLE): "it ends the body in order when the iterable raises",
    ("uwsgi", Limit.NO_CHUNKED_BODIES): "its wsgi.input ends at CONTENT_LENGTH; only uwsgi.chunked_read() decodes",
    ("uwsgi", Limit.HIDES_ERRORS): "it logs the exception, and has nothing of its own to answer",
    ("uwsgi", Limit.BROKEN_LOOKS_WHOLE): "its --http-socket ends bodies with the connection",
    ("uwsgi", Limit.CLOSES_UNANNOUNCED): "its --http-socket keeps no connection, and adds no header",
    ("mod_wsgi", Limit.BROKEN_LOOKS_WHOLE): "Apache ends the body in order when its daemon process breaks off",
}


def limited(kind: Kind, limit: Limit) -> bool:
    """Whether that server cannot keep that promise."""
    return (kind.family, limit) in LIMITS

"""What no adapter could give: the limits of the servers themselves, each with its reason.

Tests assert both ways: a server that sheds a limit fails them as one that gets a new limit does.
"""

from __future__ import annotations

from enum import Enum

from tests.matrix.behaviours import Behaviour, Shortfall
from tests.wsgi_servers.kinds import Kind

_NEXT_CHUNK = "it hears of it at its next chunk"
_NO_LOOK = "it looks at the connection only when it writes"
_WHOLE = "it looks whole"
_NO_BODY = "the application finds no body"

_CUT_OFF = "the connection is closed, and the rest of the answer is lost"
_LAST = "the connection ends after the first"
_ONE = "the connection ends after an answer of known length"
_AT_ONCE = "100 is sent at once"

_SYNC = "this worker answers one request a connection"
_DEVELOPMENT = "it sends `Connection: close` with every answer"
_HTTP_1_0 = "it answers as HTTP/1.0"
_HTTP_SOCKET = "its --http-socket keeps no connection, and adds no header that says so"

# By the name of a kind, or of all its family.
SHORTFALLS: dict[tuple[str, Behaviour], Shortfall] = {
    ("waitress", Behaviour.HALF_CLOSED): Shortfall(
        _CUT_OFF, "its dispatcher closes a channel that has no more to read"
    ),
    ("granian", Behaviour.HALF_CLOSED): Shortfall(
        _CUT_OFF, "hyper takes it for a disconnect unless it is told otherwise"
    ),
    ("gunicorn-sync", Behaviour.KEPT_ALIVE): Shortfall(_ONE, _SYNC),
    ("werkzeug", Behaviour.KEPT_ALIVE): Shortfall(_ONE, _DEVELOPMENT),
    ("wsgiref", Behaviour.KEPT_ALIVE): Shortfall(_ONE, _HTTP_1_0),
    ("uwsgi", Behaviour.KEPT_ALIVE): Shortfall(f"{_ONE}, which did not say so", _HTTP_SOCKET),
    ("waitress", Behaviour.KEPT_ALIVE): Shortfall(
        "the connection ends after 204", "Task.build_response_header ends it after every answer without Content-Length"
    ),
    **{
        (name, behaviour): Shortfall(_LAST, reason)
        for name, reason in (
            ("gunicorn-sync", _SYNC),
            ("werkzeug", _DEVELOPMENT),
            ("wsgiref", _HTTP_1_0),
            ("uwsgi", _HTTP_SOCKET),
        )
        for behaviour in (Behaviour.PIPELINED, Behaviour.PIPELINED_AFTER_UNREAD)
    },
    ("gunicorn-gthread", Behaviour.PIPELINED_AFTER_UNREAD): Shortfall(
        _LAST, "Parser.finish_body reads no more than 64 KB that the application has left"
    ),
    ("granian", Behaviour.PIPELINED_AFTER_UNREAD): Shortfall(
        _LAST, "hyper gives a connection up that has an unread body"
    ),
    **{
        (family, behaviour): Shortfall(_AT_ONCE, reason)
        for family, reason in (
            ("gunicorn", "gunicorn.http.wsgi.create sends it before it calls the application"),
            ("waitress", "HTTPChannel.received sends it when it has the header section"),
            ("cheroot", "HTTPRequest.read_request_headers sends it, to be quick in the usual case"),
            ("werkzeug", "WSGIRequestHandler.run_wsgi sends it first of all"),
            ("mod_wsgi", "Apache hands the body on to its daemon process before the application reads"),
        )
        for behaviour in (Behaviour.CONTINUE_WHEN_READ, Behaviour.REFUSED_WITHOUT_CONTINUE)
    },
    ("wsgiref", Behaviour.CONTINUE_WHEN_READ): Shortfall("100 is never sent", _HTTP_1_0),
    ("uwsgi", Behaviour.CONTINUE_WHEN_READ): Shortfall(
        "100 is never sent", "its --http-socket does not know the field"
    ),
    **{
        (family, Behaviour.SILENT_STREAM): Shortfall(_NEXT_CHUNK, _NO_LOOK)
        for family in ("gunicorn", "cheroot", "werkzeug", "wsgiref", "granian", "uwsgi", "mod_wsgi")
    },
    ("waitress", Behaviour.STREAMED_UPLOAD): Shortfall(
        "the application is called only once the whole body is there",
        "its threads are for whole requests; a large body waits in a temporary file",
    ),
    ("waitress", Behaviour.SLOW_READER): Shortfall(
        "what the client has not taken waits in memory",
        "its outbuf_high_watermark is 16 MB; the application waits only beyond that",
    ),
    ("wsgiref", Behaviour.CHUNKED_UPLOAD): Shortfall(
        _NO_BODY, "its wsgi.input is the bare socket, and nothing decodes what comes from it"
    ),
    ("uwsgi", Behaviour.CHUNKED_UPLOAD): Shortfall(
        _NO_BODY, "its wsgi.input ends at CONTENT_LENGTH; only uwsgi.chunked_read() decodes"
    ),
    **{
        (family, Behaviour.ABORTED_CHUNKED_UPLOAD): Shortfall(
            _WHOLE, "such bodies are lost anyway, so the application finds an empty one"
        )
        for family in ("wsgiref", "uwsgi")
    },
    ("granian", Behaviour.ABORTED_CHUNKED_UPLOAD): Shortfall(
        _WHOLE, "its wsgi.input returns b'' after an error of the connection"
    ),
    **{
        (family, Behaviour.ESCAPED_SLASH): Shortfall(
            "only the decoded path is told", "its environ has neither RAW_URI nor REQUEST_URI"
        )
        for family in ("wsgiref", "granian")
    },
    ("uwsgi", Behaviour.ERROR_BEFORE_START): Shortfall(
        "the connection is closed without an answer", "it logs the exception, and has nothing of its own to answer"
    ),
    ("wsgiref", Behaviour.ERROR_WITHOUT_LENGTH): Shortfall(
        _WHOLE, f"{_HTTP_1_0}, whose bodies end with the connection"
    ),
    ("granian", Behaviour.ERROR_WITHOUT_LENGTH): Shortfall(
        _WHOLE, "it ends the body in order when the iterable raises"
    ),
    ("uwsgi", Behaviour.ERROR_WITHOUT_LENGTH): Shortfall(_WHOLE, "its --http-socket ends bodies with the connection"),
    ("mod_wsgi", Behaviour.ERROR_WITHOUT_LENGTH): Shortfall(
        _WHOLE, "Apache ends the body in order when its daemon process breaks off"
    ),
}


class Limit(Enum):
    """A promise that a server can make impossible to keep, and that is no row of the table."""

    NO_FILES = "No `http.response.pathsend`:"
    NO_EARLY_HINTS = "No `http.response.early_hint`:"
    KILLED_BY_SIGTERM = "No lifespan shutdown at SIGTERM:"


OTHERS: dict[tuple[str, Limit], str] = {
    **{
        (family, Limit.NO_EARLY_HINTS): "its environ has no wsgi.early_hints, which is gunicorn's own"
        for family in ("waitress", "cheroot", "werkzeug", "wsgiref", "granian", "uwsgi", "mod_wsgi")
    },
    **{
        (family, Limit.NO_FILES): "its environ has no wsgi.file_wrapper, which PEP 3333 leaves to the server"
        for family in ("cheroot", "werkzeug", "granian")
    },
    **{
        (family, Limit.KILLED_BY_SIGTERM): "it installs no handler of SIGTERM; a service manager has to send SIGINT"
        for family in ("waitress", "cheroot", "werkzeug", "wsgiref")
    },
}


def limited(kind: Kind, promise: Behaviour | Limit) -> bool:
    """Whether that server cannot keep that promise."""
    table = SHORTFALLS if isinstance(promise, Behaviour) else OTHERS
    return (kind.name, promise) in table or (kind.family, promise) in table

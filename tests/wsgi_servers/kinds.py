"""The WSGI servers under test, each as its users start it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.servers.kinds import Kind as AnyKind
from tests.wsgi_servers import apache

THREADS = 8


@dataclass(frozen=True)
class Kind(AnyKind):
    """A WSGI server with its settings."""

    processes: int = 1
    """How many run the application."""
    missing: str | None = None
    """What this machine lacks for it, and pip cannot install."""


def _embedded(module: str, options: str = "") -> str:
    return f"tests.wsgi_servers.{module} {{application}} {{host}} {{port}} {options}"


# Its control socket would lie in the user's home, one for all gunicorns.
_GUNICORN = "gunicorn {application} --bind {host}:{port} --no-control-socket --worker-class "
_GTHREAD = f"{_GUNICORN} gthread --threads {THREADS}"
_TWICE = "--workers 2"

GEVENT = Kind("gunicorn-gevent", f"{_GUNICORN} gevent")
GEVENT_PRELOADED = Kind("gunicorn-gevent-preload", f"{_GUNICORN} gevent --preload {_TWICE}", processes=2)
# gunicorn itself patches after the application was loaded, which breaks anyio's threads among others; so users patch in
# the configuration.
GEVENT_PATCHED = Kind(
    "gunicorn-gevent-preload-patched",
    f"{GEVENT_PRELOADED.arguments} --config python:tests.wsgi_servers.gunicorn_patched",
    processes=2,
)

ORIGINALS = [
    Kind("gunicorn-sync", f"{_GUNICORN} sync"),
    Kind("gunicorn-gthread", _GTHREAD),
    GEVENT,
    # The look-ahead is what lets waitress see that a client has gone while the application runs.
    Kind(
        "waitress",
        f"waitress --listen={{host}}:{{port}} --threads={THREADS} --channel-request-lookahead=1 {{application}}",
    ),
    Kind("cheroot", f"cheroot {{application}} --bind {{host}}:{{port}} --threads {THREADS}"),
    Kind("werkzeug", _embedded("serve_werkzeug")),
    Kind("wsgiref", _embedded("serve_wsgiref")),
    Kind(
        "granian",
        f"granian {{application}} --interface wsgi --host {{host}} --port {{port}} --blocking-threads {THREADS}",
    ),
    Kind("uwsgi", _embedded("serve_uwsgi"), processes=2),
    Kind("mod_wsgi", _embedded("apache"), missing=None if apache.is_installed() else apache.MISSING),
]

# What differs only in when they fork gets no second look at what does not depend on that. They stand last in the list
# of all, so that a kind has the same place in both: pytest groups tests by it, which starts each server once.
TWINS = [
    Kind("gunicorn-sync-preload", f"{_GUNICORN} sync --preload {_TWICE}", processes=2),
    Kind("gunicorn-gthread-preload", f"{_GTHREAD} --preload {_TWICE}", processes=2),
    GEVENT_PRELOADED,
    Kind("uwsgi-lazy", _embedded("serve_uwsgi", "--lazy-apps"), processes=2),
]

KINDS = [*ORIGINALS, *TWINS]

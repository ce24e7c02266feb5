"""The servers under test: one command line for each protocol implementation and event loop."""

from __future__ import annotations

import sys
from dataclasses import dataclass

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Kind:
    """A server with its settings; each has a single process that runs the application."""

    name: str
    arguments: str

    @property
    def family(self) -> str:
        """The server without its settings."""
        return self.name.partition("-")[0]

    def command(self, application: str, port: int) -> list[str]:
        """The command line that serves `application` (MODULE:ATTRIBUTE) on `port`."""
        return [sys.executable, "-m", *self.arguments.format(application=application, host=HOST, port=port).split()]


def _uvicorn(http: str, loop: str) -> Kind:
    return Kind(
        f"uvicorn-{http}-{loop}",
        f"uvicorn {{application}} --host {{host}} --port {{port}} --http {http} --loop {loop} --no-access-log",
    )


def _hypercorn(worker_class: str) -> Kind:
    return Kind(
        f"hypercorn-{worker_class}", f"hypercorn {{application}} --bind {{host}}:{{port}} --worker-class {worker_class}"
    )


KINDS = [
    _uvicorn("h11", "asyncio"),
    _uvicorn("h11", "uvloop"),
    _uvicorn("httptools", "asyncio"),
    _uvicorn("httptools", "uvloop"),
    _hypercorn("asyncio"),
    _hypercorn("trio"),
    Kind("granian", "granian {application} --interface asgi --host {host} --port {port}"),
    # Its control socket would lie in the user's home, one for all gunicorns.
    Kind("gunicorn", "gunicorn {application} --worker-class asgi --bind {host}:{port} --no-control-socket"),
    # The last, since some tests leave it out: pytest groups tests by the place of a kind in their lists.
    Kind("daphne", "daphne --bind {host} --port {port} --verbosity 0 {application}"),
]

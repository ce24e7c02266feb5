"""A client that speaks to an example over loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.cli.command import ROOT, Running, running

ANSWERS_WITHIN = 20.0


@contextmanager
def client_of(*arguments: str, address: str) -> Iterator[httpx.Client]:
    """Run Python with these arguments from the root; a client of the address that a line of its output says."""
    # PORT=0: the examples let the system choose, as their command lines do with --port 0.
    with running(*arguments, directory=ROOT, extra={"PORT": "0"}) as server, connected(server, address) as client:
        yield client


def connected(server: Running, address: str) -> httpx.Client:
    """A client of the address that a line of the server's output says."""
    base_url = server.line(address)["address"]
    # A module has one client; a test leaves no connection of it behind.
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(base_url=base_url, timeout=ANSWERS_WITHIN, trust_env=False, limits=limits)


BRIDGE_SAYS = r"(?P<address>http://127\.0\.0\.1:[1-9]\d*)$"
GUNICORN_SAYS = r"Listening at: (?P<address>http://127\.0\.0\.1:[1-9]\d*) "
WAITRESS_SAYS = r"Serving on (?P<address>http://127\.0\.0\.1:[1-9]\d*)$"
UVICORN_SAYS = r"running on (?P<address>http://127\.0\.0\.1:[1-9]\d*) "

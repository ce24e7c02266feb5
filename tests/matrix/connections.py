"""Probes of connections: how requests are cut into packets, and how many a connection carries."""

from __future__ import annotations

import http.client

from tests.matrix.behaviours import KEPT
from tests.matrix.contents import described
from tests.matrix.sites import Site
from tests.servers.probes import fresh_name

BROKEN = (http.client.HTTPException, ConnectionError)
"""What http.client raises where a response is missing or incomplete."""

# More than the bridge receives before an application runs (the default of prefetch_size), so it stays unread.
UNREAD = bytes(100_000)


def byte_by_byte(site: Site) -> str:
    """Send each byte of a head and its body in a packet of its own."""
    request = site.head("POST", "/body", "Content-Length: 5") + b"whole"
    with site.connect() as wire:
        wire.send(*(bytes([byte]) for byte in request))
        told = wire.answer().body.decode()
    return KEPT if told == described([b"whole"]) else f"the application read {told!r}"


def half_closed(site: Site) -> str:
    """Shut the sending side down while the application works; it goes on when the server has seen that."""
    name = fresh_name()
    with site.connect() as wire:
        wire.send(site.head("GET", f"/parts?name={name}"))
        response = wire.response()
        first = response.read1(100)
        wire.end()
        wire.readable(site.doubt)  # until the server closes the connection
        site.diary.allow(name)
        try:
            rest = response.read()
        except BROKEN:
            return "the connection is closed, and the rest of the answer is lost"
    return KEPT if (first, rest) == (b"first ", b"second") else f"the chunks are {first!r} and {rest!r}"


def kept_alive(site: Site) -> str:
    """Ask for every kind of answer on one connection."""
    asked = [
        ("an answer of known length", "GET", "/", b"", 200),
        ("204", "GET", "/no-content", b"", 204),
        ("304", "GET", "/not-modified", b"", 304),
        ("one to HEAD", "HEAD", "/", b"", 200),
        ("one to a body", "POST", "/body", b"whole", 200),
        ("one to an unread body", "POST", "/refused", b"whole", 403),
        ("one of unknown length", "GET", "/streamed", b"", 200),
    ]
    before = ""
    with site.connect() as wire:
        for label, method, target, body, status in asked:
            try:
                wire.send(site.head(method, target, f"Content-Length: {len(body)}"), body)
                response = wire.response(method)
            except BROKEN:
                return f"the connection ends after {before}, which did not say so"
            assert (response.status, before) == (status, before)
            response.read()
            if response.will_close:
                return f"the connection ends after {label}"
            before = label
    return KEPT


def pipelined(site: Site) -> str:
    """Send two requests in one packet."""
    requests = site.head("POST", "/body", "Content-Length: 5") + b"whole" + site.head("GET", "/cookies")
    return _both(site, requests, described([b"whole"]).encode())


def pipelined_after_unread(site: Site) -> str:
    """Send a request whose body stays unread, and another one right behind it."""
    requests = site.head("POST", "/refused", f"Content-Length: {len(UNREAD)}") + UNREAD + site.head("GET", "/cookies")
    return _both(site, requests, b"refused")


def _both(site: Site, requests: bytes, first: bytes) -> str:
    bodies = []
    with site.connect() as wire:
        try:
            wire.send(requests)
            for answer in wire.answers("POST", "GET"):
                bodies.append(answer.body)  # noqa: PERF401  those before the connection's end count
        except BROKEN:
            # With bytes unread the server's closing takes the first answer along, if the client is late.
            bodies = bodies or [first]
    if bodies == [first]:
        return "the connection ends after the first"
    return KEPT if bodies == [first, b"cookies"] else f"the answers are {bodies}"

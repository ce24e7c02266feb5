"""One question about a server for each limit, asked in the same words of a bridged and of a native application."""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Callable

from tests.servers.content import BLOCK, MEGABYTE, digest
from tests.servers.probes import fresh_name
from tests.servers.running import eventually
from tests.servers.wire import LAST_CHUNK, Wire, chunked, head
from tests.wsgi_servers.limits import Limit
from tests.wsgi_servers.serving import Served

LARGE = 200 * MEGABYTE
WARM_UP = 8 * MEGABYTE  # the first large body makes allocators and threads take what they then keep
MAY_GROW = 16 * MEGABYTE
PATIENCE = 30.0  # seconds without a byte


def loses_chunked_bodies(served: Served) -> bool:
    """Whether an application finds no body in a request that has one in the chunked transfer coding."""
    with Wire(served.port) as wire:
        wire.send(head("POST", f"/upload?name={fresh_name()}", "Transfer-Encoding: chunked"))
        # Sent only when it is wanted: with unread bytes before it, an answer may be lost with its connection.
        if not wire.readable(0.3):
            wire.send(chunked(b"chunk"), LAST_CHUNK)
        return wire.answer().body == b"0 bytes"


def takes_half_chunked_bodies_for_whole(served: Served) -> bool:
    """Whether a body in the chunked transfer coding whose client vanished looks whole."""
    name = fresh_name()
    with Wire(served.port) as wire:
        wire.send(head("POST", f"/upload?name={name}", "Transfer-Encoding: chunked"), chunked(bytes(BLOCK)))
        runs = eventually(lambda: bool(served.diary.events(name)), within=0.5)
        wire.reset()
    if runs:
        eventually(lambda: served.diary.events(name)[-1] in ("whole", "finally"), within=3)
    return "whole" in served.diary.events(name)


def gathers_uploads(served: Served) -> bool:
    """Whether an application does not run while half of a body is missing."""
    name = fresh_name()
    with Wire(served.port) as wire:
        wire.send(head("POST", f"/upload?name={name}", f"Content-Length: {4 * BLOCK}"), bytes(2 * BLOCK))
        ran = eventually(lambda: "read" in served.diary.events(name), within=0.5)
        wire.reset()
    return not ran


def hides_errors(served: Served) -> bool:
    """Whether an application's error ends the connection without an answer."""
    try:
        return served.server.ask("/fail-before").status != 500
    except http.client.RemoteDisconnected:
        return True


def ends_broken_bodies(served: Served) -> bool:
    """Whether a response without a declared length that broke off looks whole."""
    with Wire(served.port) as wire:
        wire.send(head("GET", "/fail-after?declared=no"))
        try:
            assert wire.answer().body == b"12345"
        except (http.client.IncompleteRead, ConnectionResetError):
            return False
    return True


def closes_unannounced(served: Served) -> bool:
    """Whether a connection ends that the response said nothing of (RFC 9112, 9.6)."""
    with Wire(served.port) as wire:
        wire.send(head("GET", "/"))
        response = wire.response()
        assert response.read() == b"hello"
        return not response.will_close and wire.readable(0.3) and wire.take(1) == b""


def download(served: Served, size: int) -> str:
    """The digest of a body without a declared length."""
    hashed = hashlib.sha256()
    with Wire(served.port, within=PATIENCE) as wire:
        wire.send(head("GET", f"/download?size={size}"))
        response = wire.response()
        while block := response.read(4 * BLOCK):
            hashed.update(block)
    return hashed.hexdigest()


def holds_downloads(served: Served) -> bool:
    """Whether the server grows by more than it may while it streams."""
    download(served, WARM_UP)
    growth = served.server.growth()
    assert download(served, LARGE) == digest(LARGE)
    return growth.bytes() >= MAY_GROW


PROBES: dict[Limit, Callable[[Served], bool]] = {
    Limit.NO_CHUNKED_BODIES: loses_chunked_bodies,
    Limit.HALF_CHUNKED_BODIES_LOOK_WHOLE: takes_half_chunked_bodies_for_whole,
    Limit.GATHERS_UPLOADS: gathers_uploads,
    Limit.HIDES_ERRORS: hides_errors,
    Limit.BROKEN_LOOKS_WHOLE: ends_broken_bodies,
    Limit.CLOSES_UNANNOUNCED: closes_unannounced,
    Limit.HOLDS_DOWNLOADS: holds_downloads,
}

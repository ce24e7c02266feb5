"""Probes of responses that take their time: chunks that go out at once, slow readers, and readers that vanish."""

from __future__ import annotations

import hashlib
import http.client

from tests.matrix.behaviours import KEPT
from tests.matrix.connections import BROKEN
from tests.matrix.sites import Site
from tests.servers.content import BLOCK, MEGABYTE, digest
from tests.servers.probes import fresh_name
from tests.servers.running import ANSWERS_WITHIN, eventually
from tests.servers.wire import Wire

SIZE = 32 * MEGABYTE
WARM_UP = 8 * MEGABYTE  # the first large body makes allocators and threads take what they then keep
MAY_GROW = 4 * MEGABYTE
STANDS_STILL = 0.2  # seconds without another megabyte


def first_chunk(site: Site) -> str:
    """Read the first chunk of a body whose second one is not made before that."""
    name = fresh_name()
    with site.connect(within=site.patience) as wire:
        wire.send(site.head("GET", f"/parts?name={name}"))
        try:
            response = wire.response()
            first = response.read1(100)
        except TimeoutError:
            return "the first chunk is held back"
        site.diary.allow(name)
        rest = response.read()
    return KEPT if (first, rest) == (b"first ", b"second") else f"the chunks are {first!r} and {rest!r}"


def slow_reader(site: Site) -> str:
    """Take a block of a large body, and the rest only when the application has stopped to make more."""
    _download(site, WARM_UP)
    growth = site.growth()
    taken = _download(site, SIZE)
    if taken != digest(SIZE):
        return "bytes are lost"
    return KEPT if growth.bytes() < MAY_GROW else "what the client has not taken waits in memory"


def _download(site: Site, size: int) -> str:
    name, hashed = fresh_name(), hashlib.sha256()
    with site.connect(receive_buffer=BLOCK) as wire:
        response = _stalled(site, wire, name, size)
        try:
            while block := response.read(4 * BLOCK):
                hashed.update(block)
        except BROKEN:
            pass  # the digest tells
    return hashed.hexdigest()


def _stalled(site: Site, wire: Wire, name: str, size: int) -> http.client.HTTPResponse:
    """A download of which the application makes no more, since nobody reads it."""
    wire.send(site.head("GET", f"/download?name={name}&size={size}"))
    response = wire.response()
    made = -1

    def stands_still() -> bool:
        nonlocal made
        before, made = made, site.diary.events(name).count("made")
        return made == before

    assert eventually(stands_still, ANSWERS_WITHIN, pause=STANDS_STILL), "it never stands still"
    return response


def aborted_download(site: Site) -> str:
    """Vanish in the middle of a stream that would go on."""
    name = fresh_name()
    with site.connect() as wire:
        wire.send(site.head("GET", f"/ticks?name={name}"))
        wire.response().read1(5)
        wire.reset()
    return _ended(site, name)


def stalled_download(site: Site) -> str:
    """Stop reading until the application waits for that, and vanish."""
    name = fresh_name()
    with site.connect(receive_buffer=BLOCK) as wire:
        _stalled(site, wire, name, SIZE)
        wire.reset()
    return _ended(site, name)


def _ended(site: Site, name: str) -> str:
    ended = eventually(lambda: "finally" in site.diary.events(name), site.patience)
    return KEPT if ended else "the stream goes on"


def silent_stream(site: Site) -> str:
    """Vanish while the application sends nothing."""
    name = fresh_name()
    with site.connect() as wire:
        wire.send(site.head("GET", f"/silent?name={name}"))
        wire.response().read1(5)
        wire.close()
    heard = eventually(lambda: "heard" in site.diary.events(name), site.patience)
    site.diary.allow(name)
    return KEPT if heard else "it hears of it at its next chunk"

"""Probes of request bodies: chunked ones, those that break off, and those that wait for 100 (Continue)."""

from __future__ import annotations

from tests.matrix.behaviours import KEPT
from tests.matrix.connections import BROKEN
from tests.matrix.contents import described
from tests.matrix.sites import Site
from tests.servers.content import BLOCK
from tests.servers.probes import fresh_name
from tests.servers.running import eventually
from tests.servers.wire import LAST_CHUNK, chunked

HALF = bytes(2 * BLOCK)
FRAMING = f"Content-Length: {4 * BLOCK}"  # of a body of which only half comes; too long to be received ahead
CHUNKED = "Transfer-Encoding: chunked"

LOST = "the application finds no body"


def chunked_upload(site: Site) -> str:
    """Send a body in the chunked transfer coding, at first each byte in a packet of its own."""
    slow, fast = [b"who", b"le"], [bytes(BLOCK + 3), HALF]
    with site.connect() as wire:
        try:
            wire.send(site.head("POST", "/body", CHUNKED), *(bytes([byte]) for byte in chunked(*slow)))
            wire.send(chunked(*fast), LAST_CHUNK)
            told = wire.answer().body.decode()
        except BROKEN:
            return LOST  # answered before it was sent, in part at least, which resets the connection
    if told == described([]):
        return LOST
    return KEPT if told == described([*slow, *fast]) else f"the application read {told!r}"


def streamed_upload(site: Site) -> str:
    """Send half of a body, and look whether the application has read anything."""
    name = fresh_name()
    with site.connect() as wire:
        wire.send(site.head("POST", f"/upload?name={name}", FRAMING), HALF)
        ran = eventually(lambda: "read" in site.diary.events(name), site.patience)
        wire.reset()
    return KEPT if ran else "the application is called only once the whole body is there"


def aborted_upload(site: Site) -> str:
    """Send half of a body of declared length, and vanish."""
    return _aborted(site, FRAMING, HALF)


def aborted_chunked_upload(site: Site) -> str:
    """Send some chunks of a body that does not end, and vanish."""
    return _aborted(site, CHUNKED, chunked(HALF))


def _aborted(site: Site, framing: str, half: bytes) -> str:
    name = fresh_name()

    def ended() -> bool:
        return bool({"broken", "whole"} & {*site.diary.events(name)})

    with site.connect() as wire:
        try:
            wire.send(site.head("POST", f"/upload?name={name}", framing), half)
        except BROKEN:
            pass  # answered already
        eventually(lambda: bool(site.diary.events(name)), within=0.5)
        wire.reset()
    if site.diary.events(name) and not eventually(ended, site.patience):
        return "the application is left waiting"
    # A server that gathers uploads never calls the application, which is as good.
    return "it looks whole" if "whole" in site.diary.events(name) else KEPT


def continue_when_read(site: Site) -> str:
    """Send a head that expects 100 (Continue) to an application that reads when it is told to."""
    name = fresh_name()
    with site.connect() as wire:
        wire.send(site.head("POST", f"/read-late?name={name}", "Content-Length: 5", "Expect: 100-continue"))
        runs = eventually(lambda: "begun" in site.diary.events(name), site.patience)
        early = wire.readable(min(site.doubt, 1.0))
        site.diary.allow(name)
        if not early and not wire.readable(site.patience):
            outcome = "100 is never sent"
        else:
            assert wire.take_head().startswith(b"HTTP/1.1 100 "), "the body was never asked for"
            outcome = KEPT if runs and not early else "100 is sent at once"
        wire.send(b"whole")
        told = wire.answer("POST").body.decode()
    return outcome if told == described([b"whole"]) else f"the application read {told!r}"


def refused_without_continue(site: Site) -> str:
    """Send a head that expects 100 (Continue) to an application that does not read."""
    with site.connect() as wire:
        wire.send(site.head("POST", "/refused", "Content-Length: 5", "Expect: 100-continue"))
        first = wire.take_head()
        if first.startswith(b"HTTP/1.1 100 "):
            # By the server, which may now want the body before it calls the application.
            wire.send(b"whole")
            assert wire.answer("POST").status == 403
            return "100 is sent at once"
    return KEPT if first.split()[1] == b"403" else f"the head is {first!r}"

"""Probes of what an answer consists of, and of answers that an error breaks off."""

from __future__ import annotations

from tests.matrix.behaviours import KEPT
from tests.matrix.connections import BROKEN
from tests.matrix.sites import Site


def no_body(site: Site) -> str:
    """Look for stray bytes behind the heads of answers that end with them."""
    for method, target, status, kept in [
        ("HEAD", "/", 200, b"content-length: 5"),
        ("GET", "/no-content", 204, b"x-kept: yes"),
        ("GET", "/not-modified", 304, b'etag: "v1"'),
    ]:
        with site.connect() as wire:
            wire.send(site.head(method, target, "Connection: close"))
            head = wire.take_head()
            if int(head.split()[1]) != status or kept not in head.lower():
                return f"the head is {head!r}"
            if wire.take(100):
                return f"{method} {target} is answered with a body"
    return KEPT


def cookies(site: Site) -> str:
    """Look for both."""
    with site.connect() as wire:
        wire.send(site.head("GET", "/cookies"))
        found = wire.answer().all("Set-Cookie")
    return KEPT if found == ["a=1", "b=2; Path=/"] else f"the client gets {found}"


def escaped_slash(site: Site) -> str:
    """Let the application tell which path and which target it was asked for."""
    path, _, target = _told(site, "/a%2Fb")
    if path != "/a/b":
        return f"the application is asked for {path!r}"
    return KEPT if target == "/a%2Fb" else "only the decoded path is told"


def any_byte(site: Site) -> str:
    """The same for a byte that no UTF-8 has."""
    path, _, _ = _told(site, "/%FF")
    return KEPT if path == "/\xff" else f"the application is asked for {path!r}"


def _told(site: Site, target: str) -> tuple[str, str, str]:
    with site.connect() as wire:
        wire.send(site.head("GET", target))
        return wire.answer().body.decode("latin-1").partition(" ")


def error_before_start(site: Site) -> str:
    """Look at the answer of an application that gave none."""
    with site.connect() as wire:
        wire.send(site.head("GET", "/fail-before"))
        try:
            status = wire.answer().status
        except BROKEN:
            return "the connection is closed without an answer"
    return KEPT if status == 500 else f"it is answered with {status}"


def error_with_length(site: Site) -> str:
    """Read five bytes of ten."""
    return _broken_off(site, "yes")


def error_without_length(site: Site) -> str:
    """Read five bytes of who knows how many."""
    return _broken_off(site, "no")


def _broken_off(site: Site, declared: str) -> str:
    with site.connect(within=site.patience) as wire:
        wire.send(site.head("GET", f"/fail-after?declared={declared}"))
        try:
            body = wire.answer().body
        except BROKEN:
            return KEPT
        except TimeoutError:
            return "the client waits in vain for the rest"
    return "it looks whole" if body == b"12345" else f"the body is {body!r}"

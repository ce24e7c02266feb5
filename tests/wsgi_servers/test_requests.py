"""Ordinary requests through every server: bodies in, bodies out, headers, paths and mounts."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.matrix.behaviours import Behaviour
from tests.servers.content import BLOCK, blocks, digest
from tests.servers.test_mounts import BOUNDARY, FORM_TYPE, multipart
from tests.servers.wire import Wire, head
from tests.wsgi_servers import apache
from tests.wsgi_servers.kinds import ORIGINALS, Kind
from tests.wsgi_servers.limits import limited
from tests.wsgi_servers.serving import Served, serving


def test_get(served: Served) -> None:
    """A4: a response complete at once arrives whole, with the length that the application declared."""
    answer = served.server.ask("/")
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.header("Content-Length") == "5"
    assert answer.header("Content-Type") == "text/plain"


def test_post(served: Served) -> None:
    """A2: a body with Content-Length is read to its end."""
    size = 4 * BLOCK
    answer = served.server.ask("/hash", "POST", b"".join(blocks(size)))
    assert answer.body.decode() == f"{size} {digest(size)}"


def test_form(served: Served) -> None:
    """A2: Starlette parses a posted form."""
    answer = served.server.ask("/form", "POST", b"a=1&b=%C3%A9&a=2", {"Content-Type": FORM_TYPE})
    assert answer.json() == [["a", "1"], ["b", "é"], ["a", "2"]]


def test_multipart(served: Served) -> None:
    """A2: Starlette parses a posted file, every byte of it."""
    file = b"".join(blocks(4 * BLOCK)) + b"\n" + b"x" * 58_000
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    answer = served.server.ask("/form", "POST", multipart(file), headers)
    assert answer.json() == [["note", "kept"], ["file", ["a.bin", hashlib.sha256(file).hexdigest()]]]


@pytest.mark.parametrize(
    ("method", "target", "status", "kept"),
    [
        ("HEAD", "/", 200, b"content-length: 5"),
        ("GET", "/no-content", 204, b"x-kept: yes"),
        ("GET", "/not-modified", 304, b'etag: "v1"'),
    ],
    ids=["HEAD", "204", "304"],
)
def test_answers_without_a_body(served: Served, method: str, target: str, status: int, kept: bytes) -> None:
    """A4: HEAD, 204 and 304 carry no body and keep their headers."""
    with Wire(served.port) as wire:
        wire.send(head(method, target, "Connection: close"))
        first = wire.take_head()
        assert int(first.split()[1]) == status
        assert kept in first.lower()
        assert wire.take(100) == b""


def test_keep_alive(served: Served, kind: Kind) -> None:
    """B1: requests on one connection are answered in turn, and none sees another's body; some servers close it."""
    sizes = [0, BLOCK, 2 * BLOCK, 0]
    while sizes:
        with Wire(served.port) as wire:
            stays = True
            while sizes and stays:
                size = sizes.pop(0)
                wire.send(head("POST", "/hash", f"Content-Length: {size}"), *blocks(size))
                response = wire.response("POST")
                assert response.read().decode() == f"{size} {digest(size)}"
                stays = not response.will_close and not limited(kind, Behaviour.KEPT_ALIVE)


def test_an_unread_body(served: Served) -> None:
    """B1: an application that leaves a body unread answers, and the next request is served."""
    for _ in range(2):
        answer = served.server.ask("/", "POST", bytes(BLOCK))
        assert (answer.status, answer.body) == (200, b"hello")


def test_a_mount(served: Served) -> None:
    """A1: below a mount `path` includes `root_path`, as on an ASGI server."""
    scope = served.server.ask("/mounted/a%2Fb/c?d=%20").json()
    assert scope["root_path"] == "/mounted"
    assert scope["path"].startswith("/mounted/a")
    assert scope["query_string"] == "d=%20"


def test_a_mount_of_the_server(tmp_path: Path) -> None:
    """A1: the same below an alias of Apache's own."""
    kind = next(kind for kind in ORIGINALS if kind.name == "mod_wsgi")
    with serving(kind, tmp_path) as served:
        scope = served.server.ask(f"{apache.MOUNT}/a%2Fb").json()
    assert (scope["root_path"], scope["path"]) == (apache.MOUNT, f"{apache.MOUNT}/a/b")
    assert scope["raw_path"] == f"{apache.MOUNT}/a%2Fb"

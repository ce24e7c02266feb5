"""Ordinary requests: every answer is the one that the application gave."""

from __future__ import annotations

import pytest

from tests.servers.content import BLOCK, blocks, digest
from tests.servers.running import RunningServer
from tests.servers.wire import Wire, head


def test_get(server: RunningServer) -> None:
    """W9: a body known whole arrives whole, with the length that the application declared."""
    answer = server.ask("/")
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.header("Content-Length") == "5"
    assert answer.header("Content-Type") == "text/plain"


def test_environ(server: RunningServer) -> None:
    """W1: the environ holds the CGI keys, with the port as a string."""
    environ = server.ask("/environ?a=1&b=%20", headers={"X-Own": "value", "Content-Type": "x/y"}).json()
    expected = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/environ",
        "QUERY_STRING": "a=1&b=%20",
        "RAW_URI": "/environ?a=1&b=%20",
        "CONTENT_TYPE": "x/y",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(server.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_X_OWN": "value",
        "wsgi.url_scheme": "http",
        "wsgi.input_terminated": True,
    }
    assert {key: environ.get(key) for key in expected} == expected


def test_a_declared_body(server: RunningServer) -> None:
    """W4: a body with Content-Length is read to its end."""
    size = 4 * BLOCK
    answer = server.ask("/hash", "POST", b"".join(blocks(size)))
    assert answer.body.decode() == f"{size} {digest(size)}"


@pytest.mark.parametrize(
    ("method", "target", "status", "kept"),
    [
        ("HEAD", "/", 200, b"content-length: 5"),
        ("GET", "/no-content", 204, b"x-kept: yes"),
        ("GET", "/not-modified", 304, b'etag: "v1"'),
    ],
    ids=["HEAD", "204", "304"],
)
def test_answers_without_a_body(server: RunningServer, method: str, target: str, status: int, kept: bytes) -> None:
    """W9: HEAD, 204 and 304 carry no body and keep their headers."""
    with Wire(server.port) as wire:
        wire.send(head(method, target))
        first = wire.take_head()
        assert first.startswith(b"HTTP/1.1 %d" % status)
        assert kept in first.lower()
        # A stray byte of a body would stand before the next status line.
        wire.send(head("GET", "/"))
        assert wire.take_head().startswith(b"HTTP/1.1 200")


def test_repeated_headers(server: RunningServer) -> None:
    """W3: Cookie fields are joined by "; "; Set-Cookie fields stay apart and in order."""
    with Wire(server.port) as wire:
        wire.send(head("GET", "/cookies", "Cookie: x=1", "Cookie: y=2"))
        answer = wire.answer()
    assert answer.body == b"x=1; y=2"
    assert answer.all("Set-Cookie") == ["a=1", "b=2; Path=/"]


@pytest.mark.parametrize(
    ("target", "path"),
    [("/caf%C3%A9", b"/caf\xc3\xa9"), ("/%FF", b"/\xff"), ("/a%2Fb", b"/a/b")],
    ids=["utf-8", "no utf-8", "slash"],
)
def test_paths(server: RunningServer, target: str, path: bytes) -> None:
    """W2: PATH_INFO holds the bytes of the path, and RAW_URI tells `%2F` from a slash."""
    environ = server.ask(target + "?q").json()
    assert environ["PATH_INFO"].encode("latin-1") == path
    assert environ["RAW_URI"] == target + "?q"
    assert environ["REQUEST_URI"] == target + "?q"


def test_keep_alive(server: RunningServer) -> None:
    """B1: requests on one connection are answered in turn, and none sees another's body."""
    with Wire(server.port) as wire:
        for size in (0, BLOCK, 2 * BLOCK, 0):
            wire.send(head("POST", "/hash", f"Content-Length: {size}"), *blocks(size))
            assert wire.answer("POST").body.decode() == f"{size} {digest(size)}"

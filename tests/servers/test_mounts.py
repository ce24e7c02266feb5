"""Flask, and an application that checks the gateway, two mounts deep in Starlette and FastAPI."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers.content import BLOCK, blocks, digest
from tests.servers.kinds import Kind
from tests.servers.running import RunningServer, running
from tests.servers.wire import LAST_CHUNK, Wire, chunked, head

FORM_TYPE = "application/x-www-form-urlencoded"
BOUNDARY = "simple"


def multipart(file: bytes) -> bytes:
    """A form with a field and a file, as a browser sends it."""
    return b"".join(
        [
            b'--simple\r\nContent-Disposition: form-data; name="note"\r\n\r\nkept\r\n',
            b'--simple\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n',
            b"Content-Type: application/octet-stream\r\n\r\n",
            file,
            b"\r\n--simple--\r\n",
        ]
    )


@pytest.fixture(scope="session")
def shared_server(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with the mounts, for all tests of this module."""
    with running(kind, "mounted:app", tmp_path_factory.mktemp(kind.name)) as server:
        yield server


@pytest.fixture(scope="module")
def file() -> bytes:
    """A file with every byte and a long line: peers lost most of one like this."""
    return b"".join(blocks(4 * BLOCK)) + b"\n" + b"x" * 58_000


def told(file: bytes) -> dict[str, Any]:
    """What Flask must tell of that file."""
    return {"name": "a.bin", "note": "kept", "size": len(file), "digest": hashlib.sha256(file).hexdigest()}


def test_form(server: RunningServer) -> None:
    """W4: Flask parses a posted form."""
    answer = server.ask("/outer/flask/form", "POST", b"a=1&b=%C3%A9&a=2", {"Content-Type": FORM_TYPE})
    assert answer.json() == {"a": ["1", "2"], "b": ["é"]}


def test_file(server: RunningServer, file: bytes) -> None:
    """W4: Flask parses a posted file, every byte of it."""
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    assert server.ask("/outer/flask/file", "POST", multipart(file), headers).json() == told(file)


def test_chunked_file(server: RunningServer, file: bytes) -> None:
    """W1, W4: the same in the chunked transfer coding, which Flask reads because `wsgi.input_terminated` is true."""
    body = multipart(file)
    with Wire(server.port) as wire:
        wire.send(
            head(
                "POST",
                "/outer/flask/file",
                f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
                "Transfer-Encoding: chunked",
            ),
            *(chunked(body[start : start + 10_007]) for start in range(0, len(body), 10_007)),
            LAST_CHUNK,
        )
        assert wire.answer().json() == told(file)


def test_place(server: RunningServer) -> None:
    """W2: both mounts stand in SCRIPT_NAME, and Flask's own links lead back."""
    assert server.ask("/outer/flask/where").json() == {
        "script_root": "/outer/flask",
        "path": "/where",
        "raw_uri": "/outer/flask/where",
        "url": "/outer/flask/where",
    }


@pytest.mark.parametrize(
    ("target", "path"),
    [("/caf%C3%A9", b"/caf\xc3\xa9"), ("/%FF", b"/\xff"), ("/a%2Fb", b"/a/b")],
    ids=["utf-8", "no utf-8", "slash"],
)
def test_mounted_paths(server: RunningServer, target: str, path: bytes) -> None:
    """W2: below two mounts PATH_INFO still holds the bytes of the rest of the path."""
    environ = server.ask(f"/outer/checked{target}").json()
    assert environ["SCRIPT_NAME"] == "/outer/checked"
    assert environ["PATH_INFO"].encode("latin-1") == path
    assert environ["RAW_URI"] == f"/outer/checked{target}"


@pytest.mark.parametrize("target", ["/", "/cookies", "/no-content"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_validator(server: RunningServer, method: str, target: str) -> None:
    """W1, W7, W10: `wsgiref.validate` finds nothing that PEP 3333 forbids to a server."""
    answer = server.ask(f"/outer/checked{target}", method)
    assert answer.status == (204 if target == "/no-content" else 200)
    assert "AssertionError" not in server.log()


def test_validated_body(server: RunningServer) -> None:
    """W4: the same for a request whose body is read."""
    answer = server.ask("/outer/checked/hash", "POST", b"".join(blocks(BLOCK)))
    assert answer.body.decode() == f"{BLOCK} {digest(BLOCK)}"
    assert "AssertionError" not in server.log()

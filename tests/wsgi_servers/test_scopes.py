"""The scope of a request, field by field, beside what uvicorn gives for the same bytes on a socket."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers.kinds import KINDS as ASGI_KINDS
from tests.servers.wire import Wire, head
from tests.wsgi_servers.kinds import ORIGINALS, Kind
from tests.wsgi_servers.scope_limits import NAMES, differences
from tests.wsgi_servers.serving import Served, serving

pytestmark = pytest.mark.parametrize("kind", ORIGINALS, ids=lambda kind: kind.name, indirect=True, scope="session")

FIELDS = [
    "type",
    "asgi",
    "http_version",
    "method",
    "scheme",
    "path",
    "raw_path",
    "query_string",
    "root_path",
    "headers",
    "client",
    "state",
]


@pytest.fixture(scope="session")
def uvicorn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same application on uvicorn, as it is."""
    kind = next(kind for kind in ASGI_KINDS if kind.name == "uvicorn-httptools-asyncio")
    with serving(kind, tmp_path_factory.mktemp("uvicorn"), "application:app") as served:
        yield served
        sys.stdout.write(served.server.log())


# Each is sent to both, with the port of neither in it. The path has to be none that the application knows.
REQUESTS: dict[str, bytes] = {
    "plain": head("GET", "/scope?a=1&b=%20+", "Connection: close"),
    "no query": head("GET", "/scope", "Connection: close"),
    "empty query": head("GET", "/scope?", "Connection: close"),
    "escaped query": head("GET", "/scope?q=%C3%A9&r=%FF", "Connection: close"),
    "escaped slash": head("GET", "/a%2Fb", "Connection: close"),
    "no UTF-8": head("GET", "/%FF", "Connection: close"),
    "UTF-8": head("GET", "/caf%C3%A9%20x", "Connection: close"),
    "lower-case escapes": head("GET", "/caf%c3%a9", "Connection: close"),
    "needless escapes": head("GET", "/%41%7E", "Connection: close"),
    "other characters": head("GET", "/a;b=c,d'(e)!@:&=+$", "Connection: close"),
    "double slash": head("GET", "/a//b", "Connection: close"),
    "leading slashes": head("GET", "//a/b", "Connection: close"),
    "dots": head("GET", "/a/./b/../c", "Connection: close"),
    "letter case": head("GET", "/scope", "X-CamelCase: Value", "ACCEPT: */*", "Connection: close"),
    "underscore": head("GET", "/scope", "X_Own: 1", "Connection: close"),
    "repeated header": head("GET", "/scope", "X-Own: 1", "X-Other: o", "X-Own: 2", "Connection: close"),
    "repeated cookie": head("GET", "/scope", "Cookie: a=1", "Cookie: b=2", "Connection: close"),
    "latin-1 header": head("GET", "/scope", "X-Own: \xe9", "Connection: close"),
    "empty header": head("GET", "/scope", "X-Own:", "Connection: close"),
    "content type": head("POST", "/scope", "Content-Type: x/y; z=1", "Content-Length: 0", "Connection: close"),
    "no body": head("POST", "/scope", "Connection: close"),
    "OPTIONS": head("OPTIONS", "/scope", "Connection: close"),
    "own method": head("PROPFIND", "/scope", "Connection: close"),
    "HTTP/1.0": b"GET /scope HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n",
    "no host": b"GET /scope HTTP/1.0\r\n\r\n",
    "other host": b"GET /scope HTTP/1.1\r\nHost: example.com:81\r\nConnection: close\r\n\r\n",
    "absolute form": b"GET http://127.0.0.1/scope?a=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
}


def scope(served: Served, request: bytes) -> dict[str, Any]:
    """What the application was given, or what it was not: the status of a refusal."""
    with Wire(served.port) as wire:
        wire.send(request)
        answer = wire.answer()
    if answer.status != 200:
        return {"type": f"refused with {answer.status}"}
    told: dict[Any, Any] = answer.json()
    told["headers"] = sorted(told["headers"])
    told["state"] = sorted(told["state"])
    # The port is the system's own choice.
    told["client"][1] = type(told["client"][1]).__name__
    told["asgi"].pop("spec_version")  # uvicorn's is its own version of the specification
    return {field: told.get(field) for field in FIELDS}


@pytest.mark.parametrize("case", REQUESTS)
def test_same_scope(served: Served, uvicorn: Served, kind: Kind, case: str) -> None:
    """A1: the scope is the one that uvicorn gives, but for the fields that the table excepts."""
    ours, theirs = scope(served, REQUESTS[case]), scope(uvicorn, REQUESTS[case])
    different = {field: (ours[field], theirs[field]) for field in ours if ours[field] != theirs[field]}
    assert set(different) == differences(kind, case), different


def test_server(served: Served, uvicorn: Served, kind: Kind) -> None:
    """A1: `server` has the port that was reached, and its address where the server tells that."""
    ours, theirs = (each.server.ask("/scope").json()["server"] for each in (served, uvicorn))
    assert (ours[1], theirs[1]) == (served.port, uvicorn.port)
    assert (ours[0] != theirs[0]) is (kind.family in NAMES)

"""What bridge answers itself on a WSGI server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from wsgiref.validate import validator

import pytest

from bridge.refusals import refuse_in_wsgi
from tests.harness import OMIT
from tests.harness.wsgi_environ import wsgi_environ

if TYPE_CHECKING:
    from collections.abc import Callable


def refused(method: str | None, status: int, **options: Any) -> tuple[str, dict[str, str], list[bytes]]:
    """What start_response was called with, and the answer."""
    started: list[tuple[str, dict[str, str]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        started.append((status, dict(headers)))
        assert len(headers) == len(started[0][1]), "no header is given twice"
        return lambda _chunk: None

    body = refuse_in_wsgi(start_response, method, status, "The server is not ready.", **options)
    [(line, headers)] = started
    return line, headers, body


@pytest.mark.parametrize(("status", "line"), [(500, "500 Internal Server Error"), (503, "503 Service Unavailable")])
@pytest.mark.parametrize("method", ["GET", "POST", None])
def test_a_refusal(method: str | None, status: int, line: str) -> None:
    """A10, B5: a short text with the status and the reason, whole and of a known length."""
    got, headers, body = refused(method, status)
    assert got == line
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert len(body) == 1
    assert headers["content-length"] == str(len(body[0]))
    assert body[0].decode() == f"{line}\n\nThe server is not ready.\n"
    assert "retry-after" not in headers


def test_when_to_try_again() -> None:
    """A10: a client of a server that is not ready is told when to try again (RFC 9110, 10.2.3)."""
    assert refused("GET", 503, retry_after=1)[1]["retry-after"] == "1"


def test_head() -> None:
    """A4: the answer to HEAD has the headers of the one to GET, and no body."""
    _, headers, body = refused("HEAD", 503)
    assert body == []
    assert headers == refused("GET", 503)[1]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_valid(method: str) -> None:
    """A10: wsgiref.validate has nothing to say against it."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        return refuse_in_wsgi(start_response, environ["REQUEST_METHOD"], 503, "The server is not ready.")

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        return lambda _chunk: None

    environ = wsgi_environ(method, CONTENT_LENGTH=OMIT)
    iterable: Any = validator(app)(environ, start_response)
    try:
        assert b"".join(iterable).startswith(b"503 " if method == "GET" else b"")
    finally:
        iterable.close()

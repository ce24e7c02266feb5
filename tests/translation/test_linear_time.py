"""CVE-2025-14550: 40,000 equal headers froze other adapters for 11 to 26 seconds."""

from __future__ import annotations

import time

import pytest

from bridge.errors import BadRequest
from bridge.translation.environ_keys import keys_of_environ
from bridge.translation.headers import (
    environ_fields,
    framing,
    headers_from_environ,
    response_headers_to_asgi,
    response_headers_to_wsgi,
)

VALUE = b"v" * 100


def translate(name: bytes, count: int) -> None:
    """Let a request with so many equal names go through everything that looks at its headers."""
    fields = [(name, VALUE)] * count
    environ = environ_fields(fields, underscores=True)
    framing(environ)
    headers_from_environ(environ, keys_of_environ(environ).header_keys)


def seconds(name: bytes, count: int) -> float:
    """The best of three, so that a busy machine does not count."""
    best = float("inf")
    for _ in range(3):
        started = time.thread_time()
        translate(name, count)
        best = min(best, time.thread_time() - started)
    return best


@pytest.mark.parametrize("name", [b"x", b"cookie", b"X-Mixed-Case", b"x_underscored", b"content-type", b"proxy", b""])
def test_equal_headers(name: bytes) -> None:
    """W3: the cost is linear in the number of headers: four times as many take no sixteen times as long."""
    few, many = seconds(name, 10_000), seconds(name, 40_000)
    assert many < 10 * few + 0.05, f"10,000: {few:.4f} s, 40,000: {many:.4f} s"


@pytest.mark.parametrize("underscores", [False, True])
def test_different_headers(underscores: bool) -> None:
    """W3: 40,000 names that no table holds take no second either."""
    fields = [(b"x-%d_%d" % (number, number), VALUE) for number in range(20_000)]
    fields += [(b"x-%d" % number, VALUE) for number in range(20_000)]
    started = time.thread_time()
    environ = environ_fields(fields, underscores=underscores)
    assert time.thread_time() - started < 3
    assert len(environ) == 40_000 if underscores else 20_000


def test_differing_lengths() -> None:
    """W3: 20,000 Content-Lengths that differ are refused in linear time."""
    fields = [(b"content-length", b"%0100d" % number) for number in range(20_000)]
    started = time.thread_time()
    with pytest.raises(BadRequest):
        environ_fields(fields)
    assert time.thread_time() - started < 0.5


def test_equal_response_headers() -> None:
    """W7: 40,000 response headers take no second in either direction, and all of them go out."""
    started = time.thread_time()
    raw, _, _ = response_headers_to_asgi([("X-Equal", "v" * 100)] * 40_000)
    native, _, _ = response_headers_to_wsgi(raw)
    assert time.thread_time() - started < 3
    assert len(native) == 40_000

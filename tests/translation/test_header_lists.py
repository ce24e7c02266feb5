"""The environ's keys as ASGI's list of headers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.translation import environ_keys
from bridge.translation.environ_keys import EnvironKeys, keys_of_environ
from bridge.translation.headers import headers_from_environ
from tests.translation.strategies import CGI_NAMES, cgi, names, visible


def headers_of(environ: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    """The headers of an environ, by what its keys tell."""
    return headers_from_environ(environ, keys_of_environ(environ).header_keys)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, []),
        ({"HTTP_HOST": "a"}, [(b"host", b"a")]),
        ({"HTTP_X_FORWARDED_FOR": "1, 2"}, [(b"x-forwarded-for", b"1, 2")]),
        ({"HTTP_X": ""}, [(b"x", b"")]),
        ({"HTTP_X": "\xe9\xff"}, [(b"x", b"\xe9\xff")]),
        ({"CONTENT_TYPE": "a/b", "CONTENT_LENGTH": "5"}, [(b"content-type", b"a/b"), (b"content-length", b"5")]),
        # RFC 3875, 4.1.2 and 4.1.3: empty is what a server sets where there is none
        ({"CONTENT_TYPE": "", "CONTENT_LENGTH": ""}, []),
        # Set by some servers beside the real ones; two Content-Lengths are a way to smuggle requests
        ({"HTTP_CONTENT_TYPE": "c/d", "CONTENT_TYPE": "a/b"}, [(b"content-type", b"a/b")]),
        ({"HTTP_CONTENT_LENGTH": "9"}, []),
        ({"HTTP_": "x"}, []),
        ({"HTTPS": "on", "HTTP": "x", "REMOTE_ADDR": "::1", "wsgi.version": (1, 0), "REQUEST_METHOD": "GET"}, []),
        ({"HTTP_X": "\u0141"}, [(b"x", b"?")]),
    ],
)
def test_keys_become_headers(environ: dict[str, Any], expected: list[tuple[bytes, bytes]]) -> None:
    """A1: headers are lower-case bytes; what is no header of the request does not become one."""
    assert headers_of(environ) == expected
    assert headers_of(environ) == expected, "the second time names come from a table"


def test_the_table_of_keys_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """B1: clients that invent sets of names fill a table of a fixed size, and keep no place from others."""
    known: dict[tuple[str, ...], EnvironKeys] = {}
    monkeypatch.setattr(environ_keys, "_known", known)
    for number in range(1000):
        assert headers_of({f"HTTP_X_{number}": "1"}) == [(f"x-{number}".encode(), b"1")]
        assert len(known) <= 256
    assert ("HTTP_X_999",) in known
    headers_of({"HTTP_" + "X" * 60_000: "1"})
    assert max(sum(map(len, keys)) for keys in known) < 5000


def test_one_key_about_tls_is_enough() -> None:
    """A1: an environ is looked through for TLS if its server has set any key about it, and not otherwise."""
    keys = ("HTTP_HOST", "SSL_CIPHER_USEKEYSIZE", "SSL_CLIENT_CERT_CHAIN_0", "HTTPS")
    assert not keys_of_environ(dict.fromkeys(keys, "")).has_tls
    for key in (
        "SSL_PROTOCOL",
        "SSL_CIPHER",
        "SSL_SERVER_CERT",
        "SSL_CLIENT_S_DN",
        "SSL_CLIENT_CERT",
        "SSL_CLIENT_VERIFY",
    ):
        assert keys_of_environ(dict.fromkeys([*keys, key], "")).has_tls


@given(st.dictionaries(names.filter(lambda name: name not in CGI_NAMES), visible))
def test_any_headers(fields: dict[str, str]) -> None:
    """A1: every header comes back, in the environ's order."""
    environ = {cgi(name): value for name, value in fields.items()}
    assert headers_of(environ) == [(name.encode("ascii"), value.encode("latin-1")) for name, value in fields.items()]

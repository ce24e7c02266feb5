"""Which environ key a request's field name becomes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.translation import headers
from bridge.translation.headers import environ_fields

TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""RFC 9110, 5.6.2."""


@pytest.fixture
def empty_table(monkeypatch: pytest.MonkeyPatch) -> dict[bytes, str]:
    """An empty table of remembered names, and a small bound."""
    fresh: dict[bytes, str] = {}
    monkeypatch.setattr(headers, "_CGI_KEYS", fresh)
    monkeypatch.setattr(headers, "_REMEMBERED", 8)
    return fresh


def cgi_key(name: bytes) -> str:
    """The key of a field with this name, "" if it is not passed on."""
    return "".join(environ_fields([(name, b"1")]))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (b"host", "HTTP_HOST"),
        (b"Host", "HTTP_HOST"),
        (b"HOST", "HTTP_HOST"),
        (b"x-forwarded-for", "HTTP_X_FORWARDED_FOR"),
        (b"X-Forwarded-For", "HTTP_X_FORWARDED_FOR"),
        (b"x--y", "HTTP_X__Y"),
        (b"-", "HTTP__"),
        (b"content-type", "CONTENT_TYPE"),
        (b"Content-Type", "CONTENT_TYPE"),
        (b"CONTENT-LENGTH", "CONTENT_LENGTH"),
        (b"content-types", "HTTP_CONTENT_TYPES"),
        (b"proxy", ""),
        (b"Proxy", ""),
        (b"pRoXy", ""),
        (b"proxy-authorization", "HTTP_PROXY_AUTHORIZATION"),
        (b"x-proxy", "HTTP_X_PROXY"),
        (b"x_real_user", ""),
        (b"x-real_user", ""),
        (b"_", ""),
        (b"", ""),
        (b":authority", ""),
        (b"x y", ""),
        (b"x\r\ny", ""),
        (b"x\0", ""),
        (b"caf\xe9", ""),
        (b"x=", ""),
        (b"!#$%&'*+.^`|~09", "HTTP_!#$%&'*+.^`|~09"),
    ],
)
def test_key_of_a_name(name: bytes, key: str) -> None:
    """W3: CGI's key for a name in any case; none for Proxy, for an underscore, and for what is no token."""
    assert cgi_key(name) == key
    assert cgi_key(name) == key, "the second time it comes from a table"


@given(st.binary(max_size=10))
def test_every_name_has_one_answer(name: bytes) -> None:
    """W3: RFC 3875, 4.1.18, for each token without an underscore; nothing for any other bytes."""
    key = cgi_key(name)
    is_passed_on = bool(name) and set(name) <= set(TOKEN) - set(b"_") and name.lower() != b"proxy"
    plain = name.decode("latin-1").upper().replace("-", "_") if is_passed_on else ""
    expected = plain if plain in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + plain if plain else ""
    assert key == expected == cgi_key(name.swapcase())


def test_the_table_is_bounded(empty_table: dict[bytes, str]) -> None:
    """B1: a client that invents names fills a table of a fixed size, and all names are still translated."""
    for number in range(100):
        assert cgi_key(b"x-%d" % number) == f"HTTP_X_{number}"
    assert 0 < len(empty_table) <= 8
    assert cgi_key(b"Content-Type") == "CONTENT_TYPE"
    assert cgi_key(b"Proxy") == ""


def test_a_full_table_begins_anew(empty_table: dict[bytes, str]) -> None:
    """B1: a client that invents names keeps no place from the names that come after."""
    for number in range(100):
        cgi_key(b"x-%d" % number)
    cgi_key(b"host")
    assert b"host" in empty_table


def test_long_names_are_not_remembered(empty_table: dict[bytes, str]) -> None:
    """B1: a client that invents names of 60,000 bytes does not leave them in memory for the life of the process."""
    name = b"x" * 60_000
    assert cgi_key(name) == "HTTP_" + "X" * 60_000
    assert not empty_table

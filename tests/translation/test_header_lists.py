"""The environ's keys as ASGI's list of headers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.translation import headers
from bridge.translation.headers import headers_from_environ
from tests.translation.strategies import CGI_NAMES, cgi, names, visible


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
    assert headers_from_environ(environ) == expected
    assert headers_from_environ(environ) == expected, "the second time names come from a table"


def test_the_table_of_layouts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """B1: clients that invent sets of names fill a table of a fixed size, and keep no place from others."""
    layouts: dict[tuple[str, ...], list[tuple[str, bytes]]] = {}
    monkeypatch.setattr(headers, "_LAYOUTS", layouts)
    for number in range(1000):
        assert headers_from_environ({f"HTTP_X_{number}": "1"}) == [(f"x-{number}".encode(), b"1")]
        assert len(layouts) <= 256
    assert ("HTTP_X_999",) in layouts
    headers_from_environ({"HTTP_" + "X" * 60_000: "1"})
    assert max(sum(map(len, keys)) for keys in layouts) < 5000


@given(st.dictionaries(names.filter(lambda name: name not in CGI_NAMES), visible))
def test_any_headers(fields: dict[str, str]) -> None:
    """A1: every header comes back, in the environ's order."""
    environ = {cgi(name): value for name, value in fields.items()}
    assert headers_from_environ(environ) == [
        (name.encode("ascii"), value.encode("latin-1")) for name, value in fields.items()
    ]

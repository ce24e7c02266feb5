"""An environ as a scope."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import BridgeError, ServerError
from bridge.translation.requests import scope_from_environ

ENVIRON: dict[str, Any] = {"REQUEST_METHOD": "GET", "wsgi.url_scheme": "http"}
"""What no environ can do without; SCRIPT_NAME, PATH_INFO and QUERY_STRING may be missing (PEP 3333)."""


def scope_of(**keys: Any) -> dict[str, Any]:
    """The scope of an environ with these keys."""
    return scope_from_environ(ENVIRON | {"PATH_INFO": "/"} | keys)


def test_smallest_environ() -> None:
    """A1: every HTTP key of the spec, with the right type."""
    assert scope_of() == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": None,
        "server": None,
        "extensions": {},
    }


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"REQUEST_METHOD": "post"}, {"method": "POST"}),
        ({"wsgi.url_scheme": "https"}, {"scheme": "https"}),
        ({"SERVER_PROTOCOL": "HTTP/1.0"}, {"http_version": "1.0"}),
        ({"SERVER_PROTOCOL": "HTTP/2"}, {"http_version": "2"}),
        ({"SERVER_PROTOCOL": "HTTP/2.0"}, {"http_version": "2"}),
        ({"SERVER_PROTOCOL": "HTTP/3"}, {"http_version": "3"}),
        ({"QUERY_STRING": "a=%20\xff"}, {"query_string": b"a=%20\xff"}),
        ({"REMOTE_ADDR": "::1", "REMOTE_PORT": "5000"}, {"client": ("::1", 5000)}),
        ({"REMOTE_ADDR": "::1"}, {"client": ("::1", 0)}),
        ({"REMOTE_ADDR": "::1", "REMOTE_PORT": "x"}, {"client": ("::1", 0)}),
        ({"REMOTE_ADDR": "", "REMOTE_PORT": "5000"}, {"client": None}),
        ({"SERVER_NAME": "a", "SERVER_PORT": "80"}, {"server": ("a", 80)}),
        ({"SERVER_NAME": "[::1]", "SERVER_PORT": "80"}, {"server": ("::1", 80)}),
        ({"SERVER_NAME": "/run/socket", "SERVER_PORT": ""}, {"server": ("/run/socket", None)}),
        ({"SERVER_NAME": "a", "SERVER_PORT": 80}, {"server": ("a", 80)}),
        ({"SERVER_NAME": "a", "SERVER_PORT": "\xb2"}, {"server": ("a", None)}),
        ({"SERVER_NAME": "a", "SERVER_PORT": "9" * 5000}, {"server": ("a", None)}),
        ({"SCRIPT_NAME": "/api", "PATH_INFO": "/x"}, {"root_path": "/api", "path": "/api/x", "raw_path": b"/api/x"}),
        ({"RAW_URI": "/%2F", "PATH_INFO": "//"}, {"path": "//", "raw_path": b"/%2F"}),
        ({"REQUEST_URI": "/%2F?q", "PATH_INFO": "//"}, {"path": "//", "raw_path": b"/%2F"}),
        ({"RAW_URI": "", "REQUEST_URI": "/%2F", "PATH_INFO": "//"}, {"raw_path": b"/%2F"}),
        ({"HTTP_HOST": "h", "CONTENT_LENGTH": "5"}, {"headers": [(b"host", b"h"), (b"content-length", b"5")]}),
    ],
)
def test_keys(keys: dict[str, Any], expected: dict[str, Any]) -> None:
    """A1: each key of the scope, from what servers really send."""
    scope = scope_of(**keys)
    assert {key: scope[key] for key in expected} == expected


def test_tls() -> None:
    """A1: the TLS extension from SSL_*."""
    tls = scope_of(SSL_PROTOCOL="TLSv1.3")["extensions"]["tls"]
    assert tls["tls_version"] == 0x0304
    assert tls["client_cert_chain"] == []


def test_scopes_share_nothing() -> None:
    """B1: an application may write into its scope; the next request does not see it."""
    first = scope_of()
    first["asgi"]["version"] = first["extensions"]["mine"] = "changed"
    first["headers"].append((b"x", b"1"))
    assert scope_of() == {**scope_of(), "headers": [], "extensions": {}}
    assert scope_of()["asgi"]["version"] == "3.0"


@pytest.mark.parametrize(
    "keys",
    [
        {"REQUEST_METHOD": None},
        {"PATH_INFO": None},
        {"PATH_INFO": b"/"},
        {"SCRIPT_NAME": 5},
        {"QUERY_STRING": None},
        {"QUERY_STRING": b""},
        {"SERVER_PROTOCOL": 5},
        {"HTTP_HOST": None},
        {"HTTP_HOST": b"h"},
        {"RAW_URI": b"/"},
    ],
)
def test_odd_environs(keys: dict[str, Any]) -> None:
    """B2: an environ with odd keys is the server's fault, and the error says so and names the request."""
    with pytest.raises(ServerError, match="the server gave an environ") as caught:
        scope_of(**keys)
    assert repr((ENVIRON | {"PATH_INFO": "/"} | keys)["PATH_INFO"]) in str(caught.value)


@pytest.mark.parametrize("missing", ["REQUEST_METHOD", "wsgi.url_scheme"])
def test_environs_without_a_required_key(missing: str) -> None:
    """B2: an environ without what PEP 3333 asks for is the server's fault."""
    with pytest.raises(ServerError, match=missing):
        scope_from_environ({key: value for key, value in ENVIRON.items() if key != missing})


text = st.text(max_size=10)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "SCRIPT_NAME",
                "PATH_INFO",
                "QUERY_STRING",
                "REQUEST_URI",
                "RAW_URI",
                "SERVER_NAME",
                "SERVER_PORT",
                "REMOTE_ADDR",
                "REMOTE_PORT",
                "SERVER_PROTOCOL",
                "CONTENT_LENGTH",
                "CONTENT_TYPE",
                "SSL_CLIENT_CERT",
                "SSL_CLIENT_VERIFY",
                "SSL_CIPHER",
                "HTTP_X",
                "HTTP_\u0141",
                "HTTP_PROXY",
            ]
        ),
        text,
    )
)
def test_any_text(keys: dict[str, str]) -> None:
    """A1: any text gives a scope with the right types or one of bridge's errors, nothing else."""
    try:
        scope = scope_from_environ(ENVIRON | keys)
    except BridgeError:
        return
    assert type(scope["path"]) is type(scope["root_path"]) is str
    assert type(scope["raw_path"]) is type(scope["query_string"]) is bytes
    assert all(type(name) is type(value) is bytes for name, value in scope["headers"])
    assert all(name == name.lower() for name, _ in scope["headers"])

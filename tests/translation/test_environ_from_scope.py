"""A scope as an environ."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bridge.translation.headers as header_names
from bridge.errors import BadRequest, ServerError
from bridge.translation.requests import (
    Templates,
    environ_from_scope,
    fields_from_scope,
    request_line,
    scope_from_environ,
)
from tests.translation.strategies import any_headers, any_scopes

SCOPE: dict[str, Any] = {"type": "http", "method": "GET", "path": "/"}
"""What no scope can do without (specs/www.rst, "HTTP Connection Scope")."""

REQUIRED = {
    # PEP 3333, "environ Variables"; the adapter adds what is its own: wsgi.input, wsgi.errors, wsgi.multithread
    "REQUEST_METHOD": str,
    "SCRIPT_NAME": str,
    "PATH_INFO": str,
    "QUERY_STRING": str,
    "SERVER_NAME": str,
    "SERVER_PORT": str,
    "SERVER_PROTOCOL": str,
    "wsgi.version": tuple,
    "wsgi.url_scheme": str,
    "wsgi.multiprocess": bool,
    "wsgi.run_once": bool,
    # RFC 3875, 4.1
    "GATEWAY_INTERFACE": str,
    "REMOTE_ADDR": str,
    "SERVER_SOFTWARE": str,
    # For applications of our time
    "REQUEST_URI": str,
    "RAW_URI": str,
    "wsgi.input_terminated": bool,
}


def environ_of(*headers: tuple[bytes, bytes], **keys: Any) -> dict[str, Any]:
    """The environ of a scope with these keys."""
    return environ_from_scope(SCOPE | keys, fields_from_scope(SCOPE, headers))


def test_smallest_scope() -> None:
    """W1: every key that PEP 3333 and CGI ask for is there, with optional scope keys missing."""
    environ = environ_of()
    assert type(environ) is dict
    assert {key: type(environ[key]) for key in REQUIRED} == REQUIRED
    assert environ["wsgi.version"] == (1, 0)
    assert (environ["wsgi.multiprocess"], environ["wsgi.run_once"]) == (True, False)
    assert environ["wsgi.input_terminated"] is True
    assert environ["GATEWAY_INTERFACE"] == "CGI/1.1"
    assert environ["SERVER_PORT"] == "80"
    assert not {"CONTENT_TYPE", "CONTENT_LENGTH", "HTTPS", "REMOTE_PORT", "SSL_CLIENT_VERIFY"} & environ.keys()


@pytest.mark.parametrize(
    "missing", ["scheme", "http_version", "raw_path", "root_path", "query_string", "client", "server", "extensions"]
)
def test_optional_keys_may_be_none(missing: str) -> None:
    """W1: an optional key that is None is as good as one that is missing."""
    assert environ_of(**{missing: None}) == environ_of()


@pytest.mark.parametrize(
    ("version", "protocol"),
    [("1.0", "HTTP/1.0"), ("1.1", "HTTP/1.1"), ("2", "HTTP/2"), ("3", "HTTP/3"), ("2.0", "HTTP/2.0"), ("", "HTTP/1.1")],
)
def test_protocol(version: str, protocol: str) -> None:
    """W1: SERVER_PROTOCOL for every version, HTTP/2 and /3 too."""
    assert environ_of(http_version=version)["SERVER_PROTOCOL"] == protocol


@pytest.mark.parametrize(
    ("scheme", "expected", "https", "port"),
    [
        ("http", "http", None, "80"),
        ("https", "https", "on", "443"),
        ("ws", "http", None, "80"),
        ("wss", "https", "on", "443"),
        ("", "http", None, "80"),
    ],
)
def test_scheme(scheme: str, expected: str, https: str | None, port: str) -> None:
    """W1: wsgi.url_scheme is http or https; HTTPS says so to those who look there."""
    environ = environ_of(scheme=scheme)
    assert (environ["wsgi.url_scheme"], environ.get("HTTPS"), environ["SERVER_PORT"]) == (expected, https, port)


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (None, ("", None)),
        (("10.0.0.1", 5000), ("10.0.0.1", "5000")),
        (["::1", 5000], ("::1", "5000")),
        (("10.0.0.1", 0), ("10.0.0.1", "0")),
        (("10.0.0.1", None), ("10.0.0.1", None)),
        (("", 0), ("", "0")),
        ((None, None), ("", None)),
        (iter(["::1", 1]), ("::1", "1")),
        (("fe80::1", 1, 0, 2), ("fe80::1", "1")),
    ],
)
def test_client(client: Any, expected: tuple[str, str | None]) -> None:
    """W1: REMOTE_ADDR and REMOTE_PORT from any iterable, IPv6's four items too; no key for an unknown port."""
    environ = environ_of(client=client)
    assert (environ["REMOTE_ADDR"], environ.get("REMOTE_PORT")) == expected


@pytest.mark.parametrize(
    ("server", "host", "expected"),
    [
        (("10.0.0.1", 8000), b"name", ("10.0.0.1", "8000")),
        (["::1", 8000], b"name", ("[::1]", "8000")),
        (("::1", 8000, 0, 0), None, ("[::1]", "8000")),
        (("[::1]", 8000), None, ("[::1]", "8000")),
        (iter(["a", 1]), None, ("a", "1")),
        # A unix socket: what the client called the server
        (("/run/socket", None), b"name:81", ("name", "81")),
        (("/run/socket", None), None, ("localhost", "80")),
        (None, b"name", ("name", "80")),
        (None, b"name:81", ("name", "81")),
        (None, b"[::1]:81", ("[::1]", "81")),
        (None, b"[::1]", ("[::1]", "80")),
        (None, b"", ("localhost", "80")),
        (None, b":81", ("localhost", "81")),
        (None, b"name:", ("name", "80")),
        (None, b"name:x", ("name", "80")),
        (None, b"name:-1", ("name", "80")),
        (("", 8000), b"name:81", ("name", "81")),
        ((None, None), b"name:81", ("name", "81")),
    ],
)
def test_server(server: Any, host: bytes | None, expected: tuple[str, str]) -> None:
    """W1: SERVER_NAME and SERVER_PORT are never empty, and text (RFC 3875, 4.1.14 and 4.1.15), on unix sockets too."""
    headers = [] if host is None else [(b"host", host)]
    environ = environ_of(*headers, server=server)
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == expected


@pytest.mark.parametrize("port", [b"\xb2", b"\xb9\xb9", b"9" * 5000, b"99999999999"])
def test_a_port_that_is_none(port: bytes) -> None:
    """W1: SERVER_PORT is a port, "digits" (RFC 3875, 4.1.15), whatever a client writes into Host: int() takes it."""
    assert environ_of((b"host", b"name:" + port), server=None)["SERVER_PORT"] == "80"


def test_request_uri() -> None:
    """W1: REQUEST_URI and RAW_URI are the target as the client sent it."""
    environ = environ_of(path="/a/b", raw_path=b"/a%2Fb", query_string=b"q=%20&\xff")
    assert environ["REQUEST_URI"] == environ["RAW_URI"] == "/a%2Fb?q=%20&\xff"
    assert environ["QUERY_STRING"] == "q=%20&\xff"
    assert environ["PATH_INFO"] == "/a/b"


def test_mount() -> None:
    """W2: mount= overrides the scope's root_path, an empty one too."""
    scope = SCOPE | {"path": "/a/b/c", "root_path": "/a"}
    found = [environ_from_scope(scope, {}, mount=mount) for mount in (None, "/a/b", "/a/b/", "")]
    assert [(environ["SCRIPT_NAME"], environ["PATH_INFO"]) for environ in found] == [
        ("/a", "/b/c"),
        ("/a/b", "/c"),
        ("/a/b", "/c"),
        ("", "/a/b/c"),
    ]


def test_tls() -> None:
    """W1: the SSL_* keys from the TLS extension."""
    environ = environ_of(scheme="https", extensions={"tls": {"tls_version": 0x0304, "cipher_suite": 0x1301}, "x": {}})
    assert environ["SSL_PROTOCOL"] == "TLSv1.3"
    assert environ["SSL_CIPHER"] == "TLS_AES_128_GCM_SHA256"


def test_environs_share_nothing() -> None:
    """B1: an application may write into its environ; the next request does not see it."""
    first = environ_of()
    first["wsgi.version"] = first["mine"] = "changed"
    assert environ_of() == {**environ_of(), "wsgi.version": (1, 0)}
    assert "mine" not in environ_of()


@pytest.mark.parametrize(
    "keys",
    [
        {"path": None},
        {"path": 5},
        {"path": b"/"},
        {"method": None},
        {"method": b"GET"},
        {"raw_path": "/text"},
        {"query_string": 5},
        {"root_path": b"/"},
        {"client": "x"},
        {"client": 5},
        {"client": ()},
        {"server": ("only",)},
        {"server": 5},
        {"http_version": ["1.1"]},
        {"extensions": ["tls"]},
        {"extensions": {"tls": 5}},
        {"extensions": {"tls": {"tls_version": []}}},
    ],
)
def test_odd_scopes(keys: dict[str, Any]) -> None:
    """B2: a scope with odd keys is the server's fault, and the error says so and names the request."""
    with pytest.raises(ServerError, match="the server gave a scope") as caught:
        environ_of(**keys)
    assert request_line(SCOPE | keys) in str(caught.value)


def test_query_as_text() -> None:
    """The law: a test client that gives the query as text, which applications take, is served."""
    assert environ_of(query_string="a=%C3%A9&b=\xe9")["QUERY_STRING"] == "a=%C3%A9&b=\xc3\xa9"


@pytest.mark.parametrize("missing", ["method", "path"])
def test_scopes_without_a_required_key(missing: str) -> None:
    """B2: a scope without method or path is the server's fault."""
    with pytest.raises(ServerError, match=missing):
        environ_from_scope({key: value for key, value in SCOPE.items() if key != missing}, {})


@pytest.mark.parametrize(
    "headers", [5, [5], [(b"x",)], [(b"x", b"1", b"2")], [("x", b"1")], [(b"x", "1")], [(b"x", None)]]
)
def test_odd_headers(headers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """B2: headers that are no pairs of bytes are the server's fault, also when no further name is remembered."""
    monkeypatch.setattr(header_names, "_CGI_KEYS", {})
    for _ in range(2):
        with pytest.raises(ServerError):
            fields_from_scope(SCOPE, headers)
        for number in range(2000):
            header_names.environ_fields([(b"x-%d" % number, b"1")])


def test_the_table_of_addresses_is_bounded() -> None:
    """B1: what requests share is remembered for a few addresses and known protocols, and is right for all others."""
    templates = Templates({"wsgi.multithread": True})
    table = templates.known

    def environ_of(**keys: Any) -> dict[str, Any]:
        return environ_from_scope(SCOPE | keys, {}, templates=templates)

    for port in range(1, 500):
        environ = environ_of(server=("localhost", port))
        assert environ["SERVER_PORT"] == str(port)
        assert environ["wsgi.multithread"]
        assert len(table) <= 64
    for odd in ({"scheme": "x" * 1000}, {"http_version": "1.7"}, {"server": ["localhost", 1]}, {"server": ("h", "1")}):
        before = set(table)
        environ_of(**odd)
        assert set(table) == before
    assert environ_of(server=("localhost", True))["SERVER_PORT"] == "80"
    assert environ_of(server=("localhost", 1))["SERVER_PORT"] == "1"


def test_lengths_that_differ() -> None:
    """W3: differing Content-Lengths are the client's fault, not the server's."""
    with pytest.raises(BadRequest):
        environ_of((b"content-length", b"5"), (b"content-length", b"6"))


@given(scope=any_scopes(), headers=any_headers, mount=st.sampled_from([None, "", "/m", "/"]), underscores=st.booleans())
def test_any_bytes(
    scope: dict[str, Any], headers: list[tuple[bytes, bytes]], mount: str | None, underscores: bool
) -> None:
    """W1, W2, W3: any bytes in path, query and headers give native strings or one of bridge's errors, nothing else."""
    try:
        environ = environ_from_scope(scope, fields_from_scope(scope, headers, underscores=underscores), mount=mount)
    except BadRequest:
        return
    for key, value in environ.items():
        assert type(key) is str
        if "." not in key:
            assert type(value) is str
            assert value.encode("latin-1") is not None
    assert {key: type(environ[key]) for key in REQUIRED} == REQUIRED
    assert "HTTP_PROXY" not in environ
    assert underscores or not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & environ.keys()
    assert environ["SERVER_NAME"]
    assert environ["SERVER_PORT"].isascii()
    assert environ["SERVER_PORT"].isdigit()
    # The way back knows every environ that comes out here.
    assert scope_from_environ(environ)["method"] == scope["method"].upper()

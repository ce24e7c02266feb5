"""W1: the environ."""

from __future__ import annotations

import pprint
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN, answering, environ_of, result_in_app
from tests.harness import OMIT, Exchange, fetch, http_scope, run

if TYPE_CHECKING:
    from collections.abc import Iterator

TLS = {
    "server_cert": "-----BEGIN CERTIFICATE-----\nserver\n-----END CERTIFICATE-----\n",
    "client_cert_chain": [
        "-----BEGIN CERTIFICATE-----\nclient\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nissuer\n-----END CERTIFICATE-----\n",
    ],
    "client_cert_name": "CN=somebody,O=somewhere",
    "client_cert_error": None,
    "tls_version": 0x0304,
    "cipher_suite": 0x1301,
}


def test_is_a_plain_dict_of_native_strings() -> None:
    """W1: environ is a plain dict of native strings."""
    environ = environ_of(path="/caf\xe9", headers=[(b"x-latin", b"\xe9")], scope={"query_string": b"q=\xff"})
    kind = result_in_app(type)
    assert kind is dict
    strings = {key: value for key, value in environ.items() if "." not in key}
    for key, value in strings.items():
        assert type(key) is str
        assert type(value) is str, key
        value.encode("latin-1")


def test_every_key_that_is_asked_for() -> None:
    """W1: every key that PEP 3333 and CGI ask for, with the values of the scope."""
    environ = environ_of(
        "POST",
        "/path",
        body=b"a=1",
        headers=[(b"content-type", b"text/x-form"), (b"accept", b"*/*")],
        scope={"query_string": b"x=1&y=%20", "root_path": "/mount", "state": {"a": 1}},
    )
    expected = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "/mount",
        "PATH_INFO": "/path",
        "QUERY_STRING": "x=1&y=%20",
        "CONTENT_TYPE": "text/x-form",
        "CONTENT_LENGTH": "3",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "54321",
        "HTTP_ACCEPT": "*/*",
        "HTTP_HOST": "testserver:8000",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    assert {key: environ.get(key) for key in expected} == expected
    assert {"wsgi.input", "wsgi.errors", "wsgi.multithread", "wsgi.multiprocess"} <= environ.keys()
    assert "HTTP_CONTENT_TYPE" not in environ
    assert "HTTP_CONTENT_LENGTH" not in environ
    assert "HTTPS" not in environ


def test_query_string_is_there_when_empty() -> None:
    """W1: QUERY_STRING is there even when it is empty; some libraries look at sys.argv without it."""
    assert environ_of()["QUERY_STRING"] == ""


@pytest.mark.parametrize("key", ["REQUEST_URI", "RAW_URI"])
@pytest.mark.parametrize(
    ("scope", "uri"),
    [
        ({"path": "/a/b c", "raw_path": b"/a%2Fb%20c"}, "/a%2Fb%20c"),
        ({"path": "/a", "raw_path": b"/a", "query_string": b"x=%2F"}, "/a?x=%2F"),
        ({"path": "/caf\xe9", "raw_path": OMIT}, "/caf%C3%A9"),
        ({"path": "/a b", "raw_path": None, "query_string": b"q"}, "/a%20b?q"),
    ],
)
def test_uri_as_the_client_sent_it(key: str, scope: dict[str, Any], uri: str) -> None:
    """W1: REQUEST_URI and RAW_URI show the path before decoding, so that an application can tell %2F from a slash."""
    assert environ_of(scope=scope)[key] == uri


def test_https() -> None:
    """W1: HTTPS is there for https, and only there."""
    environ = environ_of(scope={"scheme": "https"})
    assert environ["HTTPS"] == "on"
    assert environ["wsgi.url_scheme"] == "https"


def test_tls_extension() -> None:
    """W1: the SSL_* keys, as Apache names them, come from the TLS extension."""
    environ = environ_of(scope={"scheme": "https", "extensions": {"tls": TLS}})
    expected = {
        "HTTPS": "on",
        "SSL_PROTOCOL": "TLSv1.3",
        "SSL_SERVER_CERT": TLS["server_cert"],
        "SSL_CLIENT_CERT": TLS["client_cert_chain"][0],  # type: ignore[index]
        "SSL_CLIENT_S_DN": TLS["client_cert_name"],
        "SSL_CLIENT_VERIFY": "SUCCESS",
    }
    assert {key: environ.get(key) for key in expected} == expected


@pytest.mark.parametrize(
    "tls",
    [
        {"server_cert": None, "tls_version": None, "cipher_suite": None},
        {**TLS, "client_cert_chain": [], "client_cert_name": None},
        {**TLS, "client_cert_chain": iter(["one"])},
        {**TLS, "client_cert_error": "expired"},
        {**TLS, "client_cert_name": "CN=\u0142"},
        {**TLS, "tls_version": 0x7777, "cipher_suite": 0x7777},
        {},
        None,
    ],
)
def test_tls_extension_with_gaps(tls: dict[str, Any] | None) -> None:
    """W1: a TLS extension that knows little, or what nobody else knows, is served all the same."""
    environ = environ_of(scope={"scheme": "https", "extensions": {"tls": tls}})
    assert environ["HTTPS"] == "on"
    for key, value in environ.items():
        if key.startswith("SSL_"):
            assert type(value) is str
            value.encode("latin-1")


def test_failed_client_certificate() -> None:
    """W1: a client certificate that did not verify never looks like one that did."""
    environ = environ_of(scope={"scheme": "https", "extensions": {"tls": {**TLS, "client_cert_error": "expired"}}})
    assert environ["SSL_CLIENT_VERIFY"].startswith("FAILED")


def test_scope_and_state() -> None:
    """W1: asgi.scope and asgi.state give the application what the server and middleware put there."""
    user, pool = object(), object()

    def step(environ: dict[str, Any]) -> tuple[Any, ...]:
        scope, state = environ["asgi.scope"], environ["asgi.state"]
        return scope["user"], scope["type"], scope.get("missing"), "user" in scope, state["pool"], sorted(state)

    found = result_in_app(step, scope={"user": user, "state": {"pool": pool}})
    assert found == (user, "http", None, True, pool, ["pool"])


@pytest.mark.parametrize("show", [repr, str, pprint.pformat, lambda environ: f"{environ!s:}", ascii])
def test_opaque_reprs(show: Any) -> None:
    """W1: asgi.scope and asgi.state show no content when the environ is printed."""
    shown = result_in_app(
        show,
        headers=[(b"x-visible", b"visible")],
        scope={"session": {"token": "s3cret"}, "state": {"pool": "s3cret"}, "query_string": b"visible"},
    )
    assert "visible" in shown
    assert "asgi.scope" in shown
    assert "s3cret" not in shown


@pytest.mark.parametrize("key", ["asgi.scope", "asgi.state"])
def test_opaque_by_themselves(key: str) -> None:
    """W1: asgi.scope and asgi.state show no content when they are printed by themselves."""
    scope = {"session": "s3cret", "state": {"pool": "s3cret"}}
    assert "s3cret" not in result_in_app(lambda environ: f"{environ[key]!r} {environ[key]}", scope=scope)


OPTIONAL = ["client", "server", "root_path", "raw_path", "scheme", "state", "extensions"]


@pytest.mark.parametrize("value", [OMIT, None], ids=["missing", "None"])
@pytest.mark.parametrize("keys", [*[[key] for key in OPTIONAL], OPTIONAL], ids="+".join)
def test_optional_keys(keys: list[str], value: object) -> None:
    """W1: it works with every optional scope key missing or None."""
    environ = environ_of("POST", "/x", body=b"body", scope=dict.fromkeys(keys, value))
    assert environ["PATH_INFO"] == "/x"
    assert environ["SCRIPT_NAME"] == ""
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["SERVER_NAME"]
    assert environ["SERVER_PORT"].isdigit()
    assert environ.get("REMOTE_ADDR", "") in ("", "127.0.0.1")


@pytest.mark.parametrize("asgi", [{"version": "3.0"}, {}, OMIT, None])
def test_versions_of_asgi(asgi: object) -> None:
    """W1: asgi["spec_version"] is optional, and the versions do not matter to a WSGI application."""
    assert environ_of(scope={"asgi": asgi})["PATH_INFO"] == "/"


def test_missing_state() -> None:
    """W1: without a lifespan state, asgi.state is empty or, as PEP 3333 has it for variables, left out."""
    assert result_in_app(lambda environ: list(environ.get("asgi.state", ())), scope={"state": OMIT}) == []


@pytest.mark.parametrize("client", [None, ("", 0), ["", None], ("", None), OMIT])
@pytest.mark.parametrize("server", [("/run/app.sock", None), ["/run/app.sock", None], None])
def test_unix_socket(client: object, server: object) -> None:
    """W1: unix sockets have no port and no client address; SERVER_NAME and SERVER_PORT are never empty."""
    environ = environ_of(scope={"client": client, "server": server})
    assert environ["SERVER_NAME"]
    assert environ["SERVER_PORT"].isdigit()
    assert environ.get("REMOTE_ADDR", "") == ""
    assert environ.get("REMOTE_PORT", "") in ("", "0")


@pytest.mark.parametrize(("scheme", "port"), [("http", "80"), ("https", "443")])
def test_port_of_the_scheme(scheme: str, port: str) -> None:
    """W1: without a server and a Host the default port is the scheme's, so that a URL can be put together."""
    assert environ_of(scope={"scheme": scheme, "server": None, "headers": []})["SERVER_PORT"] == port


@pytest.mark.parametrize(
    ("version", "protocols"), [("1.0", {"HTTP/1.0"}), ("2", {"HTTP/2", "HTTP/2.0"}), ("3", {"HTTP/3", "HTTP/3.0"})]
)
def test_versions_of_http(version: str, protocols: set[str]) -> None:
    """W1: HTTP/1.0, HTTP/2 and HTTP/3."""
    headers = [(b"host", b"example.org"), (b"cookie", b"a=1"), (b"cookie", b"b=2")]
    environ = environ_of("POST", body=b"x", scope={"http_version": version, "headers": headers})
    assert environ["SERVER_PROTOCOL"] in protocols
    assert environ["HTTP_COOKIE"] == "a=1; b=2"


def generated(items: list[Any]) -> Iterator[Any]:
    """Iterate once."""
    yield from items


class Pair:
    """Two items that can only be iterated over."""

    def __init__(self, first: Any, second: Any) -> None:
        self._items = (first, second)

    @classmethod
    def of(cls, items: Any) -> Pair:
        """Make one of two items."""
        return cls(*items)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)


@pytest.mark.parametrize("pair", [list, tuple, Pair.of, iter], ids=["list", "tuple", "own", "once"])
@pytest.mark.parametrize("kind", [list, tuple, iter, Pair.of, generated])
def test_any_iterables(kind: Any, pair: Any) -> None:
    """W1: client, server and headers may be any iterables, of any two-item iterables."""
    headers = [pair([b"host", b"example.org"]), pair([b"x-a", b"1"])]
    scope = {"client": kind(["10.0.0.1", 1]), "server": kind(["10.0.0.2", 2])}
    environ = environ_of(scope={**scope, "headers": kind(headers)})
    assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("10.0.0.1", "1")
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("10.0.0.2", "2")
    assert (environ["HTTP_HOST"], environ["HTTP_X_A"]) == ("example.org", "1")


def test_addresses_of_ipv6() -> None:
    """W1: IPv6 addresses pass as they are."""
    assert environ_of(scope={"client": ("2001:db8::1", 5)})["REMOTE_ADDR"] == "2001:db8::1"


@pytest.mark.parametrize("server", [{"awaitable": True}, {"awaitable": True, "suspending": True}])
@pytest.mark.parametrize("body", [b"whole", [b"in ", b"pieces"]])
def test_receive_is_no_coroutine(server: dict[str, Any], body: Any) -> None:
    """W1: `receive` may return any awaitable; granian's is no coroutine."""
    read = result_in_app(lambda environ: environ["wsgi.input"].read(-1), "POST", body=body, server=server)
    assert read == b"".join([body] if isinstance(body, bytes) else body)


def test_application_may_change_it() -> None:
    """PEP 3333: the application is allowed to modify the environ in any way, and no other request sees that."""
    sizes: list[int] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        sizes.append(len(environ))
        body = environ["wsgi.input"].read(-1)
        environ.clear()
        environ["HTTP_HOST"] = None
        start_response("200 OK", list(PLAIN))
        return [body]

    adapter = adapt(app)
    assert fetch(adapter, "POST", body=b"1").body == b"1"
    assert fetch(adapter, "POST", body=b"2").body == b"2"
    assert sizes[0] == sizes[1]


def test_the_scope_is_not_changed() -> None:
    """ASGI: middleware outside keeps its scope as it was."""
    scope = http_scope(headers=[(b"X-Odd", b"1")], server=("h", 1))
    before = {key: list(value) if isinstance(value, list) else value for key, value in scope.items()}

    async def main() -> None:
        async with Exchange(adapt(answering(b"ok")), scope) as exchange:
            await exchange.finished.passed()

    run(main)
    assert scope == before


@pytest.mark.parametrize(
    ("scope", "url"),
    [
        ({}, "http://testserver:8000/app/a%20b"),
        ({"headers": []}, "http://127.0.0.1:8000/app/a%20b"),
        ({"headers": [], "server": ("example.org", 80)}, "http://example.org/app/a%20b"),
        ({"headers": [], "server": ("example.org", 443), "scheme": "https"}, "https://example.org/app/a%20b"),
        ({"query_string": b"x=%20"}, "http://testserver:8000/app/a%20b?x=%20"),
    ],
)
def test_url_reconstruction(scope: dict[str, Any], url: str) -> None:
    """PEP 3333: the URL can be put together again by its algorithm."""
    environ = environ_of(path="/app/a b", scope={"root_path": "/app", **scope})
    host = environ.get("HTTP_HOST")
    if not host:
        default = "443" if environ["wsgi.url_scheme"] == "https" else "80"
        host = environ["SERVER_NAME"] + ("" if environ["SERVER_PORT"] == default else ":" + environ["SERVER_PORT"])
    rebuilt = environ["wsgi.url_scheme"] + "://" + host + quote(environ["SCRIPT_NAME"]) + quote(environ["PATH_INFO"])
    rebuilt += "?" + environ["QUERY_STRING"] if environ["QUERY_STRING"] else ""
    assert rebuilt == url


@pytest.mark.parametrize(("threads", "multithread"), [(1, False), (2, True)])
def test_multithread(threads: int, multithread: bool) -> None:
    """PEP 3333: wsgi.multithread tells whether another thread may call the application at the same time."""
    assert bool(environ_of(options={"threads": threads})["wsgi.multithread"]) is multithread

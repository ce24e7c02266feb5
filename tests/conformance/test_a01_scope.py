"""A1: the scope."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.asgi_adapting import adapt
from tests.conformance.asgi_applications import answer, scope_of
from tests.harness import OMIT
from tests.harness.wsgi_call import Call, serve


def test_every_key() -> None:
    """A1: scope has every HTTP key of the current spec with the right type."""
    scope = scope_of("POST", "/x", headers=[("X-A", "1"), ("Content-Type", "a/b")], environ={"QUERY_STRING": "q=%20"})
    headers = scope.pop("headers")
    assert type(scope.pop("wsgi.environ")) is dict
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": scope["asgi"]["spec_version"]},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/x",
        "raw_path": b"/x",
        "query_string": b"q=%20",
        "root_path": "",
        "client": ("127.0.0.1", 54321),
        "server": ("127.0.0.1", 8000),
        "extensions": {},
    }
    assert sorted(headers) == [(b"content-type", b"a/b"), (b"host", b"testserver:8000"), (b"x-a", b"1")]


def test_spec_version() -> None:
    """A6: the scope claims spec_version 2.4 or later, where send() raises OSError once the client has gone."""
    major, minor = scope_of()["asgi"]["spec_version"].split(".")
    assert (int(major), int(minor)) >= (2, 4)


@pytest.mark.parametrize("target", ["RAW_URI", "REQUEST_URI"])
def test_raw_path(target: str) -> None:
    """A1: raw_path is what the client sent, from RAW_URI or REQUEST_URI, without the query."""
    scope = scope_of(path="/a/b%c", environ={target: "/a%2Fb%25c?x=/%2F", "QUERY_STRING": "x=/%2F"})
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/a/b%c", b"/a%2Fb%25c", b"x=/%2F")


def test_raw_path_of_an_absolute_target() -> None:
    """A1: the absolute form of a target is cut first."""
    scope = scope_of(path="/a/b", environ={"RAW_URI": "http://testserver:8000/a%2Fb?q"})
    assert scope["raw_path"] == b"/a%2Fb"


def test_stale_target() -> None:
    """A1: a target that the server's rewriting has left stale is not used; the path is quoted anew."""
    scope = scope_of(path="/new path", environ={"REQUEST_URI": "/old%20path"})
    assert (scope["path"], scope["raw_path"]) == ("/new path", b"/new%20path")


def test_root_path() -> None:
    """A1: root_path comes from SCRIPT_NAME, and path includes it."""
    scope = scope_of(path="/x y", environ={"SCRIPT_NAME": "/api", "REQUEST_URI": "/api/x%20y"})
    assert (scope["root_path"], scope["path"], scope["raw_path"]) == ("/api", "/api/x y", b"/api/x%20y")


@pytest.mark.parametrize(
    ("path_info", "path", "raw_path"),
    [
        ("/caf\xc3\xa9", "/café", b"/caf%C3%A9"),
        ("/\xff", "/\ufffd", b"/%FF"),
        ("", "", b""),
        ("/" + "a" * 5000, "/" + "a" * 5000, b"/" + b"a" * 5000),
    ],
)
def test_bytes_of_a_path(path_info: str, path: str, raw_path: bytes) -> None:
    """A1: path is text, raw_path bytes; a path that is no UTF-8 is served."""
    scope = scope_of(path=path_info, environ={"SCRIPT_NAME": ""} if path_info else {"SCRIPT_NAME": "/a"})
    prefix = "" if path_info else "/a"
    assert (scope["path"], scope["raw_path"]) == (prefix + path, prefix.encode() + raw_path)


@pytest.mark.parametrize(
    ("environ", "client", "server"),
    [
        ({"REMOTE_ADDR": OMIT, "REMOTE_PORT": OMIT}, None, ("127.0.0.1", 8000)),
        ({"REMOTE_ADDR": "", "REMOTE_PORT": OMIT}, None, ("127.0.0.1", 8000)),
        ({"REMOTE_PORT": OMIT}, ("127.0.0.1", 0), ("127.0.0.1", 8000)),
        ({"REMOTE_ADDR": "::1"}, ("::1", 54321), ("127.0.0.1", 8000)),
        ({"SERVER_NAME": ""}, ("127.0.0.1", 54321), None),
        ({"SERVER_NAME": "/run/x.sock", "SERVER_PORT": ""}, ("127.0.0.1", 54321), ("/run/x.sock", None)),
    ],
)
def test_client_and_server(environ: dict[str, Any], client: Any, server: Any) -> None:
    """A1: client and server are pairs, None where unknown."""
    scope = scope_of(environ=environ)
    assert (scope["client"], scope["server"]) == (client, server)


def test_headers() -> None:
    """A1: headers are pairs of bytes with names in lower case; the content's own two are among them."""
    headers = [("X-Forwarded-For", "a, b"), ("Cookie", "a=1; b=2"), ("X-Latin", "Andr\xe9"), ("Content-Type", "a/b")]
    found = dict(scope_of("POST", body=b"abc", headers=headers)["headers"])
    assert found == {
        b"host": b"testserver:8000",
        b"x-forwarded-for": b"a, b",
        b"cookie": b"a=1; b=2",
        b"x-latin": b"Andr\xe9",
        b"content-type": b"a/b",
        b"content-length": b"3",
    }


def test_empty_content_keys() -> None:
    """A1: CONTENT_TYPE and CONTENT_LENGTH that servers leave empty (wsgiref) are no headers."""
    headers = dict(scope_of(environ={"CONTENT_TYPE": "", "CONTENT_LENGTH": ""})["headers"])
    assert headers.keys() == {b"host"}


@pytest.mark.parametrize(
    ("protocol", "version"),
    [("HTTP/1.0", "1.0"), ("HTTP/1.1", "1.1"), ("HTTP/2", "2"), ("HTTP/2.0", "2"), ("HTTP/3", "3")],
)
def test_http_version(protocol: str, version: str) -> None:
    """A1: the version as the specification writes it."""
    assert scope_of(environ={"SERVER_PROTOCOL": protocol})["http_version"] == version


def test_tls() -> None:
    """A1: the TLS extension from SSL_*, and https."""
    environ = {
        "wsgi.url_scheme": "https",
        "HTTPS": "on",
        "SSL_PROTOCOL": "TLSv1.3",
        "SSL_CLIENT_S_DN": "CN=somebody",
    }
    scope = scope_of(environ=environ)
    assert scope["scheme"] == "https"
    assert scope["extensions"]["tls"]["tls_version"] == 0x0304
    assert scope["extensions"]["tls"]["client_cert_name"] == "CN=somebody"
    assert "tls" not in scope_of()["extensions"]


def test_environ_is_there() -> None:
    """A1: wsgi.environ for those who need it: the very one."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["wsgi.environ"])
        await answer(send)

    with Call(adapt(app), environ={"my.key": seen}) as call:
        pass
    assert seen[0] is call.environ
    assert seen[0]["my.key"] is seen


def test_every_request_has_its_own() -> None:
    """A1: what an application does to its scope is seen by no other request."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((dict(scope), dict(scope["extensions"]), list(scope["headers"]), dict(scope["asgi"])))
        scope["mine"] = 1
        scope["extensions"]["mine"] = 1
        scope["asgi"]["mine"] = 1
        scope["headers"].append((b"mine", b"1"))
        await answer(send)

    adapter = adapt(app)
    for _ in range(2):
        assert serve(adapter).body == b"ok"
    first, second = seen
    first[0].pop("wsgi.environ")
    second[0].pop("wsgi.environ")
    assert first[1:] == second[1:]
    assert first[0].keys() == second[0].keys()


def test_no_state_without_lifespan() -> None:
    """A10: with lifespan off there is no state."""
    assert "state" not in scope_of()


# What these servers put into the environ of GET /a%2Fb?q, beside what every server does, when they listen on a port.
SERVERS: dict[str, dict[str, Any]] = {
    "gunicorn": {"RAW_URI": "/a%2Fb?q", "gunicorn.socket": object(), "SERVER_SOFTWARE": "gunicorn/27"},
    "waitress": {"REQUEST_URI": "/a%2Fb?q", "waitress.client_disconnected": bool, "REMOTE_HOST": "127.0.0.1"},
    "werkzeug": {"RAW_URI": "/a%2Fb?q", "REQUEST_URI": "/a%2Fb?q", "werkzeug.socket": object(), "REMOTE_PORT": 54321},
    "cheroot": {"REQUEST_URI": "/a%2Fb?q", "ACTUAL_SERVER_PROTOCOL": "HTTP/1.1"},
    "uWSGI": {"REQUEST_URI": "/a%2Fb?q", "uwsgi.version": b"2.0", "uwsgi.node": b"x", "CONTENT_LENGTH": ""},
    "mod_wsgi": {"REQUEST_URI": "/a%2Fb?q", "mod_wsgi.version": (5, 0), "SCRIPT_FILENAME": "app.wsgi"},
    "wsgiref": {
        "REMOTE_HOST": "",
        "CONTENT_LENGTH": "",
        "CONTENT_TYPE": "text/plain",
        "LANG": "C",
        "REMOTE_PORT": OMIT,
    },
}


@pytest.mark.parametrize("server", SERVERS)
def test_what_servers_send(server: str) -> None:
    """A1: the scope is right with the environ of each server."""
    # The validator refuses werkzeug's REMOTE_PORT, an int.
    scope = scope_of(path="/a/b", environ={"QUERY_STRING": "q", **SERVERS[server]}, valid=server != "werkzeug")
    assert (scope["path"], scope["query_string"]) == ("/a/b", b"q")
    assert scope["raw_path"] == (b"/a/b" if server == "wsgiref" else b"/a%2Fb")
    assert scope["client"] == ("127.0.0.1", 0 if server == "wsgiref" else 54321)
    assert scope["server"] == ("127.0.0.1", 8000)

"""The law, for requests: what goes through both translations comes out as it was."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.translation.requests import environ_from_scope, fields_from_scope, scope_from_environ
from tests.translation.strategies import CGI_NAMES, environs, names, path_infos, script_names, visible


@given(environs())
def test_environ_there_and_back(environ: dict[str, Any]) -> None:
    """The law: a WSGI application sees the same environ through AsgiToWsgi(WsgiToAsgi(app)) as without them."""
    scope = scope_from_environ(environ)
    back = environ_from_scope(scope, fields_from_scope(scope, scope["headers"]))
    assert {key: back.get(key) for key in environ} == environ
    added = back.keys() - environ.keys()
    assert not [key for key in added if key.startswith(("HTTP_", "CONTENT_", "SSL_"))]


@given(environs())
def test_target_there_and_back(environ: dict[str, Any]) -> None:
    """The law: REQUEST_URI comes through where it tells of the same path; else it is quoted anew."""
    scope = scope_from_environ(environ)
    target = environ_from_scope(scope, fields_from_scope(scope, scope["headers"]))["RAW_URI"]
    again = scope_from_environ(environ | {"RAW_URI": target})
    assert again == scope
    assert environ_from_scope(again, fields_from_scope(again, again["headers"]))["REQUEST_URI"] == target


fields = st.lists(st.tuples(names.filter(lambda name: name not in CGI_NAMES), visible), max_size=5).map(
    lambda pairs: [(name.encode("ascii"), value.encode("latin-1")) for name, value in pairs]
)


@given(
    root_path=script_names,
    path_info=path_infos,
    query=st.binary(max_size=10),
    client=st.none() | st.tuples(st.sampled_from(["::1", "10.0.0.1"]), st.integers(0, 65535)),
    server=st.tuples(st.sampled_from(["::1", "10.0.0.1", "name"]), st.integers(0, 65535)),
    version=st.sampled_from(["1.0", "1.1", "2", "3"]),
    scheme=st.sampled_from(["http", "https"]),
    headers=fields,
)
def test_scope_there_and_back(
    root_path: str,
    path_info: str,
    query: bytes,
    client: tuple[str, int] | None,
    server: tuple[str, int],
    version: str,
    scheme: str,
    headers: list[tuple[bytes, bytes]],
) -> None:
    """The law: an ASGI application sees the same scope through WsgiToAsgi(AsgiToWsgi(app)), repeated headers joined."""
    scope = scope_from_environ(
        {"REQUEST_METHOD": "GET", "wsgi.url_scheme": scheme, "SCRIPT_NAME": root_path, "PATH_INFO": path_info}
    ) | {"query_string": query, "client": client, "server": server, "http_version": version, "headers": headers}
    back = scope_from_environ(environ_from_scope(scope, fields_from_scope(scope, headers)))
    joined: dict[bytes, bytes] = {}
    for name, value in headers:
        joined[name] = joined[name] + (b"; " if name == b"cookie" else b",") + value if name in joined else value
    assert back == {**scope, "headers": list(joined.items())}

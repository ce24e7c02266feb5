"""SCRIPT_NAME, PATH_INFO and RAW_URI as root_path, path and raw_path."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.translation.paths import environ_paths, quote_path, scope_paths
from tests.translation.strategies import path_infos, script_names

CAFE = "/caf\xc3\xa9"


@pytest.mark.parametrize(
    ("script_name", "path_info", "target", "expected"),
    [
        ("", "/", None, ("", "/", b"/")),
        ("", "/x", "", ("", "/x", b"/x")),
        ("/api", "/x", None, ("/api", "/api/x", b"/api/x")),
        ("/api", "", None, ("/api", "/api", b"/api")),
        ("", CAFE, None, ("", "/caf\xe9", b"/caf%C3%A9")),
        (CAFE, "/x", None, ("/caf\xe9", "/caf\xe9/x", b"/caf%C3%A9/x")),
        ("", "/\xff", None, ("", "/\ufffd", b"/%FF")),
        ("", "/a b%", None, ("", "/a b%", b"/a%20b%25")),
        # The target, where it tells of the same path
        ("", "/a/b", "/a%2Fb", ("", "/a/b", b"/a%2Fb")),
        ("", "/a/b", "/a%2Fb?c=%2F", ("", "/a/b", b"/a%2Fb")),
        ("/api", "/x", "/api/%78", ("/api", "/api/x", b"/api/%78")),
        ("", CAFE, "/caf\xc3\xa9", ("", "/caf\xe9", b"/caf\xc3\xa9")),
        ("", "/a", "http://host:80/%61?q", ("", "/a", b"/%61")),
        ("", "/", "http://host", ("", "/", b"/")),
        ("", "/", "http://host?q", ("", "/", b"/")),
        # Stale, behind a server that rewrites
        ("/api", "/x", "/x", ("/api", "/api/x", b"/api/x")),
        ("", "/new", "/old", ("", "/new", b"/new")),
        ("", "/new", "http://host/old", ("", "/new", b"/new")),
        ("", "/x", "*", ("", "/x", b"/x")),
    ],
)
def test_paths_of_a_scope(
    script_name: str, path_info: str, target: str | None, expected: tuple[str, str, bytes]
) -> None:
    """A1: path includes root_path; raw_path is the target where that unquotes to the path, else it is quoted anew."""
    assert scope_paths(script_name, path_info, target) == expected


@given(script_name=script_names, path_info=path_infos, target=st.none() | st.text(max_size=12))
def test_any_path(script_name: str, path_info: str, target: str | None) -> None:
    """A1: raw_path always unquotes to the path, and path begins with root_path."""
    root_path, path, raw_path = scope_paths(script_name, path_info, target)
    whole = (script_name + path_info).encode("latin-1")
    assert unquote_to_bytes(raw_path) == whole
    assert path == whole.decode("utf-8", "replace")
    assert path.startswith(root_path)


@given(script_name=script_names, path_info=path_infos, with_target=st.booleans())
def test_there_and_back(script_name: str, path_info: str, with_target: bool) -> None:
    """The law: SCRIPT_NAME and PATH_INFO come through both adapters unchanged, bytes that are no UTF-8 too."""
    target = quote_path(script_name + path_info).decode("ascii") if with_target else None
    root_path, path, raw_path = scope_paths(script_name, path_info, target)
    assert environ_paths(path, root_path, raw_path) == (script_name, path_info)


@given(st.text(max_size=10).map(lambda text: "/" + text), st.none() | st.binary(max_size=10))
def test_anything_in_a_target(path_info: str, target: bytes | None) -> None:
    """A1: strings that no server should send, beyond latin-1, are no error."""
    text = None if target is None else target.decode("latin-1") + "\u0141"
    _, path, raw_path = scope_paths("\u0142", path_info, text)
    assert isinstance(path, str)
    assert raw_path.isascii() or target is not None

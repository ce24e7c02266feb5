"""root_path, path and raw_path as SCRIPT_NAME, PATH_INFO and REQUEST_URI."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.translation.paths import cut_prefix, environ_paths, quote_path, request_target
from tests.translation.strategies import any_path, any_text

CAFE = "/caf\xc3\xa9"
"""/café in the coat of latin-1 that PEP 3333 gives to its UTF-8."""


@pytest.mark.parametrize(
    ("path", "root_path", "expected"),
    [
        ("/", "", ("", "/")),
        ("/a/b", "", ("", "/a/b")),
        ("//a", "", ("", "//a")),
        ("/a/", "", ("", "/a/")),
        ("/api/x", "/api", ("/api", "/x")),
        ("/api", "/api", ("/api", "")),
        ("/api/", "/api", ("/api", "/")),
        ("/x", "/api", ("/api", "/x")),
        ("/apiv2", "/api", ("/api", "/apiv2")),
        ("/api/apiv2", "/api", ("/api", "/apiv2")),
        ("/api/api", "/api", ("/api", "/api")),
        ("/api//x", "/api", ("/api", "//x")),
        ("/api/x", "/api/", ("/api", "/x")),
        ("/api/x", "/api//", ("/api", "/x")),
        ("/apiv2", "/api/", ("/api", "/apiv2")),
        ("/api/x", "api", ("/api", "/x")),
        ("/x", "/", ("", "/x")),
        ("/a/b/c", "/a/b", ("/a/b", "/c")),
        ("/a/bc", "/a/b", ("/a/b", "/a/bc")),
        ("/API/x", "/api", ("/api", "/API/x")),
        ("/caf\xe9/x", "/caf\xe9", (CAFE, "/x")),
        ("/x", "/caf\xe9", (CAFE, "/x")),
        ("/caf\xe9x", "/caf\xe9", (CAFE, CAFE + "x")),
        ("/\u20ac", "", ("", "/\xe2\x82\xac")),
        ("http://host/a", "", ("", "/a")),
        ("http://host", "", ("", "/")),
        ("http://host:80/api/x", "/api", ("/api", "/x")),
        ("a/b", "", ("", "/a/b")),
    ],
)
@pytest.mark.parametrize("has_raw_path", [False, True])
def test_cut_on_a_segment_boundary(path: str, root_path: str, expected: tuple[str, str], has_raw_path: bool) -> None:
    """W2: SCRIPT_NAME is root_path, PATH_INFO the rest of path, or all of it where root_path is no part of it."""
    raw_path = quote_path(path.encode().decode("latin-1")) if has_raw_path else None
    assert environ_paths(path, root_path, raw_path) == expected


@pytest.mark.parametrize(
    ("path", "root_path", "raw_path", "expected"),
    [
        ("/\ufffd", "", b"/%FF", ("", "/\xff")),
        ("/\ufffd", "", b"/%ff", ("", "/\xff")),
        ("/\ufffd", "", b"/\xff", ("", "/\xff")),
        ("/\udcff", "", b"/%FF", ("", "/\xff")),  # noqa: PT014  not the first one's letter
        ("/\ufffd", "", b"/%EF%BF%BD", ("", "/\xef\xbf\xbd")),
        ("/\ufffd", "", b"/%FF?q=%FE", ("", "/\xff")),
        ("/\ufffd%FE", "", b"/%FF%25FE", ("", "/\xff%FE")),
        ("/a/b\ufffd", "", b"/a%2Fb%FF", ("", "/a/b\xff")),
        # With, and without, the root path in either of the two
        ("/api/\ufffd", "/api", b"/api/%FF", ("/api", "/\xff")),
        ("/api/\ufffd", "/api", b"/%FF", ("/api", "/\xff")),
        ("/\ufffd", "/api", b"/api/%FF", ("/api", "/\xff")),
        ("/\ufffd", "/api", b"/%FF", ("/api", "/\xff")),
        ("/api/\ufffd", "/api/", b"/%FF", ("/api", "/\xff")),
        ("/caf\xe9/\ufffd", "/caf\xe9", b"/%FF", (CAFE, "/\xff")),
        ("/caf\xe9/\ufffd", "/caf\xe9", b"/caf%C3%A9/%FF", (CAFE, "/\xff")),
        # Stale: what middleware has made of path counts
        ("/new\xe9", "", b"/old", ("", "/new\xc3\xa9")),
        ("/new\xe9", "", b"/%FF", ("", "/new\xc3\xa9")),
        ("/new\xe9", "/api", b"/api/%FF", ("/api", "/new\xc3\xa9")),
        ("/caf\xe9", "", b"", ("", CAFE)),
        ("/caf\xe9", "", b"%", ("", CAFE)),
        ("/caf\xe9", "", b"/caf%E9", ("", CAFE)),
    ],
)
def test_bytes_of_raw_path(path: str, root_path: str, raw_path: bytes, expected: tuple[str, str]) -> None:
    """W2: raw_path gives PATH_INFO's bytes where it tells of the same path; what is no UTF-8 survives then."""
    assert environ_paths(path, root_path, raw_path) == expected


@pytest.mark.parametrize(
    ("path", "root_path", "raw_path"),
    [
        ("/\ufffd/x", "/\ufffd", b"/%FF/x"),
        ("/\ufffd/x", "/\ufffd/", b"/%FF/x"),
        ("/a/\ufffd/x", "/a/\ufffd", b"/a/%FF/x"),
        ("/\udcff/x", "/\udcff", b"/%FF/x"),  # noqa: PT014  not the first one's letter
    ],
)
def test_a_root_path_that_is_no_utf8(path: str, root_path: str, raw_path: bytes) -> None:
    """W2: root_path is cut off also where its bytes are no UTF-8: Starlette's Mount("/{name}") makes such ones."""
    script_name, path_info = environ_paths(path, root_path, raw_path)
    assert path_info == "/x"
    assert script_name


@pytest.mark.parametrize(
    ("path", "root_path", "app_root_path", "expected"),
    [
        # With the proxy's part in path, as uvicorn gives it
        ("/api/old/x", "/api/old", "/api", ("/api/old", "/x")),
        ("/api/old", "/api/old", "/api", ("/api/old", "")),
        ("/api/a/b/x", "/api/a/b", "/api", ("/api/a/b", "/x")),
        # Without it: a proxy took it off
        ("/old/x", "/api/old", "/api", ("/api/old", "/x")),
        ("/old", "/api/old", "/api", ("/api/old", "")),
        ("/older/x", "/api/old", "/api", ("/api/old", "/older/x")),
        # With a slash at its end
        ("/api/old/x", "/api//old", "/api/", ("/api/old", "/x")),
        ("/old/x", "/api//old", "/api/", ("/api/old", "/x")),
        # No part that was there before the mounts, or no mounts
        ("/old/x", "/old", "", ("/old", "/x")),
        ("/old/x", "/old", None, ("/old", "/x")),
        ("/api/x", "/api", "/api", ("/api", "/x")),
        ("/x", "/api", "/api", ("/api", "/x")),
        # Not what it says
        ("/old/x", "/old", "/api", ("/old", "/x")),
        ("/caf\xe9/old/x", "/caf\xe9/old", "/caf\xe9", (CAFE + "/old", "/x")),
        ("/old/\xe9", "/caf\xe9/old", "/caf\xe9", (CAFE + "/old", "/\xc3\xa9")),
    ],
)
def test_mounts_behind_a_proxy(path: str, root_path: str, app_root_path: str | None, expected: tuple[str, str]) -> None:
    """W2: right under Starlette's mounts behind a proxy, whether or not that takes the application's root path off."""
    assert environ_paths(path, root_path, None, app_root_path) == expected


def test_a_root_path_without_its_slash() -> None:
    """W2: a root path without its first slash is the same as with it, for raw_path too."""
    assert environ_paths("/api/\ufffd", "api", b"/%FF") == ("/api", "/\xff")
    assert environ_paths("/\ufffd", "api", b"/api/%FF") == ("/api", "/\xff")


def test_an_empty_path() -> None:
    """W1: SCRIPT_NAME and PATH_INFO are never both empty: an empty path is "/" (RFC 9110, 4.2.3)."""
    assert environ_paths("", "", None) == ("", "/")
    assert environ_paths("", "/api", None) == ("/api", "")


@given(path=any_path, root_path=any_path, raw_path=st.none() | st.binary(max_size=16))
def test_any_path(path: str, root_path: str, raw_path: bytes | None) -> None:
    """W2: nothing in a path is an error; both are latin-1, and begin with a slash or are empty (PEP 3333, RFC 3875)."""
    script_name, path_info = environ_paths(path, root_path, raw_path)
    for value in (script_name, path_info):
        assert value.encode("latin-1") is not None
        assert value[:1] in ("", "/")
    assert not script_name.endswith("/")
    assert (script_name == "") is (root_path.strip("/") == "" or not root_path.rstrip("/"))


@given(root=any_text, rest=any_text)
def test_cutting(root: str, rest: str) -> None:
    """W2: a prefix is cut where a segment ends, once, and nowhere else."""
    prefix = "/" + root
    assert cut_prefix(prefix + "/" + rest, prefix) == "/" + rest
    assert cut_prefix(prefix, prefix) == ""
    if rest and rest[0] != "/":
        assert cut_prefix(prefix + rest, prefix) == prefix + rest


@pytest.mark.parametrize(
    ("script_name", "path_info", "raw_path", "query", "expected"),
    [
        ("", "/", None, "", "/"),
        ("/api", "/x", None, "a=1", "/api/x?a=1"),
        ("/api", "", None, "", "/api"),
        ("", "/a b", None, "", "/a%20b"),
        ("", "/a%b?c#d", None, "", "/a%25b%3Fc%23d"),
        ("", CAFE, None, "", "/caf%C3%A9"),
        ("", "/\xff", None, "", "/%FF"),
        ("", "/!$&'()*+,;=:@-._~", None, "", "/!$&'()*+,;=:@-._~"),
        ("", "/a/b", b"/a%2Fb", "", "/a%2Fb"),
        ("", "/a/b", b"/a%2Fb", "q", "/a%2Fb?q"),
        ("", "/a/b", b"/a%2Fb?q", "q", "/a%2Fb?q"),
        ("", "/new", b"/old", "", "/old"),
        ("", "/x", b"", "", "/x"),
        ("", "/x", b"/\xff", "\xff", "/\xff?\xff"),
    ],
)
def test_request_target(script_name: str, path_info: str, raw_path: bytes | None, query: str, expected: str) -> None:
    """W1: REQUEST_URI is what the client asked for, before unquoting: applications need %2F."""
    assert request_target(script_name, path_info, raw_path, query) == expected

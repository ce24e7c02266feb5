"""W2: SCRIPT_NAME and PATH_INFO from root_path, path and raw_path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.adapting import get
from tests.conformance.applications import answering, environ_of
from tests.harness import OMIT

ESCAPED = chr(0xDCFF)  # what surrogateescape makes of the byte 0xFF
LONE = chr(0xD800)  # what no encoding makes of anything
QUOTED = OMIT
"""As the value of raw_path in a case: the path, quoted anew (what the harness does by itself)."""


def names(root_path: str, path: str, raw_path: object = QUOTED, **options: Any) -> tuple[str, str]:
    """Return SCRIPT_NAME and PATH_INFO for a scope."""
    scope: dict[str, Any] = {"root_path": root_path}
    if raw_path is not QUOTED:
        scope["raw_path"] = raw_path
    environ = environ_of(path=path, scope=scope, options=options)
    return environ["SCRIPT_NAME"], environ["PATH_INFO"]


@pytest.mark.parametrize(
    ("root_path", "path", "expected"),
    [
        ("", "/", ("", "/")),
        ("", "/a/b", ("", "/a/b")),
        ("", "/a/b/", ("", "/a/b/")),
        ("", "//a//b", ("", "//a//b")),
        ("", "/a;p=1", ("", "/a;p=1")),
        ("", "/a+b c", ("", "/a+b c")),
        ("", "/50%", ("", "/50%")),
        ("/api", "/api/x", ("/api", "/x")),
        ("/api", "/api", ("/api", "")),
        ("/api", "/api/", ("/api", "/")),
        ("/api", "/x", ("/api", "/x")),
        ("/api", "/", ("/api", "/")),
        ("/api", "/apiv2", ("/api", "/apiv2")),
        ("/api", "/apiv2/x", ("/api", "/apiv2/x")),
        ("/api", "/api/api/x", ("/api", "/api/x")),
        ("/api", "/api//x", ("/api", "//x")),
        ("/api/", "/api/x", ("/api", "/x")),
        ("/api/", "/api", ("/api", "")),
        ("/api/", "/x", ("/api", "/x")),
        ("/api/", "/apiv2", ("/api", "/apiv2")),
        ("/", "/x", ("", "/x")),
        ("/", "/", ("", "/")),
        ("/a/b", "/a/b/c", ("/a/b", "/c")),
        ("/a/b", "/a/bc", ("/a/b", "/a/bc")),
        ("/a/b", "/a", ("/a/b", "/a")),
        ("/caf\xe9", "/caf\xe9/\u0142", ("/caf\xc3\xa9", "/\xc5\x82")),
    ],
)
def test_cut_on_a_segment_boundary(root_path: str, path: str, expected: tuple[str, str]) -> None:
    """W2: path is cut by root_path on a segment boundary, whether or not the server put the root path into path."""
    assert names(root_path, path) == expected
    assert names(root_path, path, None) == expected


@pytest.mark.parametrize(
    ("root_path", "path", "raw_path", "expected"),
    [
        ("", "/caf\xe9", b"/caf%C3%A9", ("", "/caf\xc3\xa9")),
        ("", "/caf\xe9", b"/caf\xc3\xa9", ("", "/caf\xc3\xa9")),
        ("", "/a/b", b"/a%2Fb", ("", "/a/b")),
        ("", "/\ufffd", b"/%FF", ("", "/\xff")),
        ("", f"/{ESCAPED}", b"/%FF", ("", "/\xff")),
        ("", "/\ufffdx", b"/%ffx", ("", "/\xffx")),
        ("", "/50%", b"/50%", ("", "/50%")),
        ("", "/%zz%4", b"/%zz%4", ("", "/%zz%4")),
        ("", "/a%41", b"/a%2541", ("", "/a%41")),
        ("/api", "/api/\ufffd", b"/api/%FF", ("/api", "/\xff")),
        ("/api", "/api/\ufffd", b"/%FF", ("/api", "/\xff")),
        ("/api", "/\ufffd", b"/api/%FF", ("/api", "/\xff")),
        ("/api", "/\ufffd", b"/%FF", ("/api", "/\xff")),
        ("/api/", "/api/\ufffd", b"/api/%FF", ("/api", "/\xff")),
        ("/api", "/api/x", b"/api%2Fx", ("/api", "/x")),
        ("/caf\xe9", "/caf\xe9/\ufffd", b"/caf%C3%A9/%FF", ("/caf\xc3\xa9", "/\xff")),
    ],
)
def test_bytes_of_raw_path(root_path: str, path: str, raw_path: bytes, expected: tuple[str, str]) -> None:
    """W2: raw_path gives the bytes of PATH_INFO, with or without the root path; what is no UTF-8 survives."""
    assert names(root_path, path, raw_path) == expected


@pytest.mark.parametrize("raw_path", [b"/original", b"/rewritten/more", b"", b"/%FF", b"/rewritten?query"])
def test_rewritten_path(raw_path: bytes) -> None:
    """W2: raw_path is not used if it does not unquote to path; middleware may have rewritten path."""
    assert names("", "/rewritten", raw_path) == ("", "/rewritten")
    assert names("/api", "/api/rewritten", raw_path) == ("/api", "/rewritten")


@pytest.mark.parametrize(
    "path", ["*", "", "x", f"/{ESCAPED}", f"/{LONE}", "/\U0010ffff", "/\0", "/a\r\nb", "http://h/x", "/%"]
)
@pytest.mark.parametrize("raw_path", [None, b"", b"\xff", b"*", b"%", b"/%FF"])
@pytest.mark.parametrize("root_path", ["", "/", "api", "/\udcff", "//", "/api/"])
def test_nothing_in_a_path_is_a_500(path: str, raw_path: bytes | None, root_path: str) -> None:
    """W2: nothing in a path is a 500."""
    scope = {"raw_path": raw_path, "root_path": root_path}
    response = get(answering(b"ok"), "OPTIONS", path, scope=scope, valid=False)
    assert (response.error, response.status) in [(None, 200), (None, 400)]


@settings(max_examples=60, deadline=None)
@given(
    root=st.lists(st.text(min_size=1), max_size=2),
    rest=st.lists(st.text(), max_size=3),
    inside=st.booleans(),
    raw_path=st.none() | st.binary(max_size=12),
)
def test_any_path(root: list[str], rest: list[str], inside: bool, raw_path: bytes | None) -> None:
    """W2: SCRIPT_NAME is always the root path and PATH_INFO never empty of a leading slash, for any text."""
    root_path = "".join("/" + part.replace("/", "") for part in root if part.replace("/", ""))
    path = "".join("/" + part for part in rest) or "/"
    environ = environ_of(
        path=(root_path if inside else "") + path, scope={"root_path": root_path, "raw_path": raw_path}
    )
    assert environ["SCRIPT_NAME"] == root_path.encode("utf-8", "surrogatepass").decode("latin-1")
    assert environ["PATH_INFO"].startswith("/") or environ["PATH_INFO"] == ""
    if inside:
        assert environ["PATH_INFO"] == path.encode("utf-8", "surrogatepass").decode("latin-1")


@pytest.mark.parametrize(
    ("mount", "root_path", "path", "expected"),
    [
        ("/legacy", "", "/legacy/x", ("/legacy", "/x")),
        ("/legacy", "", "/legacy", ("/legacy", "")),
        ("/legacy", "", "/legacyx", ("/legacy", "/legacyx")),
        ("/legacy/", "", "/legacy/x", ("/legacy", "/x")),
        ("/legacy", "/ignored", "/legacy/x", ("/legacy", "/x")),
        ("", "/api", "/api/x", ("", "/api/x")),
        ("/", "/api", "/api/x", ("", "/api/x")),
    ],
)
def test_mount_overrides(mount: str, root_path: str, path: str, expected: tuple[str, str]) -> None:
    """W2: mount= overrides the scope's root_path."""
    assert names(root_path, path, mount=mount) == expected

"""Random requests: what servers give, and what no server should give."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

TOKEN_CHARACTERS = "!#$%&'*+-.^`|~0123456789abcdefghijklmnopqrstuvwxyz"
"""RFC 9110, 5.6.2, without the underscore and in lower case: what survives the way through CGI."""

names = st.text(TOKEN_CHARACTERS, min_size=1, max_size=12)

visible = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=20)
"""Latin-1 text without control characters: the value of a field, in the coat that PEP 3333 gives it."""

coated = st.binary(max_size=12).map(lambda raw: raw.decode("latin-1"))
"""Any bytes, in the coat of latin-1."""

segments = coated.map(lambda text: text.replace("/", ""))
utf8_segments = st.text(max_size=6).map(lambda text: text.replace("/", "").encode("utf-8", "replace").decode("latin-1"))

script_names = st.lists(utf8_segments.filter(bool), max_size=3).map(lambda parts: "".join("/" + part for part in parts))
path_infos = st.lists(segments, min_size=1, max_size=4).map(lambda parts: "".join("/" + part for part in parts))

ports = st.integers(1, 65535).map(str)
hosts = st.sampled_from(["127.0.0.1", "[::1]", "[fe80::1%eth0]", "testserver", "xn--bcher-kva.example"])

CGI_NAMES = ("proxy", "content-type", "content-length")
"""Fields that have no HTTP_* key, or none that is read back."""


def cgi(name: str) -> str:
    """The environ key of a field, by RFC 3875, 4.1.18."""
    return "HTTP_" + name.upper().replace("-", "_")


@st.composite
def environs(draw: st.DrawFn) -> dict[str, Any]:
    """An environ as a good WSGI server gives it."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": draw(st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "PROPFIND", "M-SEARCH"])),
        "SCRIPT_NAME": draw(script_names),
        "PATH_INFO": draw(path_infos),
        "QUERY_STRING": draw(coated),
        "SERVER_NAME": draw(hosts),
        "SERVER_PORT": draw(ports),
        "SERVER_PROTOCOL": draw(st.sampled_from(["HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/3"])),
        "REMOTE_ADDR": draw(st.sampled_from(["10.0.0.1", "::1", "unix"])),
        "REMOTE_PORT": draw(ports),
        "wsgi.url_scheme": draw(st.sampled_from(["http", "https"])),
    }
    for name, value in draw(st.dictionaries(names, visible, max_size=5)).items():
        if name not in CGI_NAMES:
            environ[cgi(name)] = value
    environ.update(draw(st.fixed_dictionaries({}, optional={"CONTENT_TYPE": visible.filter(bool)})))
    environ.update(draw(st.fixed_dictionaries({}, optional={"CONTENT_LENGTH": st.integers(0, 10**12).map(str)})))
    return environ


any_text = st.text(st.characters(), max_size=12)
"""Lone surrogates too."""

any_path = any_text | st.lists(any_text, max_size=3).map(lambda parts: "".join("/" + part for part in parts))

any_name = st.binary(max_size=12) | st.sampled_from(
    [b"host", b"Cookie", b"content-length", b"Content-Type", b"proxy", b"x_y", b"x-y", b"content_length", b"expect"]
)

any_headers = st.lists(st.tuples(any_name, st.binary(max_size=12)), max_size=6)


@st.composite
def any_scopes(draw: st.DrawFn) -> dict[str, Any]:
    """A scope with the types that ASGI asks for, and any content."""
    return {
        "type": "http",
        "method": draw(st.sampled_from(["GET", "get", "X"])),
        "scheme": draw(st.sampled_from(["http", "https", "ws", "wss", "", None])),
        "http_version": draw(st.sampled_from(["1.0", "1.1", "2", "3", "", None])),
        "path": draw(any_path),
        "raw_path": draw(
            st.none() | st.binary(max_size=16) | any_path.map(lambda path: path.encode("utf-8", "replace"))
        ),
        "root_path": draw(st.none() | any_path),
        "query_string": draw(st.none() | st.binary(max_size=12)),
        "client": draw(st.none() | st.tuples(st.just("::1"), st.integers(0, 65535))),
        "server": draw(
            st.none() | st.tuples(st.just("::1"), st.integers(0, 65535)) | st.tuples(st.just("/run/socket"), st.none())
        ),
    }

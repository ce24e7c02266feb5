"""A response's headers, checked, in both directions."""

from __future__ import annotations

import enum
import html
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import ApplicationError
from bridge.translation import headers
from bridge.translation.headers import HOP_BY_HOP, response_headers_to_asgi, response_headers_to_wsgi
from tests.translation.strategies import visible

RFC_2616_HOP_BY_HOP = [
    "Connection",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "TE",
    "Trailers",
    "Transfer-Encoding",
    "Upgrade",
]
"""13.5.1, where PEP 3333 ("Other HTTP Features") points to. It says Trailers, and means Trailer."""


class Kind(str, enum.Enum):  # noqa: UP042  the point is what this does other than StrEnum
    """A str that says something else when it is asked for its str()."""

    JSON = "application/json"
    CONTENT_TYPE = "content-type"


class Markup(str):
    """A str of a template engine."""

    __slots__ = ()

    def __str__(self) -> str:
        return html.escape(super().__str__())


@pytest.mark.parametrize(
    ("given", "raw"),
    [
        ([], []),
        ([("Content-Type", "text/plain")], [(b"content-type", b"text/plain")]),
        ([("X", "")], [(b"x", b"")]),
        ([("X", "  a b\t")], [(b"x", b"a b")]),
        ([("X", "a\tb")], [(b"x", b"a\tb")]),
        ([("X", "\xe9\x80\xff\xa0")], [(b"x", b"\xe9\x80\xff\xa0")]),
        (
            [("Set-Cookie", "a=1"), ("X", "1"), ("Set-Cookie", "b=2")],
            [(b"set-cookie", b"a=1"), (b"x", b"1"), (b"set-cookie", b"b=2")],
        ),
        ([("Date", "now"), ("Server", "mine")], [(b"date", b"now"), (b"server", b"mine")]),
        ([("X_Y", "1"), ("!#$%&'*+-.^_`|~", "2")], [(b"x_y", b"1"), (b"!#$%&'*+-.^_`|~", b"2")]),
    ],
)
def test_right_headers(given: list[tuple[str, str]], raw: list[tuple[bytes, bytes]]) -> None:
    """W7: every header goes out, in order, with a lower-case name and latin-1 value (PEP 3333, "Unicode Issues")."""
    assert response_headers_to_asgi(given) == (raw, (), None)
    assert response_headers_to_asgi(given) == (raw, (), None), "the second time names come from a table"


@pytest.mark.parametrize("name", RFC_2616_HOP_BY_HOP)
@pytest.mark.parametrize("spelled", [str, str.lower, str.upper])
def test_hop_by_hop_headers(name: str, spelled: Any) -> None:
    """W7, A4: an application must not set them (PEP 3333, "Other HTTP Features"); they are dropped and told."""
    spelling = spelled(name)
    assert response_headers_to_asgi([("X", "1"), (spelling, "a")]) == ([(b"x", b"1")], (spelling,), None)
    raw_name = spelling.encode("ascii")
    assert response_headers_to_wsgi([(b"x", b"1"), (raw_name, b"a")]) == ([("x", "1")], (spelling,), None)


def test_all_hop_by_hop_headers_are_known() -> None:
    """W7: the list is that of RFC 2616, 13.5.1, with Trailer's real name and what RFC 9110, 7.6.1 adds."""
    assert {name.lower() for name in RFC_2616_HOP_BY_HOP} | {"trailer", "proxy-connection"} == HOP_BY_HOP


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (None, "NoneType"),
        ((("X", "1"),), "tuple"),
        ({"X": "1"}, "dict"),
        (iter([("X", "1")]), "iterator"),
        ([["X", "1"]], "no tuple of two str"),
        ([("X",)], "no tuple of two str"),
        ([("X", "1", "2")], "no tuple of two str"),
        (["X1"], "no tuple of two str"),
        ([(b"X", "1")], "no tuple of two str"),
        ([("X", b"1")], "no tuple of two str"),
        ([("X", 1)], "no tuple of two str"),
        ([("X", None)], "no tuple of two str"),
        ([("", "1")], "no token"),
        ([("X Y", "1")], "no token"),
        ([("X:", "1")], "no token"),
        ([(":status", "1")], "no token"),
        ([("X\r\nEvil", "1")], "no token"),
        ([("X\n", "1")], "no token"),
        ([("X\0", "1")], "no token"),
        ([("\xe9", "1")], "no token"),
        ([("\u212aeep-Alive", "1")], "no token"),
        ([("X", "a\r\nEvil: b")], "control"),
        ([("X", "a\nb")], "control"),
        ([("X", "a\rb")], "control"),
        ([("X", "a\n")], "control"),
        ([("X", "\x00")], "control"),
        ([("X", "\x7f")], "control"),
        ([("X", "\x1b[31m")], "control"),
        ([("X", "\xe9\n")], "control"),
        ([("X", "\u0141")], "latin-1"),
        ([("X", "\ud800")], "latin-1"),
        ([("X", "\u2028")], "latin-1"),
        ([("Connection", "a\nb")], "control"),
        ([("Content-Length", "five")], "no number"),
        ([("Content-Length", "")], "no number"),
        ([("Content-Length", "-1")], "no number"),
        ([("Content-Length", "+1")], "no number"),
        ([("Content-Length", "1_0")], "no number"),
        ([("Content-Length", "1.0")], "no number"),
        ([("Content-Length", "\xb2")], "no number"),
        ([("Content-Length", "5, 5")], "no number"),
        ([("Content-Length", "9" * 5000)], "no number"),
        ([("Content-Length", "5"), ("content-length", "6")], "two Content-Lengths"),
    ],
)
def test_wrong_headers(given: Any, says: str) -> None:
    """W7: types, tokens, line breaks, NUL and latin-1 are checked (PEP 3333, "The start_response() Callable")."""
    with pytest.raises(ApplicationError, match="the application gave") as caught:
        response_headers_to_asgi(given)
    assert says in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__, "how it was found is not told"


@pytest.mark.parametrize(
    ("given", "raw", "declared"),
    [
        ([("Content-Length", "0")], [(b"content-length", b"0")], 0),
        ([("CONTENT-LENGTH", " 12 ")], [(b"content-length", b"12")], 12),
        ([("Content-Length", "5"), ("Content-Length", "5"), ("X", "1")], [(b"content-length", b"5"), (b"x", b"1")], 5),
    ],
)
def test_declared_length(given: list[tuple[str, str]], raw: list[tuple[bytes, bytes]], declared: int) -> None:
    """W9: the declared length is known, and goes out once."""
    assert response_headers_to_asgi(given) == (raw, (), declared)
    assert response_headers_to_wsgi(raw) == (
        [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw],
        (),
        declared,
    )


@pytest.mark.parametrize(
    ("name", "value", "sent"),
    [
        ("Content-Type", Kind.JSON, (b"content-type", b"application/json")),
        (Kind.CONTENT_TYPE, "a/b", (b"content-type", b"a/b")),
        ("X", Markup("a&b"), (b"x", b"a&b")),
    ],
)
def test_subclasses_of_str(name: str, value: str, sent: tuple[bytes, bytes]) -> None:
    """W7: a str of a subclass is sent as the text that it is, not as its str() prints (gunicorn and granian agree)."""
    assert response_headers_to_asgi([(name, value)])[0] == [sent]


@pytest.mark.parametrize(
    ("given", "native"),
    [
        ([], []),
        ((), []),
        (iter([[b"X-Y", b"1"]]), [("X-Y", "1")]),
        ([(b"x", b"\xe9")], [("x", "\xe9")]),
        ([(b"x", b" a\tb ")], [("x", "a\tb")]),
        (
            [(b"set-cookie", b"a"), (b"x", b"1"), (b"set-cookie", b"b")],
            [("set-cookie", "a"), ("x", "1"), ("set-cookie", "b")],
        ),
    ],
)
def test_right_headers_of_asgi(given: Any, native: list[tuple[str, str]]) -> None:
    """A4: native strings, all repeated headers in order."""
    assert response_headers_to_wsgi(given) == (native, (), None)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (None, "NoneType"),
        (5, "int"),
        ([5], "no pair"),
        ([(b"x",)], "no pair"),
        ([(b"x", b"1", b"2")], "no pair"),
        ([("x", b"1")], "no pair of bytes"),
        ([(b"x", "1")], "no pair of bytes"),
        ([(b"x", None)], "no pair of bytes"),
        ([b"xy"], "no pair of bytes"),
        ([(b"", b"1")], "no token"),
        ([(b":status", b"200")], "no token"),
        ([(b"x y", b"1")], "no token"),
        ([(b"x\r\n", b"1")], "no token"),
        ([(b"\xe9", b"1")], "no token"),
        ([(b"x", b"a\r\nb")], "control"),
        ([(b"x", b"a\nb")], "control"),
        ([(b"x", b"a\0b")], "control"),
        ([(b"x", b"a\x7f")], "control"),
        ([(b"content-length", b"five")], "no number"),
        ([(b"content-length", b"\xb2")], "no number"),
        ([(b"content-length", b"5"), (b"Content-Length", b"6")], "two Content-Lengths"),
    ],
)
def test_wrong_headers_of_asgi(given: Any, says: str) -> None:
    """A4: headers are checked; nothing that could end a line or forge a header gets out."""
    with pytest.raises(ApplicationError, match="the application gave") as caught:
        response_headers_to_wsgi(given)
    assert says in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__, "how it was found is not told"


any_pair = st.tuples(st.text(max_size=8), st.text(max_size=8)) | st.tuples(
    st.sampled_from(["Content-Length", "X", "connection"]), visible | st.text(max_size=4)
)


@given(st.lists(any_pair, max_size=5))
def test_any_headers(given: list[tuple[str, str]]) -> None:
    """W7: any text is refused or goes out without a line break, and comes back through the other direction."""
    try:
        raw, dropped, declared = response_headers_to_asgi(given)
    except ApplicationError:
        return
    assert len(raw) + len(dropped) <= len(given)
    for name, value in raw:
        assert name == name.lower()
        assert not {0, 10, 13} & set(name + value)
        assert value == value.strip(b" \t")
    native = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]
    assert response_headers_to_wsgi(raw) == (native, (), declared)


@given(st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=8)), max_size=5))
def test_any_bytes(given: list[tuple[bytes, bytes]]) -> None:
    """A4: any bytes are refused or become native strings without a line break."""
    try:
        native, _, _ = response_headers_to_wsgi(given)
    except ApplicationError:
        return
    for name, value in native:
        assert name
        assert not set("\0\r\n") & set(name + value)
        assert (name + value).encode("latin-1") is not None


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[Any, Any]]:
    """The tables of response headers, empty."""
    found: dict[str, dict[Any, Any]] = {"_RESPONSE_FIELDS": {}, "_NATIVE_FIELDS": {}}
    for name, table in found.items():
        monkeypatch.setattr(headers, name, table)
    return found


def test_the_tables_of_headers_are_bounded(tables: dict[str, dict[Any, Any]]) -> None:
    """B1: what an application answers fills tables of a fixed size, with short values only."""
    for number in range(3000):
        value = f"{number}"
        assert response_headers_to_asgi([("Content-Length", value)])[2] == number
        assert response_headers_to_wsgi([(b"content-length", value.encode())])[2] == number
        assert max(map(len, tables.values())) <= 1024
    before = [len(table) for table in tables.values()]
    assert response_headers_to_asgi([("Vary", "x" * 100)])[0] == [(b"vary", b"x" * 100)]
    assert response_headers_to_wsgi([(b"vary", b"x" * 100)])[0] == [("vary", "x" * 100)]
    assert [len(table) for table in tables.values()] == before


def test_no_cookie_is_remembered(tables: dict[str, dict[Any, Any]]) -> None:
    """B1: nor is any other value that is meant for one client: only fields that most answers share are kept."""
    pairs = [
        ("Content-Type", "text/plain"),
        ("Set-Cookie", "session=secret"),
        ("Location", "/secret"),
        ("X-Secret", "1"),
    ]
    response_headers_to_asgi(pairs)
    response_headers_to_wsgi([(name.lower().encode(), value.encode()) for name, value in pairs])
    assert [*tables["_RESPONSE_FIELDS"]] == [("Content-Type", "text/plain")]
    assert [*tables["_NATIVE_FIELDS"]] == [(b"content-type", b"text/plain")]


@pytest.mark.usefixtures("tables")
def test_what_is_equal_to_a_remembered_header() -> None:
    """W7, A4: a wrong type is refused also where an equal value of the right type was taken before."""
    right = b"content-type", b"text/plain"
    response_headers_to_wsgi([right])
    equal: list[Any] = [(memoryview(right[0]), right[1]), (right[0], memoryview(right[1]))]
    for wrong in equal:
        assert wrong == right
        with pytest.raises(ApplicationError, match="no pair of bytes"):
            response_headers_to_wsgi([wrong])
    response_headers_to_asgi([("Content-Type", "text/plain")])
    with pytest.raises(ApplicationError, match="no tuple of two str"):
        response_headers_to_asgi([["Content-Type", "text/plain"]])

"""Status lines and status codes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import ApplicationError
from bridge.translation.status import BODILESS, code_from_status, is_field_text, status_from_code


class Line(str):
    """A str of an application's own kind."""

    __slots__ = ()

    def __str__(self) -> str:
        return "500 Wrong"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("200 OK", 200),
        ("404 Not Found", 404),
        ("200 ok", 200),
        ("200", 200),
        ("200 ", 200),
        ("200  two spaces", 200),
        ("299 Mine", 299),
        ("999 Mine", 999),
        ("100 Continue", 100),
        ("200 caf\xe9", 200),
        ("200 a\tb", 200),
        (Line("201 Created"), 201),
    ],
)
def test_right_status(status: str, code: int) -> None:
    """W7: three digits and a phrase, which may be missing (RFC 9112, 4)."""
    assert code_from_status(status) == code


@pytest.mark.parametrize(
    "status",
    [
        "",
        "2",
        "20",
        "20 OK",
        "2000 OK",
        "200OK",
        "200\tOK",
        "200\n",
        "200-OK",
        " 200 OK",
        "OK",
        "OK 200",
        "099 Low",
        "000",
        "-20 OK",
        "+20 OK",
        "2.0 OK",
        "2_0 OK",
        "\xb2\xb2\xb2 OK",
        "\u0662\u0660\u0660 OK",
        "HTTP/1.1 200 OK",
        "200 OK\r\nEvil: 1",
        "200 OK\n",
        "200 a\rb",
        "200 a\0b",
        "200 a\x7fb",
        "200 \u0141",
        "200 \ud800",
        200,
        HTTPStatus.OK,
        b"200 OK",
        None,
        ("200", "OK"),
    ],
)
def test_wrong_status(status: Any) -> None:
    """W7: what is no status is refused: 'a string of the form "999 Message here"', no control characters (PEP 3333)."""
    with pytest.raises(ApplicationError, match="status"):
        code_from_status(status)


@pytest.mark.parametrize("status", HTTPStatus)
def test_registered_codes(status: HTTPStatus) -> None:
    """A4: a code gets its reason phrase, and comes back from the line."""
    line = status_from_code(status.value)
    assert line == f"{status.value} {status.phrase}"
    assert code_from_status(line) == status.value


def test_every_code() -> None:
    """A4: every code gets a reason phrase (PEP 3333 wants one), and comes back from the line."""
    for code in range(100, 1000):
        line = status_from_code(code)
        assert line[:4] == f"{code} "
        assert line[4:].strip()
        assert code_from_status(line) == code


def test_bodiless_codes() -> None:
    """W9, A4: 1xx, 204 and 304 carry no body, all others may (RFC 9110, 6.4.1)."""
    assert [code for code in range(100, 1000) if code in BODILESS] == [*range(100, 200), 204, 304]


@given(st.text(max_size=12) | st.text(max_size=8).map(lambda phrase: "200 " + phrase))
def test_any_text(status: str) -> None:
    """W7: any text is a status or an ApplicationError; a status has three digits and ends no line."""
    try:
        code = code_from_status(status)
    except ApplicationError:
        return
    assert 100 <= code <= 999
    assert status[:3] == str(code)
    assert not set("\0\r\n") & set(status)


@given(st.text(max_size=6))
def test_field_text(text: str) -> None:
    """W7: a field holds latin-1 without control characters but the tab (RFC 9110, 5.5)."""
    assert is_field_text(text) is all(
        ord(letter) < 256 and (ord(letter) >= 32 or letter == "\t") and letter != "\x7f" for letter in text
    )

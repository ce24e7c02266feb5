"""How long a request's body is said to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import BadRequest
from bridge.translation.headers import add_headers_to_environ, length_from_text, request_framing
from tests.translation.strategies import any_headers


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("0", 0),
        ("5", 5),
        ("007", 7),
        ("9" * 19, 10**19 - 1),
        ("9" * 20, None),
        ("9" * 100_000, None),
        ("", None),
        ("+5", None),
        ("-5", None),
        ("1_000", None),
        ("5.0", None),
        ("0x5", None),
        (" 5\t", 5),
        ("5 5", None),
        ("\xa05", None),
        ("5\n", None),
        ("\xb2", None),
        ("\u0665", None),
    ],
)
def test_a_length_is_digits(text: str, length: int | None) -> None:
    """W3: a Content-Length is digits and nothing that int() takes beyond them (RFC 9110, 8.6)."""
    assert length_from_text(text) == length


@pytest.mark.parametrize(
    ("fields", "framing"),
    [
        ([], (None, False)),
        ([(b"content-length", b"5")], (5, False)),
        ([(b"Content-Length", b"5"), (b"CONTENT-LENGTH", b"5")], (5, False)),
        ([(b"content-length", b"5, 5")], (5, False)),
        ([(b"content-length", b"five")], (None, False)),
        ([(b"content-length", b"-5")], (None, False)),
        ([(b"content-length", b"9" * 5000)], (None, False)),
        ([(b"content_length", b"5")], (None, False)),
        ([(b"expect", b"100-continue")], (None, True)),
        ([(b"Expect", b" 100-Continue "), (b"content-length", b"5")], (5, True)),
        ([(b"expect", b"200-ok")], (None, False)),
        ([(b"accept", b"100-continue")], (None, False)),
    ],
)
def test_framing_of_a_request(fields: list[tuple[bytes, bytes]], framing: tuple[int | None, bool]) -> None:
    """W3: the length is known if it is digits, however often it is said; 100-continue is known in any case (W4)."""
    assert request_framing(fields) == framing


@pytest.mark.parametrize("lengths", [[b"5", b"6"], [b"6, 5"], [b"5", b"five"], [b"5", b""]])
def test_lengths_that_differ(lengths: list[bytes]) -> None:
    """W3: differing Content-Lengths are refused before a byte of the body is received."""
    with pytest.raises(BadRequest):
        request_framing([(b"content-length", length) for length in lengths])


def is_refused_by_framing(fields: list[tuple[bytes, bytes]]) -> bool:
    """Whether these fields are refused for their lengths when the request is first looked at."""
    try:
        request_framing(fields)
    except BadRequest:
        return True
    return False


@given(
    fields=any_headers | st.lists(st.tuples(st.just(b"content-length"), st.sampled_from([b"5", b"5,5", b"6", b" 5"])))
)
def test_both_readers_agree(fields: list[tuple[bytes, bytes]]) -> None:
    """W3: what the adapter takes for the body's length is what the application finds in CONTENT_LENGTH."""
    environ: dict[str, str] = {}
    try:
        add_headers_to_environ(environ, fields)
    except BadRequest:
        assert is_refused_by_framing(fields)
        return
    declared, _ = request_framing(fields)
    assert declared == length_from_text(environ.get("CONTENT_LENGTH", ""))

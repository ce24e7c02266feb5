"""How long a request's body is said to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import BadRequest
from bridge.translation.headers import environ_fields, framing, length_from_text
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
    ("fields", "expected"),
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
        ([(b"expect", b"200-ok, 100-continue")], (None, True)),
        ([(b"expect", b"100-continue"), (b"expect", b"200-ok")], (None, True)),
        ([(b"accept", b"100-continue")], (None, False)),
    ],
)
def test_framing_of_a_request(fields: list[tuple[bytes, bytes]], expected: tuple[int | None, bool]) -> None:
    """W3: the length is known if it is digits, however often it is said; 100-continue is known in any case (W4)."""
    assert framing(environ_fields(fields)) == expected


@pytest.mark.parametrize("lengths", [[b"5", b"6"], [b"6, 5"], [b"5", b"five"], [b"5", b""]])
def test_lengths_that_differ(lengths: list[bytes]) -> None:
    """W3: differing Content-Lengths are refused before a byte of the body is received."""
    with pytest.raises(BadRequest):
        environ_fields([(b"content-length", length) for length in lengths])


def lengths_of(fields: list[tuple[bytes, bytes]]) -> list[bytes]:
    """All that these fields say of the body's length."""
    values = [value for name, value in fields if name.lower() == b"content-length"]
    return [part.strip(b" \t").lstrip(b"0") or b"0" for value in values for part in value.split(b",")]


@given(
    fields=any_headers | st.lists(st.tuples(st.just(b"content-length"), st.sampled_from([b"5", b"5,5", b"6", b" 5"])))
)
def test_one_length(fields: list[tuple[bytes, bytes]]) -> None:
    """W3: what the adapter takes for the body's length is what the application finds in CONTENT_LENGTH."""
    try:
        environ = environ_fields(fields)
    except BadRequest:
        values = b",".join(value for name, value in fields if name.lower() == b"content-length")
        assert len({part.strip(b" \t") for part in values.split(b",")}) > 1
        return
    declared, _ = framing(environ)
    assert declared == length_from_text(environ.get("CONTENT_LENGTH", ""))
    assert declared is None or all(value == b"%d" % declared for value in lengths_of(fields))

"""A request's header fields in the environ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import BadRequest
from bridge.translation.headers import environ_fields
from tests.translation.strategies import any_headers

if TYPE_CHECKING:
    from collections.abc import Sequence

Fields = list[tuple[bytes, bytes]]


def environ_of(fields: Sequence[tuple[bytes, bytes]], *, underscores: bool = False) -> dict[str, str]:
    """What these fields become."""
    return environ_fields(fields, underscores=underscores)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], {}),
        ([(b"host", b"a")], {"HTTP_HOST": "a"}),
        ([(b"x", b"")], {"HTTP_X": ""}),
        # RFC 9110, 5.3: in the order in which they came
        ([(b"x", b"1"), (b"x", b"2"), (b"x", b"3")], {"HTTP_X": "1,2,3"}),
        ([(b"x", b"1"), (b"y", b"2"), (b"X", b"3")], {"HTTP_X": "1,3", "HTTP_Y": "2"}),
        ([(b"x", b""), (b"x", b"")], {"HTTP_X": ","}),
        # RFC 6265, 5.4; RFC 9113, 8.2.3
        ([(b"cookie", b"a=1"), (b"Cookie", b"b=2")], {"HTTP_COOKIE": "a=1; b=2"}),
        ([(b"cookie", b"a=1,2")], {"HTTP_COOKIE": "a=1,2"}),
        # Latin-1 both ways (PEP 3333, "Unicode Issues")
        ([(b"x", bytes(range(128, 256)))], {"HTTP_X": bytes(range(128, 256)).decode("latin-1")}),
        ([(b"content-type", b"a/b")], {"CONTENT_TYPE": "a/b"}),
        ([(b"content-type", b"a/b"), (b"content-type", b"c/d")], {"CONTENT_TYPE": "a/b,c/d"}),
        ([(b"content-length", b"5")], {"CONTENT_LENGTH": "5"}),
        ([(b"content-length", b"5"), (b"Content-Length", b"5")], {"CONTENT_LENGTH": "5"}),
        ([(b"content-length", b"5, 5")], {"CONTENT_LENGTH": "5"}),
        ([(b"content-length", b"five")], {"CONTENT_LENGTH": "five"}),
        ([(b"content-length", b"")], {"CONTENT_LENGTH": ""}),
        ([(b"proxy", b"evil"), (b"x", b"1")], {"HTTP_X": "1"}),
        ([(b"x_y", b"client"), (b"x-y", b"proxy")], {"HTTP_X_Y": "proxy"}),
        ([(b"x-y", b"proxy"), (b"x_y", b"client")], {"HTTP_X_Y": "proxy"}),
        ([(b"content_length", b"9")], {}),
        ([(b"", b"x"), (b"a b", b"x"), (b":path", b"/")], {}),
    ],
)
def test_fields_become_keys(fields: Fields, expected: dict[str, str]) -> None:
    """W3: repeated fields are joined, Cookie by a semicolon; what could pass for another field is dropped."""
    assert environ_of(fields) == expected


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([(b"x_y", b"1")], {"HTTP_X_Y": "1"}),
        ([(b"X_Y", b"1")], {"HTTP_X_Y": "1"}),
        ([(b"x-y", b"proxy"), (b"x_y", b"client")], {"HTTP_X_Y": "proxy"}),
        ([(b"x-y", b"proxy"), (b"X_Y", b"client"), (b"x_y", b"client")], {"HTTP_X_Y": "proxy"}),
        ([(b"x_y-z", b"1"), (b"x-y-z", b"proxy")], {"HTTP_X_Y_Z": "proxy"}),
        ([(b"x_y", b"1"), (b"x_\xe9", b"2"), (b"x_ y", b"3"), (b"_\r\n", b"4")], {"HTTP_X_Y": "1"}),
        ([(b"content_length", b"9"), (b"content-length", b"5")], {"CONTENT_LENGTH": "5"}),
        ([(b"content_type", b"evil"), (b"content-type", b"a/b")], {"CONTENT_TYPE": "a/b"}),
        ([(b"proxy", b"evil")], {}),
    ],
)
def test_underscores_opted_in(fields: Fields, expected: dict[str, str], order: int) -> None:
    """W3: with underscores=True such a field is passed on, where no dashed one has the key, in any order."""
    assert environ_of(fields[::order], underscores=True) == expected


def test_underscored_fields_join_among_themselves() -> None:
    """W3: several fields of one underscored name are joined like any others."""
    fields = [(b"x_y", b"1"), (b"z_z", b"z"), (b"x_y", b"2"), (b"X_Y", b"3")]
    assert environ_of(fields, underscores=True) == {"HTTP_X_Y": "1,2,3", "HTTP_Z_Z": "z"}


@pytest.mark.parametrize(
    "lengths",
    [[b"5", b"6"], [b"5", b"5", b"6"], [b"5, 6"], [b"5,5", b"6"], [b"5", b"05"], [b"5", b""], [b"5", b"five"]],
)
def test_lengths_that_differ(lengths: list[bytes]) -> None:
    """W3: differing Content-Lengths are refused (RFC 9110, 8.6), with 400."""
    with pytest.raises(BadRequest, match="Content-Length") as caught:
        environ_of([(b"content-length", length) for length in lengths])
    assert caught.value.status == 400


@given(fields=any_headers, underscores=st.booleans())
def test_any_fields(fields: Fields, underscores: bool) -> None:
    """W3: any bytes give keys of CGI with native strings, or BadRequest for Content-Length and nothing else."""
    try:
        environ = environ_of(fields, underscores=underscores)
    except BadRequest:
        assert len({value for name, value in fields if name.lower() == b"content-length"}) > 1 or any(
            b"," in value for name, value in fields if name.lower() == b"content-length"
        )
        return
    assert "HTTP_PROXY" not in environ
    for key, value in environ.items():
        assert key in ("CONTENT_TYPE", "CONTENT_LENGTH") or key.startswith("HTTP_")
        assert type(value) is str
        assert value.encode("latin-1") is not None
    dashed = {name.lower() for name, _ in fields if b"_" not in name}
    for name, _ in fields:
        if b"_" in name and name.lower().replace(b"_", b"-") in dashed - {b"content-type", b"content-length"}:
            own = [given for other, given in fields if other.lower() == name.lower().replace(b"_", b"-")]
            key = "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
            assert environ.get(key, "") == ("; " if key == "HTTP_COOKIE" else ",").join(
                field.decode("latin-1") for field in own
            ), f"{name!r} was merged"

"""W9: whole bodies, declared lengths, and answers without a body."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.errors import ApplicationError
from tests.conformance.adapting import get
from tests.conformance.applications import PLAIN, Chunks, answering, endless, streaming

NAMES = [(b"content-type", b"text/plain")]


def lengthy(length: int) -> list[tuple[str, str]]:
    """Return headers that declare a length."""
    return [*PLAIN, ("Content-Length", str(length))]


@pytest.mark.parametrize("kind", [list, tuple])
@pytest.mark.parametrize("chunks", [[b"all"], [b"a", b"l", b"l"], [b"", b"all", b""], [b"a" * 1000] * 60])
def test_whole_body_is_one_message(kind: Any, chunks: list[bytes]) -> None:
    """W9: a body known whole (list or tuple) is one message."""
    response = get(streaming(lambda: kind(chunks)), valid=False)
    assert response.types == ["start", "body"]
    assert response.body == b"".join(chunks)
    assert response.complete


def test_large_whole_body() -> None:
    """W9: a list beyond the limit of one message (write_buffer) is not joined into one huge copy."""
    chunks = [b"x" * 60_000] * 20
    response = get(streaming(lambda: list(chunks)), valid=False, options={"write_buffer": 65_536})
    assert response.body == b"".join(chunks)
    assert max(map(len, response.chunks)) <= 120_000


@pytest.mark.parametrize("chunks", [[], [b"x"], [b"x", b"y"]])
@pytest.mark.parametrize("kind", [list, iter])
@pytest.mark.parametrize("headers", [[], PLAIN, [*PLAIN, ("X-A", "b")]])
def test_no_header_is_added(chunks: list[bytes], kind: Any, headers: list[tuple[str, str]]) -> None:
    """W9: the adapter adds no header that the application did not give."""
    response = get(streaming(lambda: kind(chunks), headers), valid=False)
    assert response.headers == [(name.lower().encode(), value.encode()) for name, value in headers]


@pytest.mark.parametrize("kind", [list, tuple, iter])
@pytest.mark.parametrize(
    "chunks", [[b"abcdef"], [b"abc", b"def"], [b"ab", b"cd", b"ef"], [b"a", b"", b"bc", b"", b"d"]]
)
def test_more_than_declared(kind: Any, chunks: list[bytes]) -> None:
    """W9: more bytes than declared are not sent; what was declared is a complete response."""
    response = get(streaming(lambda: kind(chunks), lengthy(3)))
    assert (response.body, response.complete) == (b"abc", True)


def test_iteration_stops_when_the_length_is_reached() -> None:
    """PEP 3333: iteration stops when enough has been sent, at the latest with the first chunk that is too much."""
    chunks = Chunks(endless(b"12345"))
    response = get(streaming(lambda: chunks, lengthy(12)))
    assert (response.body, response.complete) == (b"123451234512", True)
    # Asking once more lets the code behind an application's last chunk run
    assert chunks.taken in {3, 4}
    assert chunks.closed == 1


def test_write_beyond_the_length() -> None:
    """PEP 3333: write() past the declared length sends no more of it."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        write = start_response("200 OK", lengthy(3))
        write(b"ab")
        try:
            write(b"cdef")
            write(b"gh")
        except ApplicationError:
            pass
        return []

    response = get(app)
    assert b"abc".startswith(response.body)
    assert not response.complete or response.body == b"abc"


@pytest.mark.parametrize("kind", [list, tuple, iter])
@pytest.mark.parametrize("chunks", [[], [b""], [b"a"], [b"a", b"b"]])
def test_fewer_than_declared(kind: Any, chunks: list[bytes]) -> None:
    """W9: fewer bytes than declared never look like a complete response, and are the application's error."""
    response = get(streaming(lambda: kind(chunks), lengthy(3)))
    assert not response.complete
    assert isinstance(response.error, ApplicationError)


def test_fewer_written_than_declared() -> None:
    """W9: the same for write()."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", lengthy(3))(b"a")
        return []

    response = get(app)
    assert not response.complete
    assert isinstance(response.error, ApplicationError)


@pytest.mark.parametrize(("second", "complete"), [("3", True), ("4", False)])
def test_two_lengths(second: str, complete: bool) -> None:
    """W9: two equal lengths are one; of two different ones neither is believed."""
    response = get(answering(b"abc", headers=[*lengthy(3), ("content-length", second)]))
    assert response.complete is complete
    if complete:
        assert response.header(b"content-length") == b"3"
    else:
        assert isinstance(response.error, ApplicationError)
        assert response.messages == []


@pytest.mark.parametrize("length", ["abc", "-1", "+3", "3, 3", "", "3.0", "\xb2"])
def test_no_length(length: str) -> None:
    """W9: a length that is no number is the application's error; it would be for the server to stumble over."""
    response = get(answering(b"abc", headers=[*PLAIN, ("Content-Length", length)]))
    assert isinstance(response.error, ApplicationError)
    assert response.messages == []


def test_length_zero() -> None:
    """W9: a declared length of zero is a complete response without a body."""
    response = get(answering(headers=lengthy(0)))
    assert (response.body, response.complete, response.header(b"content-length")) == (b"", True, b"0")
    response = get(answering(b"too much", headers=lengthy(0)))
    assert (response.body, response.complete) == (b"", True)


@pytest.mark.parametrize("kind", [list, tuple, iter])
@pytest.mark.parametrize("chunks", [[b"body"], [b"", b"bo", b"dy"], []])
@pytest.mark.parametrize("length", [[], [("Content-Length", "4")]])
def test_head(kind: Any, chunks: list[bytes], length: list[tuple[str, str]]) -> None:
    """W9: the answer to HEAD carries no body and keeps its headers."""
    response = get(streaming(lambda: kind(chunks), [*PLAIN, *length]), "HEAD")
    assert (response.status, response.body, response.complete, response.error) == (200, b"", True, None)
    assert response.headers == [*NAMES, *((b"content-length", b"4") for _ in length)]


@pytest.mark.parametrize("status", ["100 Continue", "199 Own", "204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("kind", [list, iter])
@pytest.mark.parametrize("chunks", [[b"body"], []])
def test_statuses_without_a_body(status: str, kind: Any, chunks: list[bytes]) -> None:
    """W9: 1xx, 204 and 304 carry no body and keep their headers."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response(status, [("ETag", '"x"'), ("Content-Length", "4")])
        return kind(chunks)

    response = get(app, valid=False)
    assert (response.status, response.body, response.error) == (int(status[:3]), b"", None)
    assert response.complete
    assert response.header(b"etag") == b'"x"'


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "304 Not Modified"), ("GET", "204 No Content")]
)
def test_iteration_stops_without_a_body(method: str, status: str) -> None:
    """W9: iteration stops at the first non-empty chunk where no body is wanted, and close() runs."""
    chunks = Chunks([b"", b"first", b"second"])

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response(status, [])
        return chunks

    response = get(app, method, valid=False)
    assert response.complete
    assert (chunks.taken, chunks.closed) == (2, 1)


def test_head_written() -> None:
    """W9: what is written in answer to HEAD is not sent."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", list(PLAIN))(b"body")
        return [b"more"]

    response = get(app, "HEAD")
    assert (response.status, response.body, response.complete, response.error) == (200, b"", True, None)

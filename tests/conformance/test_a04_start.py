"""A4: status and headers as the server gets them. Native strings and single calls the harness checks always."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.conformance.asgi_adapting import adapt, get
from tests.conformance.asgi_applications import END, PLAIN, STARTED, answering, endless
from tests.harness.native import chunk, sending
from tests.harness.wsgi_call import serve


@pytest.mark.parametrize("app", [answering(b"x"), sending(STARTED, chunk(b"a"), chunk(b"b"), END), endless])
def test_before_the_return(app: Any) -> None:
    """A4: start_response is called once, before the adapter returns."""
    got = get(app, take=1)
    assert got.steps[:2] == ["start", "return"]


@pytest.mark.parametrize(
    ("status", "line"),
    [(200, "200 OK"), (404, "404 Not Found"), (201, "201 Created"), (500, "500 Internal Server Error")],
)
def test_reason_phrase(status: int, line: str) -> None:
    """A4: a reason phrase is added."""
    assert get(answering(status=status)).status == line


@pytest.mark.parametrize("status", [299, 418, 499, 520, 599, 999])
def test_unknown_status(status: int) -> None:
    """A4: a status that nobody has named has some reason phrase too (the harness demands it)."""
    assert get(answering(status=status)).code == status


def test_repeated_headers() -> None:
    """A4: all repeated headers are passed on, in order."""
    headers = [(b"set-cookie", b"a=1"), PLAIN, (b"set-cookie", b"b=2"), (b"x", b"1"), (b"set-cookie", b"c=3")]
    got = get(answering(headers=headers))
    assert got.values("Set-Cookie") == ["a=1", "b=2", "c=3"]
    assert [(name.lower(), value) for name, value in got.headers] == [
        (name.decode(), value.decode()) for name, value in headers
    ]


def test_latin_1() -> None:
    """A4: header values are bytes in a latin-1 coat."""
    assert get(answering(headers=[PLAIN, (b"x-name", b"Andr\xe9")])).header("x-name") == "Andr\xe9"


def test_headers_as_any_iterable() -> None:
    """ASGI: headers are an iterable of two-item iterables, and may be left out."""
    given = ([name, value] for name, value in [PLAIN, (b"x-a", b"1")])
    got = get(sending({"type": "http.response.start", "status": 200, "headers": given}, END))
    assert got.header("x-a") == "1"
    assert get(sending({"type": "http.response.start", "status": 204}, END)).headers == []


def test_mixed_case_names() -> None:
    """A4: names that an application gives in capitals, against the specification, are no reason to fail."""
    assert get(answering(headers=[(b"Content-Type", b"a/b")])).header("content-type") == "a/b"


def test_hop_by_hop(caplog: pytest.LogCaptureFixture) -> None:
    """A4: hop-by-hop headers are dropped, and that is logged once."""
    adapter = adapt(answering(headers=[PLAIN, (b"connection", b"close"), (b"transfer-encoding", b"chunked")]))
    with caplog.at_level(logging.DEBUG, "bridge"):
        for _ in range(3):
            assert [name.lower() for name, _ in serve(adapter).headers] == ["content-type"]
    logged = [record for record in caplog.records if "transfer-encoding" in record.getMessage().lower()]
    assert len(logged) == 1


@pytest.mark.parametrize("length", [0, 5])
def test_length_of_a_head(length: int) -> None:
    """A4: the answer to HEAD keeps its headers, Content-Length too."""
    headers = [PLAIN, (b"content-length", b"%d" % length)]
    for body in (b"", b"x" * length):
        got = get(answering(body, headers=headers), "HEAD")
        assert (got.header("content-length"), got.body, got.complete) == (str(length), b"", True)


def test_nothing_is_added() -> None:
    """The law above all lines: no header that the application did not give."""
    for app in (answering(b"x"), sending(STARTED, chunk(b"a"), END)):
        assert [(name.lower(), value) for name, value in get(app).headers] == [("content-type", "text/plain")]

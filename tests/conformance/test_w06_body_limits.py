"""W6: max_body_size."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.errors import BodyTooLarge
from tests.conformance.adapting import adapt, get
from tests.conformance.applications import PLAIN
from tests.harness import Exchange, fetch, http_scope, run

PIECES = [b"01234", b"56789", b"abc"]
MODES = ["auto", "stream", "spool"]


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer with the body."""
    body = environ["wsgi.input"].read(-1)
    start_response("200 OK", list(PLAIN))
    return [body]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("expect", [[], [(b"expect", b"100-continue")]])
def test_declared_too_large(mode: str, expect: list[tuple[bytes, bytes]]) -> None:
    """W6: declared too large is 413 before the application runs, and the body is not asked for."""
    called: list[bool] = []

    async def main() -> None:
        adapter = adapt(lambda *_: called.append(True), max_body_size=3, body=mode)
        scope = http_scope("POST", headers=[(b"content-length", b"4"), *expect])
        async with Exchange(adapter, scope, body=b"four") as exchange:
            await exchange.finished.passed()
        assert (exchange.response.status, exchange.response.complete, exchange.response.error) == (413, True, None)
        assert not called
        assert exchange.received == 0

    run(main)


@pytest.mark.parametrize("mode", MODES)
def test_as_large_as_allowed(mode: str) -> None:
    """W6: a body of exactly max_body_size passes, declared or not."""
    options = {"max_body_size": 13, "body": mode}
    assert get(echo, "POST", body=b"".join(PIECES), options=options).body == b"0123456789abc"
    assert get(echo, "POST", body=PIECES, options=options).body == b"0123456789abc"
    assert get(echo, options={"max_body_size": 0, "body": mode}).status == 200


@pytest.mark.parametrize("mode", MODES)
def test_undeclared_and_too_large(mode: str) -> None:
    """W6: undeclared, the read raises, and 413 replaces what the application does with that."""
    response = get(echo, "POST", body=PIECES, options={"max_body_size": 12, "body": mode})
    assert (response.status, response.complete, response.error) == (413, True, None)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("headers", [[], [(b"content-length", b"2")]])
def test_413_replaces_any_answer(mode: str, headers: list[tuple[bytes, bytes]]) -> None:
    """W6: 413 replaces whatever the application answers, even when less was declared than came."""
    caught: list[BaseException] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", list(PLAIN))
        try:
            environ["wsgi.input"].read(-1)
        except OSError as error:
            caught.append(error)
        return [b"all is well"]

    response = get(app, "POST", body=PIECES, headers=headers, options={"max_body_size": 12, "body": mode})
    assert (response.status, response.complete, response.error) == (413, True, None)
    assert b"well" not in response.body
    assert all(isinstance(error, BodyTooLarge) for error in caught)


@pytest.mark.parametrize(
    "read",
    [
        lambda file: file.read(),
        lambda file: file.read(13),
        lambda file: file.readline(),
        lambda file: file.readlines(),
        list,
        lambda file: list(iter(lambda: file.read1(5), b"")),
        lambda file: list(iter(lambda: file.readinto(bytearray(5)), 0)),
    ],
)
def test_every_read_raises(read: Any) -> None:
    """W6: every way of reading raises when the limit is passed."""
    caught: list[BaseException] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            read(environ["wsgi.input"])
        except OSError as error:
            caught.append(error)
        start_response("200 OK", list(PLAIN))
        return []

    get(app, "POST", body=PIECES, options={"max_body_size": 12, "body": "stream"}, valid=False)
    assert [type(error) for error in caught] == [BodyTooLarge]


def test_after_the_start() -> None:
    """W6: once something was sent nothing can be replaced; the read raises and the response stays incomplete."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        yield b"already sent"
        yield environ["wsgi.input"].read(-1)

    response = fetch(adapt(app, max_body_size=12), "POST", body=PIECES)
    assert (response.status, response.body, response.complete) == (200, b"already sent", False)


def test_nobody_reads() -> None:
    """W6: an undeclared body that nobody reads is not counted; the answer stands."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", list(PLAIN))
        return [b"ok"]

    response = get(app, "POST", body=PIECES, options={"max_body_size": 12, "body": "stream"})
    assert (response.status, response.body) == (200, b"ok")

"""W7: start_response."""

from __future__ import annotations

import gc
import logging
import sys
import traceback
import weakref
from typing import Any

import pytest

from bridge.errors import ApplicationError
from tests.conformance.adapting import adapt, get
from tests.conformance.applications import PLAIN
from tests.harness import Exchange, Gate, fetch, run


def test_sent_with_the_first_chunk() -> None:
    """W7: the start is sent with the first non-empty chunk, not by start_response and not by empty chunks."""
    called, empty, go_on = Gate("start_response was called"), Gate("empty chunks were taken"), Gate("go on")

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        called.open()
        yield b""
        yield b""
        empty.open()
        go_on.wait()
        yield b"first"

    async def main() -> None:
        async with Exchange(adapt(app)) as exchange:
            await called.passed()
            await empty.passed()
            assert exchange.response.messages == []
            go_on.open()
        assert exchange.response.body == b"first"
        assert exchange.response.complete

    run(main)


@pytest.mark.parametrize("chunks", [[], [b""], [b"", b""]])
@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_sent_at_the_end(chunks: list[bytes], kind: Any) -> None:
    """W7: the start is sent at the end when there is no chunk."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("404 Not Found", [*PLAIN, ("X-A", "b")])
        return kind(chunks)

    response = get(app)
    assert (response.status, response.body, response.complete) == (404, b"", True)
    assert response.headers == [(b"content-type", b"text/plain"), (b"x-a", b"b")]


def test_called_by_the_first_iteration() -> None:
    """PEP 3333: start_response may be called as late as in the first iteration."""

    class App:
        def __init__(self, environ: dict[str, Any], start_response: Any) -> None:
            self.start_response = start_response

        def __iter__(self) -> Any:
            self.start_response("200 OK", list(PLAIN))
            yield b"late"

    assert get(App).body == b"late"


def test_returns_write() -> None:
    """PEP 3333: start_response returns a callable that takes one positional argument."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        write = start_response("200 OK", list(PLAIN), None)
        write(b"written")
        return []

    assert get(app).body == b"written"


@pytest.mark.parametrize("first", ["200 OK", "no status"])
def test_second_call(first: str) -> None:
    """W7: a second call without exc_info is an error, even if the first raised one."""
    caught: list[BaseException] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        for status in (first, "200 OK"):
            try:
                start_response(status, list(PLAIN))
            except Exception as error:
                caught.append(error)
        raise caught[-1]

    response = get(app, valid=False)
    assert len(caught) == (1 if first == "200 OK" else 2)
    assert all(isinstance(error, ApplicationError) for error in caught)
    assert response.error is caught[-1]
    assert response.messages == []


def test_second_call_with_exc_info() -> None:
    """W7: with exc_info, and nothing sent, a second call replaces status and headers."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", "1000"), ("X-Old", "1")])
        try:
            yield b""
            raise LookupError("while the body was made")
        except LookupError:
            start_response("500 Oops", [*PLAIN, ("X-New", "1")], sys.exc_info())
        yield b"sorry"

    response = get(app)
    assert (response.status, response.body, response.complete) == (500, b"sorry", True)
    assert response.headers == [(b"content-type", b"text/plain"), (b"x-new", b"1")]


def test_first_call_with_exc_info() -> None:
    """PEP 3333: exc_info may be given with the first call."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            raise LookupError("early")
        except LookupError:
            start_response("500 Oops", list(PLAIN), sys.exc_info())
        return [b"sorry"]

    assert (get(app).status, get(app).body) == (500, b"sorry")


@pytest.mark.parametrize("by_write", [True, False])
def test_exc_info_after_the_headers(by_write: bool) -> None:
    """W7: exc_info after the headers went out re-raises that very exception, with its traceback."""
    caught: list[BaseException] = []

    def failing() -> None:
        raise LookupError("late")

    def body(start_response: Any) -> Any:
        if not by_write:
            yield b"sent"
        try:
            failing()
        except LookupError:
            try:
                start_response("500 Oops", list(PLAIN), sys.exc_info())
            except LookupError as error:
                caught.append(error)
                raise
        yield b"never"

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        write = start_response("200 OK", list(PLAIN))
        if by_write:
            write(b"sent")
        return body(start_response)

    response = get(app)
    assert (response.status, response.body, response.complete) == (200, b"sent", False)
    assert response.error is caught[0]
    assert "failing" in [frame.name for frame in traceback.extract_tb(caught[0].__traceback__)]


def test_exc_info_is_not_kept() -> None:
    """PEP 3333: no reference to exc_info is held beyond the call; it would make a circle with the frames."""

    class Canary(Exception):
        pass

    kept: list[weakref.ref[Canary]] = []

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        try:
            raise Canary
        except Canary as canary:
            kept.append(weakref.ref(canary))
            start_response("500 Oops", list(PLAIN), sys.exc_info())
        yield b"alive" if kept[0]() is not None else b"gone"

    gc.disable()
    try:
        response = get(app, valid=False)
    finally:
        gc.enable()
    assert response.body == b"gone"


@pytest.mark.parametrize("result", [[b"x"], [], iter([b"x"]), iter([])])
def test_never_called(result: Any) -> None:
    """W7: start_response never called is an error that says so, and nothing is sent."""
    response = get(lambda environ, start_response: result, valid=False)
    assert isinstance(response.error, ApplicationError)
    assert "start_response" in str(response.error)
    assert response.messages == []


@pytest.mark.parametrize(
    "status",
    [
        None,
        200,
        b"200 OK",
        "",
        "OK",
        "abc OK",
        "20 OK",
        "2000 OK",
        "200OK",
        "099 Low",
        " 200 OK",
        "-20 OK",
        "2_0 OK",
        "\u0662\u0660\u0660 OK",
        "200 OK\r\nX-Injected: 1",
        "200 OK\n",
        "200 O\0K",
        "200 \u20ac",
    ],
)
def test_bad_status(status: Any) -> None:
    """W7: a status of a wrong type or form, with line breaks, NUL or beyond latin-1 is refused at the call."""
    assert_refused(status, list(PLAIN))


@pytest.mark.parametrize(
    "headers",
    [
        None,
        "X-A: b",
        {"X-A": "b"},
        (("X-A", "b"),),
        [None],
        ["ab"],
        [("X-A",)],
        [("X-A", "b", "c")],
        [(b"X-A", "b")],
        [("X-A", b"b")],
        [("X-A", 1)],
        [("X-A", None)],
        [("", "b")],
        [("X A", "b")],
        [("X-A:", "b")],
        [("X-A ", "b")],
        [("X-A\n", "b")],
        [("X-\xe9", "b")],
        [("X-\u20ac", "b")],
        [("X-A", "b\r\nX-Injected: 1")],
        [("X-A", "b\n")],
        [("X-A", "\rb")],
        [("X-A", "b\0c")],
        [("X-A", "\u20ac")],
        [("Fine", "yes"), ("X-A", "\n")],
    ],
)
def test_bad_headers(headers: Any) -> None:
    """W7: headers of wrong types, with line breaks, NUL or beyond latin-1 are refused at the call."""
    assert_refused("200 OK", headers)


def assert_refused(status: Any, headers: Any) -> None:
    """Demand an error in start_response itself, which reaches the server if the application lets it."""
    caught: list[BaseException] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            start_response(status, headers)
        except BaseException as error:
            caught.append(error)
            raise
        return [b"x"]

    response = get(app, valid=False)
    assert [type(error) for error in caught] == [ApplicationError]
    assert response.error is caught[0]
    assert response.messages == []


def test_refused_and_recovered() -> None:
    """W7: after a refusal the application may answer with exc_info, as frameworks do."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            start_response("200 OK", [("X-A", "\n")])
        except Exception:
            start_response("500 Oops", list(PLAIN), sys.exc_info())
        return [b"sorry"]

    response = get(app, valid=False)
    assert (response.status, response.body, response.headers) == (500, b"sorry", [(b"content-type", b"text/plain")])


@pytest.mark.parametrize("arguments", [(), ("200 OK",), ("200 OK", [], None, None)])
def test_wrong_number_of_arguments(arguments: tuple[Any, ...]) -> None:
    """PEP 3333: start_response takes two or three positional arguments."""
    response = get(lambda environ, start_response: start_response(*arguments), valid=False)
    assert isinstance(response.error, TypeError | ApplicationError)
    assert response.messages == []


@pytest.mark.parametrize("status", ["200", "200 ", "299 \xe9t\xe9", "200 A b (c)", "599 Own"])
def test_odd_but_right_status(status: str) -> None:
    """W7: a status without a reason phrase is fine, and so is any latin-1 reason."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response(status, list(PLAIN))
        return [b"x"]

    response = get(app, valid=False)
    assert (response.status, response.error) == (int(status[:3]), None)


def test_odd_but_right_headers() -> None:
    """W7: latin-1 values, empty ones, tabs, any case of names, and all repeated headers in order."""
    given = [
        ("Content-Type", "text/plain"),
        ("Set-Cookie", "a=1"),
        ("X-Latin", "caf\xe9 \x80\xff"),
        ("set-cookie", "b=2; Path=/"),
        ("X-Empty", ""),
        ("SET-COOKIE", "a=1"),
        ("X-Tab", "a\tb"),
        ("!#$%&'*+-.^_`|~", "token"),
    ]

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", given)
        return [b"x"]

    response = get(app, valid=False)
    assert response.headers == [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in given]


def test_subclasses_of_str() -> None:
    """W7: frameworks give subclasses of str (Django's SafeString, MarkupSafe's Markup)."""

    class Safe(str):
        __slots__ = ()

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response(Safe("200 OK"), [(Safe("Content-Type"), Safe("text/plain"))])
        return [b"x"]

    response = get(app, valid=False)
    assert (response.status, response.headers) == (200, [(b"content-type", b"text/plain")])


def test_headers_are_taken_when_given() -> None:
    """W7: what the application does with its list afterwards changes nothing."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        headers = list(PLAIN)
        start_response("200 OK", headers)
        headers.append(("X-Late", "\n"))
        return [b"x"]

    assert get(app).headers == [(b"content-type", b"text/plain")]


@pytest.mark.parametrize(
    "name", ["Connection", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "UPGRADE", "connection"]
)
def test_hop_by_hop(name: str) -> None:
    """W7: hop-by-hop headers, which belong to the server, are dropped."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [*PLAIN, (name, "close"), ("X-After", "1")])
        return [b"x"]

    assert get(app).headers == [(b"content-type", b"text/plain"), (b"x-after", b"1")]


def test_hop_by_hop_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """W7: that hop-by-hop headers are dropped is logged, once."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [*PLAIN, ("Keep-Alive", "timeout=5")])
        return [b"x"]

    adapter = adapt(app)
    with caplog.at_level(logging.DEBUG, "bridge"):
        for _ in range(3):
            assert fetch(adapter).headers == [(b"content-type", b"text/plain")]
    records = [record for record in caplog.records if "keep-alive" in record.getMessage().lower()]
    assert len(records) == 1
    assert records[0].name.startswith("bridge")
    assert records[0].levelno >= logging.WARNING

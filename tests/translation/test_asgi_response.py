"""The machine that turns messages into what a WSGI server needs: every message in every state."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest

from bridge.errors import ApplicationError
from bridge.translation.responses import (
    AWAITING_START,
    BODY,
    COMPLETE,
    START_HELD,
    AsgiResponse,
    State,
    early_hint_links,
)

START = {"type": "http.response.start", "status": 200, "headers": [(b"x", b"1")]}
START_WITH_TRAILERS = START | {"trailers": True}
CHUNK = {"type": "http.response.body", "body": b"chunk", "more_body": True}
EMPTY_CHUNK = {"type": "http.response.body", "more_body": True}
LAST = {"type": "http.response.body", "body": b"last"}
EMPTY_LAST = {"type": "http.response.body"}
PATH = {"type": "http.response.pathsend", "path": "/file"}
TRAILERS = {"type": "http.response.trailers", "headers": [(b"x", b"1")]}
HINT = {"type": "http.response.early_hint", "links": []}
PUSH = {"type": "http.response.push", "path": "/", "headers": []}
DEBUG = {"type": "http.response.debug", "info": {}}


def started(*headers: tuple[bytes, bytes], method: str = "GET", status: int = 200) -> AsgiResponse:
    """A response whose start is held."""
    response = AsgiResponse(method)
    response.message({"type": "http.response.start", "status": status, "headers": headers})
    return response


def in_state(state: State, start: dict[str, Any] = START) -> AsgiResponse:
    """A response in a state, by the shortest way."""
    response = AsgiResponse("GET")
    script = {AWAITING_START: [], START_HELD: [start], BODY: [start, CHUNK], COMPLETE: [start, LAST]}
    for message in script[state]:
        response.message(message)
    assert response.state is state
    return response


ERROR = ApplicationError

STATES = [AWAITING_START, START_HELD, BODY, COMPLETE]
"""START_REFUSED is the other machine's: here a refused start changes nothing, for an error page can still follow."""

TRANSITIONS: list[tuple[dict[str, Any], list[State | type[ApplicationError]]]] = [
    # "Sent by the application to start sending a response to the client. Needs to be sent as the first response
    # message."
    (START, [START_HELD, ERROR, ERROR, ERROR]),
    # "The protocol server must not start sending the response to the client until it has received at least one
    # Response Body event"
    (CHUNK, [ERROR, BODY, BODY, ERROR]),
    (EMPTY_CHUNK, [ERROR, START_HELD, BODY, ERROR]),
    # "If False, response will be taken as complete and closed, and any further messages on the channel will be ignored"
    # by a server; here they are the error that they are.
    (LAST, [ERROR, COMPLETE, COMPLETE, ERROR]),
    (EMPTY_LAST, [ERROR, COMPLETE, COMPLETE, ERROR]),
    # docs/extensions.rst, "Path Send": instead of the body
    (PATH, [ERROR, COMPLETE, ERROR, ERROR]),
    # "HTTP Trailers": only after a start that has announced them
    (TRAILERS, [ERROR, ERROR, ERROR, ERROR]),
    # Extensions that tell of something else than the response
    (HINT, [AWAITING_START, START_HELD, BODY, COMPLETE]),
    (PUSH, [AWAITING_START, START_HELD, BODY, COMPLETE]),
    (DEBUG, [AWAITING_START, START_HELD, BODY, COMPLETE]),
    ({"type": "http.response.unheard"}, [ERROR, ERROR, ERROR, ERROR]),
    ({"type": "websocket.send"}, [ERROR, ERROR, ERROR, ERROR]),
    ({"type": None}, [ERROR, ERROR, ERROR, ERROR]),
    ({}, [ERROR, ERROR, ERROR, ERROR]),
]
"""What each message leads to in AWAITING_START, START_HELD, BODY and COMPLETE (specs/www.rst, "HTTP")."""


def picture(response: AsgiResponse) -> list[object]:
    """Everything that a response knows."""
    return [getattr(response, name) for name in AsgiResponse.__slots__]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("message", "followings"), TRANSITIONS, ids=[str(row[0].get("type")) for row in TRANSITIONS])
def test_every_message_in_every_state(
    message: dict[str, Any], followings: list[State | type[ApplicationError]], state: State
) -> None:
    """A4: each message leads to the state that ASGI has for it, or is an error that changes nothing."""
    response = in_state(state)
    before = picture(response)
    following = followings[STATES.index(state)]
    if isinstance(following, State):
        assert response.message(message) == (message.get("body") or b"")
        assert response.state is following
        return
    with pytest.raises(following) as caught:
        response.message(message)
    assert picture(response) == before
    assert "the application" in str(caught.value)
    assert AsgiResponse.WHEN[state] in str(caught.value), "an error names event, side and state"
    assert str(message.get("type")) in str(caught.value)


def test_trailers_that_were_announced() -> None:
    """A4: trailers are let through after the body if the start announced them, in no other state; WSGI has none."""
    for state in (START_HELD, BODY):
        with pytest.raises(ApplicationError, match="trailers"):
            in_state(state, START_WITH_TRAILERS).message(TRAILERS)
    response = in_state(COMPLETE, START_WITH_TRAILERS)
    assert response.message(TRAILERS | {"more_trailers": True}) == b""
    assert response.message(TRAILERS) == b""
    assert response.state is COMPLETE


@pytest.mark.parametrize(
    ("status", "line"),
    [(200, "200 OK"), (HTTPStatus.NOT_FOUND, "404 Not Found"), (299, "299 Unknown"), (999, "999 Unknown")],
)
def test_status_line(status: int, line: str) -> None:
    """A4: start_response gets native strings, with a reason phrase."""
    response = started((b"X-Y", b"1"), (b"connection", b"close"), status=status)
    assert response.status_line == line
    assert type(response.status) is int
    assert (response.headers, response.dropped) == ([("X-Y", "1")], ("connection",))


@pytest.mark.parametrize("headers", [{}, {"headers": None}, {"headers": ()}, {"headers": iter([])}])
def test_headers_may_be_missing(headers: dict[str, Any]) -> None:
    """A4: headers are "optional; if missing defaults to an empty list"."""
    response = AsgiResponse("GET")
    response.message({"type": "http.response.start", "status": 200, **headers})
    assert response.headers == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "200"},
        {"status": None},
        {"status": 99},
        {"status": 1000},
        {"status": -200},
        {"status": True},
        {"status": 200.0},
        {"headers": 5},
        {"headers": [("x", "1")]},
        {"headers": [(b"x", b"a\r\nb")]},
        {"headers": [(b"content-length", b"x")]},
    ],
)
def test_a_refused_start_changes_nothing(wrong: dict[str, Any]) -> None:
    """A4: a start that may not be sent is refused whole; an error page can still follow."""
    response = AsgiResponse("GET")
    before = picture(response)
    with pytest.raises(ApplicationError):
        response.message(START | wrong)
    assert picture(response) == before
    response.message(START | {"status": 500})
    assert response.status_line == "500 Internal Server Error"


@pytest.mark.parametrize("body", ["text", 5, [b"x"], None])
@pytest.mark.parametrize("more", [False, True])
def test_bodies_of_a_wrong_type(body: Any, more: bool) -> None:
    """A4: a body is "a byte string"; another type is an error that says so and changes nothing."""
    response = started()
    before = picture(response)
    with pytest.raises(ApplicationError, match=type(body).__name__):
        response.message({"type": "http.response.body", "body": body, "more_body": more})
    assert picture(response) == before


@pytest.mark.parametrize("body", [b"abc", bytearray(b"abc"), memoryview(b"abc")])
def test_bodies_of_a_right_type(body: Any) -> None:
    """A4: what servers take for bytes becomes bytes."""
    sent = started((b"content-length", b"3")).message({"type": "http.response.body", "body": body})
    assert sent == b"abc"
    assert type(sent) is bytes


@pytest.mark.parametrize(
    ("declared", "pieces"), [(0, []), (0, [b""]), (3, [b"abc"]), (3, [b"a", b"", b"bc"]), (3, [b"", b"abc", b""])]
)
def test_declared_length(declared: int, pieces: list[bytes]) -> None:
    """A4: a body of the declared length passes, however it is cut."""
    response = started((b"content-length", b"%d" % declared))
    sent = [response.message({"type": "http.response.body", "body": piece, "more_body": True}) for piece in pieces]
    assert sent == pieces
    assert response.message(EMPTY_LAST) == b""
    assert response.state is COMPLETE


@pytest.mark.parametrize(
    ("first", "second", "more", "says"),
    [
        (b"", b"1234", True, "more"),
        (b"", b"1234", False, "more"),
        (b"123", b"4", True, "more"),
        (b"", b"", False, "3 less"),
        (b"", b"12", False, "1 less"),
        (b"1", b"", False, "2 less"),
        (b"1", b"2", False, "1 less"),
    ],
)
def test_another_length_than_declared(first: bytes, second: bytes, more: bool, says: str) -> None:
    """A4: a body of another length than declared is an error, and nothing of the message that showed it counts."""
    response = started((b"content-length", b"3"))
    response.message({"type": "http.response.body", "body": first, "more_body": True})
    before = picture(response)
    with pytest.raises(ApplicationError, match=says):
        response.message({"type": "http.response.body", "body": second, "more_body": more})
    assert picture(response) == before


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"100")]])
@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304), ("GET", 103)])
def test_responses_without_a_body(method: str, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    """A4: HEAD, 204 and 304 carry no body even if the application sends one, and keep their headers."""
    response = started(*headers, method=method, status=status)
    assert response.message(CHUNK) == b""
    assert response.message(LAST) == b""
    assert response.state is COMPLETE
    assert len(response.headers) == len(headers)


def test_a_file_as_the_body() -> None:
    """A8: http.response.pathsend names the file that is the body."""
    response = started((b"content-length", b"100"))
    assert response.message(PATH) == b""
    assert (response.path, response.state) == ("/file", COMPLETE)


@pytest.mark.parametrize("path", [None, b"/file", 5])
def test_a_file_of_a_wrong_type(path: Any) -> None:
    """A4: the path is "a Unicode string"."""
    response = started()
    with pytest.raises(ApplicationError, match="path"):
        response.message({"type": "http.response.pathsend", "path": path})
    assert response.state is START_HELD


@pytest.mark.parametrize(
    ("headers", "links"),
    [
        ([], []),
        ([("Link", "</a>; rel=preload")], [b"</a>; rel=preload"]),
        ([("Link", "1"), ("X", "2"), ("link", "3")], [b"1", b"3"]),
        (iter([("LINK", "\xe9")]), [b"\xe9"]),
        ([(b"link", b"1"), ("Link", b"\xe9")], [b"1", b"\xe9"]),
    ],
)
def test_early_hints(headers: Any, links: list[bytes]) -> None:
    """W12: the Link fields of an early hint, in order; nothing else can be told that way."""
    assert early_hint_links(headers) == links


@pytest.mark.parametrize(
    "headers", [[("Link", "a\r\nb")], [("Link", b"a\r\nb")], [("Link", 5)], [("X\n", "1")], ["Link"]]
)
def test_wrong_early_hints(headers: Any) -> None:
    """W12: hints are checked as any headers are."""
    with pytest.raises(ApplicationError):
        early_hint_links(headers)

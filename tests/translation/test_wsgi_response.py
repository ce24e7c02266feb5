"""The machine that turns calls of PEP 3333 into messages: every event in every state."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from bridge.errors import ApplicationError
from bridge.translation.responses import AWAITING_START, BODY, COMPLETE, START_HELD, START_REFUSED, State, WsgiResponse

if TYPE_CHECKING:
    from bridge._types import OptExcInfo


def started(*headers: tuple[str, str], method: str = "GET", status: str = "200 OK") -> WsgiResponse:
    """A response whose start is held."""
    response = WsgiResponse(method)
    response.start_response(status, list(headers))
    return response


def in_state(state: State) -> WsgiResponse:
    """A response in a state, by the shortest way."""
    response = WsgiResponse("GET")
    if state is START_REFUSED:
        with pytest.raises(ApplicationError):
            response.start_response("bad", [("X-First", "1")])
    elif state is not AWAITING_START:
        response.start_response("200 OK", [("X-First", "1")])
    if state in (BODY, COMPLETE):
        response.chunk(b"first")
    if state is COMPLETE:
        response.end()
    assert response.state is state
    return response


def an_error() -> OptExcInfo:
    """sys.exc_info() of an application that failed."""
    try:
        raise KeyError("the application's")
    except KeyError:
        return sys.exc_info()


def start(response: WsgiResponse) -> None:
    """A first call, or a second one without exc_info."""
    response.start_response("201 Created", [("X-Second", "2")])


def start_with_none(response: WsgiResponse) -> None:
    """The same, as frameworks write it."""
    response.start_response("201 Created", [("X-Second", "2")], None)


def start_with_no_error(response: WsgiResponse) -> None:
    """sys.exc_info() where nothing is being handled."""
    response.start_response("201 Created", [("X-Second", "2")], (None, None, None))


def start_with_an_error(response: WsgiResponse) -> None:
    """A call by an error handler."""
    response.start_response("500 Failed", [("X-Second", "2")], an_error())


def chunk(response: WsgiResponse) -> None:
    """A chunk of the body."""
    assert response.chunk(b"chunk") == b"chunk"


def empty_chunk(response: WsgiResponse) -> None:
    """A chunk that says: not yet."""
    assert response.chunk(b"") == b""


def end(response: WsgiResponse) -> None:
    """The end of the iterable."""
    response.end()


def finish_writing(response: WsgiResponse) -> None:
    """The iterable is about to be closed."""
    response.finish_writing()


Event = Callable[[WsgiResponse], None]

ERROR = ApplicationError

TRANSITIONS: dict[Event, list[State | type[Exception]]] = {
    # "The application may call start_response more than once, if and only if exc_info is provided"
    start: [START_HELD, ERROR, ERROR, ERROR, ERROR],
    start_with_none: [START_HELD, ERROR, ERROR, ERROR, ERROR],
    start_with_no_error: [START_HELD, ERROR, ERROR, ERROR, ERROR],
    # "if exc_info is provided, and the HTTP headers have already been sent, start_response must raise an error, and
    # should re-raise using the exc_info tuple"
    start_with_an_error: [START_HELD, START_HELD, START_HELD, KeyError, KeyError],
    # "the application must invoke start_response before the iterable yields its first body bytestring"
    chunk: [ERROR, ERROR, BODY, BODY, ERROR],
    # "headers must not actually be transmitted ... until the first body data that yields a non-empty bytestring"
    empty_chunk: [AWAITING_START, START_REFUSED, START_HELD, BODY, COMPLETE],
    end: [ERROR, ERROR, COMPLETE, COMPLETE, ERROR],
    finish_writing: [COMPLETE] * 5,
}
"""What each event leads to in AWAITING_START, START_REFUSED, START_HELD, BODY and COMPLETE, by PEP 3333."""


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", TRANSITIONS)
def test_every_event_in_every_state(event: Event, state: State) -> None:
    """W7, W8: each event leads to the state that PEP 3333 has for it, or is an error that changes nothing."""
    response = in_state(state)
    before = response.start_message()
    following = TRANSITIONS[event][list(State).index(state)]
    if isinstance(following, State):
        event(response)
        assert response.state is following
        return
    with pytest.raises(following) as caught:
        event(response)
    assert response.state is state
    assert response.start_message() == before
    if following is ERROR:
        assert "the application" in str(caught.value)
        assert state.value in str(caught.value), "an error names event, side and state"


def test_start_message() -> None:
    """W7: the start has ASGI's types: an int, and pairs of bytes with lower-case names."""
    response = started(("Content-Type", "text/plain"), ("Set-Cookie", "a"), ("Set-Cookie", "b"), status="404 Not Found")
    assert response.start_message() == {
        "type": "http.response.start",
        "status": 404,
        "headers": [(b"content-type", b"text/plain"), (b"set-cookie", b"a"), (b"set-cookie", b"b")],
    }


def test_exc_info_replaces_everything() -> None:
    """W7: "start_response should replace the currently-stored HTTP response headers with the newly-supplied ones"."""
    response = started(("Content-Length", "5"), ("X", "1"), ("Connection", "close"))
    response.start_response("500 Failed", [("Y", "2")], an_error())
    assert response.start_message() == {"type": "http.response.start", "status": 500, "headers": [(b"y", b"2")]}
    assert (response.declared, response.remaining, response.dropped) == (None, None, ())
    assert response.chunk(b"longer than five") == b"longer than five"
    response.end()


def test_exc_info_may_change_whether_there_is_a_body() -> None:
    """W9: the last status counts."""
    response = started(status="204 No Content")
    assert response.bodiless
    response.start_response("500 Failed", [], an_error())
    assert response.chunk(b"why") == b"why"
    response = started()
    response.start_response("304 Not Modified", [], an_error())
    assert response.chunk(b"why") == b""


def test_exc_info_after_the_start_is_raised_as_it_was() -> None:
    """W7: the application's own exception with its own traceback; PEP 3333: "raise exc_info[1].with_traceback(...)"."""
    error = an_error()
    response = in_state(BODY)
    with pytest.raises(KeyError) as caught:
        response.start_response("500 Failed", [], error)
    assert caught.value is error[1]
    frames = []
    traceback = caught.value.__traceback__
    while traceback is not None:
        frames.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    assert frames[-1] == "an_error"


@pytest.mark.parametrize(
    ("status", "headers"),
    [("bad", []), (200, []), ("200 OK", None), ("200 OK", [("X", "a\nb")]), ("200 OK", [("Content-Length", "x")])],
)
@pytest.mark.parametrize("state", [AWAITING_START, START_REFUSED, START_HELD])
def test_a_refused_start(state: State, status: Any, headers: Any) -> None:
    """W7: a start that may not be sent is refused whole: nothing of it or of one before it goes out, but an error page.

    The call counts: a further one needs exc_info.
    """
    response = in_state(state)
    with pytest.raises(ERROR):
        response.start_response(status, headers, an_error())
    assert response.state is START_REFUSED
    for event in (start, chunk, end):
        with pytest.raises(ERROR, match="refused"):
            event(response)
    response.start_response("500 Failed", [], an_error())
    assert response.start_message() == {"type": "http.response.start", "status": 500, "headers": []}
    chunk(response)


@pytest.mark.parametrize(
    "wrong", ["text", bytearray(b"x"), memoryview(b"x"), 5, None, ["x"], "", 0, bytearray(), b"x".__iter__()]
)
@pytest.mark.parametrize("state", State)
def test_chunks_of_a_wrong_type(wrong: Any, state: State) -> None:
    """W8: a chunk of a wrong type is an error that says so ("must be bytestrings"), an empty one too."""
    response = in_state(state)
    with pytest.raises(ApplicationError, match=type(wrong).__name__):
        response.chunk(wrong)
    assert response.state is state


def test_a_subclass_of_bytes() -> None:
    """W8: bytes of a subclass are bytes."""

    class Mine(bytes):
        pass

    response = started(("Content-Length", "2"))
    assert response.chunk(Mine(b"abc")) == b"ab"


@pytest.mark.parametrize(
    ("declared", "chunks", "sent", "is_short"),
    [
        (0, [], [], False),
        (0, [b"a"], [b""], False),
        (3, [b"abc"], [b"abc"], False),
        (3, [b"a", b"", b"bc"], [b"a", b"", b"bc"], False),
        (3, [b"ab", b"cd", b"ef"], [b"ab", b"c", b""], False),
        (3, [b"abcdef"], [b"abc"], False),
        (3, [], [], True),
        (3, [b""], [b""], True),
        (3, [b"ab"], [b"ab"], True),
    ],
)
def test_declared_length(declared: int, chunks: list[bytes], sent: list[bytes], is_short: bool) -> None:
    """W9: more bytes than declared are not sent; fewer never look like a complete response.

    PEP 3333, "Handling the Content-Length Header": the server "must not transmit more bytes than the header allows".
    """
    response = started(("Content-Length", str(declared)))
    assert [response.chunk(piece) for piece in chunks] == sent
    assert response.remaining == declared - sum(map(len, sent))
    if is_short:
        with pytest.raises(ApplicationError, match=f"declared {declared} bytes"):
            response.end()
        assert response.state is not COMPLETE
    else:
        response.end()
        assert response.state is COMPLETE


@pytest.mark.parametrize("declared", [[], [("Content-Length", "100")]])
@pytest.mark.parametrize(
    ("method", "status"),
    [("HEAD", "200 OK"), ("HEAD", "404 Not Found"), ("GET", "204 No"), ("GET", "304 Same"), ("GET", "103 Early")],
)
def test_responses_without_a_body(method: str, status: str, declared: list[tuple[str, str]]) -> None:
    """W9: HEAD, 1xx, 204 and 304 carry no body and keep their headers, whatever the application gives."""
    response = started(("X", "1"), *declared, method=method, status=status)
    assert response.expects_body is False
    assert [response.chunk(piece) for piece in (b"", b"some", b"more")] == [b"", b"", b""]
    assert response.state is BODY
    response.end()
    assert len(response.start_message()["headers"]) == 1 + len(declared)


def test_expects_body() -> None:
    """W11: a file may stand for the body only while nothing of it was given."""
    assert [in_state(state).expects_body for state in State] == [False, False, True, False, False]

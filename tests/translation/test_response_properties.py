"""Both response machines under random events: what gets out is always a response that HTTP allows."""

from __future__ import annotations

import sys
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import ApplicationError
from bridge.translation.responses import AWAITING_START, BODY, COMPLETE, START_REFUSED, AsgiResponse, WsgiResponse

methods = st.sampled_from(["GET", "HEAD", "POST"])
lengths = st.integers(0, 12).map(str)
values = st.text(max_size=6) | lengths | st.sampled_from(["a\r\nX: y", "close", "5, 5", ""])
header_names = st.sampled_from(
    ["Content-Length", "content-length", "X", "Connection", "Transfer-Encoding", "X\r\nY", ""]
)
headers = st.lists(st.tuples(header_names | st.text(max_size=4), values), max_size=3)
lines = st.sampled_from(["200 OK", "204 No Content", "304 Not Modified", "404", "100 Continue"]) | st.text(max_size=8)
chunks = st.binary(max_size=8)

wsgi_events = st.one_of(
    st.tuples(st.just("start"), lines, headers),
    st.tuples(st.just("restart"), lines, headers),
    st.tuples(st.just("chunk"), chunks | st.text(max_size=2)),
    st.tuples(st.just("end")),
)
# A response that can get somewhere, in half of the cases.
right_start = st.tuples(st.just("start"), st.just("200 OK"), lengths.map(lambda length: [("Content-Length", length)]))


class Application(Exception):
    """An application's own error."""


def exc_info() -> Any:
    """sys.exc_info() of an application that failed."""
    try:
        raise Application
    except Application:
        return sys.exc_info()


def happened(response: WsgiResponse, event: tuple[Any, ...]) -> bytes:
    """Let an event happen; return what may be sent because of it."""
    kind = event[0]
    if kind == "start":
        response.start_response(event[1], event[2])
    elif kind == "restart":
        response.start_response(event[1], event[2], exc_info())
    elif kind == "chunk":
        return response.chunk(event[1])
    else:
        response.end()
    return b""


@settings(max_examples=200)
@given(
    method=methods,
    events=st.lists(wsgi_events, max_size=8)
    | st.tuples(right_start, st.lists(wsgi_events, max_size=6)).map(lambda pair: [pair[0], *pair[1]]),
)
def test_wsgi_response(method: str, events: list[tuple[Any, ...]]) -> None:
    """W7, W9: whatever an application calls, no line break, no byte too much and no short whole response gets out."""
    response = WsgiResponse(method)
    sent = b""
    for event in events:
        before = response.state
        try:
            sent += happened(response, event)
        except ApplicationError:
            assert response.state in ((before, START_REFUSED) if "start" in event[0] else (before,))
        except Application:
            assert event[0] == "restart"
            assert before in (BODY, COMPLETE)
        if sent:
            assert not response.bodiless
        if response.declared is not None:
            assert len(sent) <= response.declared
    if response.state in (AWAITING_START, START_REFUSED):
        assert sent == b""
        return
    start = response.start_message()
    assert 100 <= start["status"] <= 999
    for name, value in start["headers"]:
        assert name
        assert not {0, 10, 13} & set(name + value)
        assert name not in (b"connection", b"transfer-encoding")
    declared = [int(value) for name, value in start["headers"] if name == b"content-length"]
    assert declared == ([] if response.declared is None else [response.declared])
    if response.state is COMPLETE and declared and not response.bodiless:
        assert len(sent) == declared[0]


raw_headers = st.lists(
    st.tuples(
        st.sampled_from([b"content-length", b"x", b"connection", b"x\n"]) | st.binary(max_size=4),
        lengths.map(str.encode) | st.binary(max_size=6),
    ),
    max_size=3,
)
messages = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("http.response.start"), "status": st.sampled_from([200, 204, 304, 404, 50, "200"])},
        optional={"headers": raw_headers, "trailers": st.booleans()},
    ),
    st.fixed_dictionaries(
        {"type": st.just("http.response.body")},
        optional={"body": chunks | st.just("text"), "more_body": st.booleans()},
    ),
    st.fixed_dictionaries({"type": st.just("http.response.pathsend"), "path": st.sampled_from(["/file", None])}),
    st.fixed_dictionaries({"type": st.sampled_from(["http.response.trailers", "http.response.early_hint", "lost"])}),
)
right_message = lengths.map(
    lambda length: {"type": "http.response.start", "status": 200, "headers": [(b"content-length", length.encode())]}
)


@settings(max_examples=200)
@given(
    method=methods,
    script=st.lists(messages, max_size=8)
    | st.tuples(right_message, st.lists(messages, max_size=6)).map(lambda pair: [pair[0], *pair[1]]),
)
def test_asgi_response(method: str, script: list[dict[str, Any]]) -> None:
    """A4: whatever an application sends, no line break, no byte too much and no short whole response gets out."""
    response = AsgiResponse(method)
    sent = b""
    for message in script:
        before = [getattr(response, name) for name in AsgiResponse.__slots__]
        try:
            sent += response.message(message)
        except ApplicationError:
            assert [getattr(response, name) for name in AsgiResponse.__slots__] == before
        if response.declared is not None:
            assert len(sent) <= response.declared
    if response.state is AWAITING_START:
        assert sent == b""
        return
    assert not (sent and response.bodiless)
    for name, value in response.headers:
        assert not set("\0\r\n") & set(name + value)
        assert name.lower() != "connection"
    if response.state is COMPLETE and response.path is None and response.declared is not None and not response.bodiless:
        assert len(sent) == response.declared

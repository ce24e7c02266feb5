"""B2: the errors of `AsgiToWsgi` say whose fault it is, name the request, and say what to do."""

from __future__ import annotations

from typing import Any

import pytest

from bridge import AdapterClosed, ApplicationError, ClientDisconnected, errors
from tests.conformance.asgi_adapting import adapt, get
from tests.conformance.asgi_applications import END, STARTED, answering
from tests.harness import Gate
from tests.harness.native import chunk, sending, start
from tests.harness.wsgi_call import serve


def told(error: BaseException | None) -> str:
    """Return all that an error says, its notes included."""
    return " ".join([str(error), *getattr(error, "__notes__", ())])


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], ["without an answer"]),
        ([STARTED, chunk(b"x")], ["without ending"]),
        ([chunk(b"x")], ["http.response.body", "before"]),
        ([STARTED, STARTED], ["http.response.start", "after"]),
        ([{"type": "http.response.unknown"}], ["http.response.unknown"]),
        ([start("200")], ["status", "'200'"]),
        ([STARTED, chunk("text")], ["str", "bytes"]),
        ([start(200, (b"content-length", b"1")), chunk(b"xyz")], ["Content-Length", "more"]),
        ([start(200, (b"x-a", b"1\n"))], ["x-a"]),
        ([STARTED, END, END], ["http.response.body", "complete"]),
    ],
)
def test_application_errors(messages: list[Any], words: list[str]) -> None:
    """B2: the application's faults are ApplicationErrors that say what was wrong, and name the request."""
    error = get(sending(*messages), "DELETE", "/named").error
    assert isinstance(error, ApplicationError)
    for word in [*words, "DELETE", "/named"]:
        assert word in told(error)


def test_client_errors() -> None:
    """B2: a client that left is nobody's fault here: ClientDisconnected, an OSError, names the request."""
    raised: list[BaseException] = []
    over = Gate("over")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        try:
            while True:
                await send(chunk(b"x"))
        except OSError as error:
            raised.append(error)
            over.open()

    serve(adapt(app), "DELETE", "/named", take=1)
    over.wait()
    assert isinstance(raised[0], ClientDisconnected)
    assert "DELETE" in str(raised[0])
    assert "/named" in str(raised[0])


def test_usage_errors() -> None:
    """B2: a wrong use says what to do instead."""
    adapter = adapt(answering())
    adapter.close()
    error = serve(adapter).error
    assert isinstance(error, AdapterClosed)
    assert "new" in str(error)


def test_original_errors_are_not_touched() -> None:
    """B2: the application's own errors stay what they are: same object, same arguments, no note."""
    error = LookupError("mine", 1)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    got = get(app).error
    assert got is error
    assert (error.args, getattr(error, "__notes__", []), error.__cause__) == (("mine", 1), [], None)


def test_one_door() -> None:
    """B2: whatever the bridge raises by itself is a BridgeError."""
    for messages in ([], [chunk(b"x")], [STARTED], [{"type": None}]):
        assert isinstance(get(sending(*messages)).error, errors.BridgeError)

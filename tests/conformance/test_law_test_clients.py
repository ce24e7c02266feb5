"""The law: what test clients and applications do that no server does, and that works without a bridge."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from bridge import AsgiToWsgi, ClientDisconnected, WsgiToAsgi
from tests.harness import DISCONNECT, Exchange, fetch, http_scope, run
from tests.harness.wsgi_call import serve


def test_exc_info_by_its_name() -> None:
    """The law, W7: servers take `exc_info=` as a keyword, and so do applications give it."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        try:
            raise ValueError("on purpose")
        except ValueError:
            start_response("500 Oops", [], exc_info=sys.exc_info())
        return [b"sorry"]

    with WsgiToAsgi(app) as asgi, WsgiToAsgi(app) as inner, AsgiToWsgi(inner, lifespan="off") as wsgi:
        assert fetch(asgi).status == 500
        assert serve(wsgi, valid=False).code == 500


@pytest.mark.parametrize("read", [True, False])
def test_a_disconnect_behind_the_body(read: bool) -> None:
    """The law: a client that tells of its leaving right behind its body, and still takes the answer, gets it."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if read:
            assert environ["wsgi.input"].read() == b"body"
        start_response("200 OK", [])
        return [b"whole"]

    received: list[str] = []

    async def main() -> None:
        messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": b"bo", "more_body": True},
            {"type": "http.request", "body": b"dy"},
        ]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            message = messages.pop(0) if messages else dict(DISCONNECT)
            received.append(message["type"])
            return message

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        with WsgiToAsgi(app) as asgi:
            await asgi(http_scope("POST"), receive, send)
        assert [message.get("body") for message in sent] == [None, b"whole"]

    run(main)
    assert "http.disconnect" not in received


def test_a_length_that_was_never_sent() -> None:
    """The law: an ASGI body that is shorter than its Content-Length ends, as it does without bridges."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(await receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    with AsgiToWsgi(app, lifespan="off") as wsgi, WsgiToAsgi(wsgi) as asgi:

        async def main() -> None:
            scope = http_scope("GET", headers=[(b"content-length", b"77")])
            async with Exchange(asgi, scope) as exchange:
                await exchange.finished.passed()
            assert exchange.response.body == b"ok"

        run(main)
    assert seen == [{"type": "http.request", "body": b"", "more_body": False}]


def test_an_upload_that_breaks_is_no_fault_of_the_application() -> None:
    """A2, B2, B3: an application that returns because its client left has not failed."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    with AsgiToWsgi(app, lifespan="off") as wsgi:
        answer = serve(wsgi, "POST", body=[b"half", ConnectionResetError("gone")], declared=100)
        assert [type(error) for error in answer.errors] == [ClientDisconnected]
        found = wsgi.stats()
    assert (found.completed, found.failed, found.disconnected) == (0, 0, 1)

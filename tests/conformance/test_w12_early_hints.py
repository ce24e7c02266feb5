"""W12: wsgi.early_hints."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.adapting import adapt, get
from tests.conformance.applications import PLAIN, environ_of
from tests.harness import Exchange, Gate, http_scope, run

OFFERED: dict[str, Any] = {"extensions": {"http.response.early_hint": {}}}
LINKS = [("Link", "</style.css>; rel=preload"), ("Link", "</app.js>; rel=preload")]


def test_only_where_it_is_offered() -> None:
    """W12: wsgi.early_hints is in the environ where the server offers http.response.early_hint, and only there."""
    assert callable(environ_of(scope=OFFERED)["wsgi.early_hints"])
    assert "wsgi.early_hints" not in environ_of()
    assert "wsgi.early_hints" not in environ_of(scope={"extensions": {"http.response.pathsend": {}}})


def test_sent_at_once() -> None:
    """W12: hints are sent at once, before the start."""
    hinted = Gate("the hint has arrived")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", list(PLAIN))
        environ["wsgi.early_hints"](LINKS)
        hinted.wait()
        return [b"body"]

    async def main() -> None:
        async with Exchange(adapt(app), http_scope(**OFFERED)) as exchange:
            await exchange.until(lambda: exchange.response.hints)
            assert exchange.response.status is None
            hinted.open()
        assert exchange.response.types == ["early_hint", "start", "body"] or exchange.response.complete
        assert [link for links in exchange.response.hints for link in links] == [
            b"</style.css>; rel=preload",
            b"</app.js>; rel=preload",
        ]

    run(main)


def test_more_than_once() -> None:
    """W12: hints may be sent several times, each at once."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        for link in LINKS:
            environ["wsgi.early_hints"]([link])
        start_response("200 OK", list(PLAIN))
        return [b"body"]

    response = get(app, scope=OFFERED)
    assert response.hints == [[b"</style.css>; rel=preload"], [b"</app.js>; rel=preload"]]
    assert response.body == b"body"


@pytest.mark.parametrize("pairs", [[("LINK", "<a>"), ("link", "<b>")], [(b"Link", b"<a>"), ("link", b"<b>")]])
def test_as_gunicorn_takes_them(pairs: Any) -> None:
    """W12: gunicorn's signature: pairs of names and values, as str or bytes, the name in any case."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["wsgi.early_hints"](pairs)
        start_response("200 OK", list(PLAIN))
        return [b"body"]

    response = get(app, scope=OFFERED)
    assert [link for links in response.hints for link in links] == [b"<a>", b"<b>"]


def test_other_headers() -> None:
    """W12: the message carries links alone; what is none is not sent as one."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["wsgi.early_hints"]([("Link", "<a>"), ("Server", "me")])
        environ["wsgi.early_hints"]([])
        start_response("200 OK", list(PLAIN))
        return [b"body"]

    response = get(app, scope=OFFERED)
    assert [link for links in response.hints for link in links] == [b"<a>"]
    assert response.complete


def test_ignored_after_the_start() -> None:
    """W12: after the start hints are ignored."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        yield b"body"
        environ["wsgi.early_hints"](LINKS)
        yield b"more"

    response = get(app, scope=OFFERED)
    assert (response.hints, response.body, response.complete, response.error) == ([], b"bodymore", True, None)


@pytest.mark.parametrize("value", ["<a>\r\nX-Injected: 1", "<\u20ac>", "\0"])
def test_refused(value: str) -> None:
    """W7, W12: line breaks, NUL and what is beyond latin-1 are refused here too."""
    caught: list[Exception] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            environ["wsgi.early_hints"]([("Link", value)])
        except Exception as error:
            caught.append(error)
        start_response("200 OK", list(PLAIN))
        return [b"body"]

    response = get(app, scope=OFFERED)
    assert response.hints == []
    assert len(caught) == 1

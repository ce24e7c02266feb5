"""Django's views answer the same bytes natively, by Django's own test client, and through the bridge."""

# Django comes without types, and the project depends on no stubs for it.
# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, override_settings
from django.utils import translation

from bridge import WsgiToAsgi
from tests.frameworks.bodies import form, upload
from tests.frameworks.content import CONTENT
from tests.frameworks.django_site import Finished, make_site, parsed
from tests.frameworks.law import (
    Answer,
    Request,
    Visit,
    answer,
    ask,
    get,
    head,
    post,
    same,
    through_the_bridge,
    visit,
)
from tests.harness.limits import eventually

WITHIN = 20.0

pytestmark = pytest.mark.usefixtures("django")


def both(directory: Path, *requests: Request, mount: str = "") -> list[Answer]:
    """The answers to the requests, which are the same natively and through the bridge."""
    # Django comes without types, and the project depends on no stubs for it.
    # mypy: disable-error-code="import-untyped"
    return same(lambda: make_site(directory), visit(*requests), mount=mount)


def statuses(answers: list[Answer]) -> list[int]:
    """The statuses, in order."""
    return [answer.status for answer in answers]


def test_sessions(tmp_path: Path) -> None:
    """Law: a session in a signed cookie counts on, in async views too, and is gone when it is flushed."""
    answers = both(
        tmp_path, get("/count"), get("/count"), get("/async?name=Ada"), get("/async"), get("/forget"), get("/count")
    )
    assert [parsed(answer.body) for answer in answers if answer.status == 200] == [
        {"count": 1},
        {"count": 2},
        {"name": "Ada", "seen": 1},
        {"name": None, "seen": 2},
        {"count": 1},
    ]


@pytest.mark.parametrize("mount", ["", "/app", "/café"])
def test_streams(tmp_path: Path, mount: str) -> None:
    """Law: a StreamingHttpResponse comes whole and without a length, at the root and under a mount."""
    [answer] = both(tmp_path, get("/stream"), mount=mount)
    assert answer.body.decode().splitlines()[-1] == f"99 for {mount}/stream"
    assert answer.all("content-length") == []


def test_files(tmp_path: Path) -> None:
    """Law, W11: a FileResponse, of a file and of memory, by GET, by HEAD, and with its tag."""

    def revisit() -> Visit:
        first = yield get("/file")
        assert first.body == CONTENT
        yield head("/file")
        second = yield get("/memory")
        assert second.body == CONTENT

    answers = same(lambda: make_site(tmp_path), revisit)
    assert statuses(answers) == [200, 200, 200]
    assert answers[1].body == b""
    assert "filename*=utf-8''%C3%9Cbersicht.bin" in answers[0].header("content-disposition")


def test_conditional_requests(tmp_path: Path) -> None:
    """Law, W9: what the client has already is 304 without a body."""

    def revisit() -> Visit:
        first = yield get("/large")
        yield get("/large", If_None_Match=first.header("etag"))
        yield get("/large", If_None_Match='"other"')

    answers = same(lambda: make_site(tmp_path), revisit)
    assert statuses(answers) == [200, 304, 200]
    assert answers[1].body == b""


def test_uploads_and_bodies(tmp_path: Path) -> None:
    """Law, W4: forms, files and plain bodies arrive whole, those that Django keeps on the disk too."""
    content = CONTENT * 12
    answers = both(
        tmp_path,
        form("/upload", name="ä&=+ %"),
        upload("/upload", {"name": "Ada"}, {"one": ("a.bin", content), "other": ("Übersicht.bin", b"\r\n--")}),
        post("/body", b"", "application/octet-stream"),
        Request("PUT", "/body", {}, CONTENT),
        Request("PUT", "/body", {}, content),
        get("/upload"),
    )
    assert statuses(answers) == [200, 200, 200, 200, 400, 405]
    assert parsed(answers[0].body)["form"] == {"name": ["ä&=+ %"]}
    assert set(parsed(answers[1].body)["files"]) == {"one", "other"}
    assert answers[3].body == b"PUT " + CONTENT


@pytest.mark.parametrize("mount", ["", "/app", "/app/deep", "/café"])
def test_paths(tmp_path: Path, mount: str) -> None:
    """Law, W2: paths, queries, headers and the addresses that Django makes are the same, mounted too."""
    targets = [
        "/where/x?a=1&b=%C3%A4",
        "/where/caf%C3%A9",
        "/where/a%2Fb",
        "/where/a%20b//c/",
        "/where/%FF",
        "/folder?x=1",
    ]
    answers = both(tmp_path, *map(get, targets), mount=mount)
    assert statuses(answers) == [200, 200, 200, 200, 200, 301]
    assert parsed(answers[1].body)["path"] == f"{mount}/where/café"
    assert parsed(answers[2].body)["rest"] == "a/b"


def test_cookies_and_errors(tmp_path: Path) -> None:
    """Law, W3, W13: several cookies, 204, and Django's pages for 403, 404 and 500."""
    answers = both(
        tmp_path,
        get("/cookies"),
        get("/cookies"),
        get("/nothing"),
        get("/forbidden"),
        get("/nowhere"),
        get("/broken"),
        get("/count", Host="elsewhere"),
    )
    assert statuses(answers) == [200, 200, 204, 403, 404, 500, 400]
    assert len(answers[0].all("set-cookie")) == 3
    assert parsed(answers[1].body) == {"first": "1", "second": "zwei"}


@pytest.mark.parametrize(
    "target", ["/count", "/async?name=Ada", "/stream", "/file", "/large", "/forbidden", "/nowhere"]
)
def test_django_s_own_client_gets_the_same(tmp_path: Path, target: str) -> None:
    """Law: Django's test client, which has a handler of its own, gets the answer that the bridge gives."""
    [bridged] = through_the_bridge(make_site(tmp_path), visit(get(target))())
    response = Client(SERVER_NAME="localhost").get(target, headers={"Accept-Language": "de, en;q=0.5"})
    body = b"".join(response.streaming_content) if response.streaming else response.content
    response.close()
    cookies = [("Set-Cookie", cookie.OutputString()) for cookie in response.cookies.values()]
    assert bridged == answer(response.status_code, [*response.items(), *cookies], body)


@pytest.mark.parametrize(
    "request_",
    [
        get("/count"),
        head("/count"),
        get("/async"),
        get("/stream"),
        head("/stream"),
        get("/file"),
        head("/file"),
        get("/nothing"),
        get("/broken"),
        get("/nowhere"),
    ],
    ids=lambda request: f"{request.method} {request.target}",
)
def test_the_end_of_a_request_is_told_once(tmp_path: Path, request_: Request) -> None:
    """W10, W14: `request_finished`, by which Django ends its connections, is sent once, in the request's thread."""
    with Finished() as finished:
        through_the_bridge(make_site(tmp_path), visit(request_, request_)())
        eventually(lambda: len(finished.threads) >= 2, "request_finished")
    assert len(finished.threads) == 2
    assert threading.get_ident() not in finished.threads


def test_an_activated_language_does_not_leak(tmp_path: Path) -> None:
    """W15: a language that one request activates is unknown to the next one on the same thread."""

    async def converse() -> None:
        async with asyncio.timeout(WITHIN):
            for _ in range(2):
                assert (await ask(adapter, get("/activate"))).body == b"Ja,Nein,Vielleicht"
                assert (await ask(adapter, get("/language"))).body == b"en yes,no,maybe"

    with WsgiToAsgi(make_site(tmp_path), threads=1) as adapter:
        asyncio.run(converse())


def test_a_language_of_outer_middleware_is_seen(tmp_path: Path) -> None:
    """W15: what ASGI middleware around the adapter activates is active in Django's views, and only there."""

    async def in_french(scope: Any, receive: Any, send: Any) -> None:
        with translation.override("fr"):
            await adapter(scope, receive, send)

    async def converse() -> None:
        async with asyncio.timeout(WITHIN):
            french, other = await asyncio.gather(ask(in_french, get("/language")), ask(adapter, get("/language")))
        assert french.body.startswith(b"fr ")
        assert other.body.startswith(b"en ")

    with WsgiToAsgi(make_site(tmp_path)) as adapter:
        asyncio.run(converse())


def test_the_debug_page_hides_the_session(tmp_path: Path) -> None:
    """W1: Django's page for a developer prints the environ; the session cookie's value is nowhere in it."""
    with override_settings(DEBUG=True):
        [page] = through_the_bridge(
            make_site(tmp_path), visit(get("/broken", Cookie="sessionid=the-session-of-ada; theme=dark"))()
        )
    assert page.status == 500
    assert b"asgi.scope" in page.body
    assert b"LookupError at /broken" in page.body
    assert b"dark" in page.body
    assert b"the-session-of-ada" not in page.body

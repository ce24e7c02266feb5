"""Flask's own views answer the same bytes natively and through the bridge."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.frameworks.bodies import form, upload
from tests.frameworks.content import CONTENT
from tests.frameworks.flask_site import MOST_CONTENT, make_site
from tests.frameworks.law import Answer, Request, Visit, get, head, post, same, visit


def both(directory: Path, *requests: Request, mount: str = "") -> list[Answer]:
    """The answers to the requests, which are the same natively and through the bridge."""
    return same(lambda: make_site(directory), visit(*requests), mount=mount)


def statuses(answers: list[Answer]) -> list[int]:
    """The statuses, in order."""
    return [answer.status for answer in answers]


def test_sessions_and_flashed_messages(tmp_path: Path) -> None:
    """Law: a session lives in its cookie from login to logout, and a flashed message is seen once."""
    answers = both(tmp_path, get("/"), form("/login", user="Ada"), get("/"), get("/"), get("/logout"), get("/"))
    assert statuses(answers) == [200, 302, 200, 200, 303, 200]
    assert json.loads(answers[2].body) == {"user": "Ada", "messages": [["greeting", "welcome, Grüße"]]}
    assert json.loads(answers[3].body) == {"user": "Ada", "messages": []}
    assert json.loads(answers[5].body) == {"user": None, "messages": [["message", "bye"]]}
    assert answers[1].header("vary") == "Cookie"


@pytest.mark.parametrize("mount", ["", "/app", "/app/deep", "/café"])
def test_streaming_with_context(tmp_path: Path, mount: str) -> None:
    """Law, W15: a stream reads the request context to its end, at the root and under a mount."""
    [answer] = both(tmp_path, get("/stream?name=Ada"), mount=mount)
    assert answer.body.splitlines()[-1] == b"99 for Ada at /stream"
    assert answer.all("content-length") == []


def test_streams_of_known_length_and_nothing(tmp_path: Path) -> None:
    """Law, W9: a declared length is kept with a stream, none is added to one, and 204 has no body."""
    known, nothing = both(tmp_path, get("/stream-of-known-length"), get("/nothing"))
    assert (known.header("content-length"), known.body) == ("3", b"abc")
    assert (nothing.status, nothing.body) == (204, b"")


def test_large_json(tmp_path: Path) -> None:
    """Law: a JSON answer of more than a megabyte is the same, bytes and length."""
    [answer] = both(tmp_path, get("/numbers"))
    assert json.loads(answer.body) == list(range(200_000))
    assert int(answer.header("content-length")) == len(answer.body) > 1_000_000


def test_whole_files(tmp_path: Path) -> None:
    """Law, W11: `send_file` gives the file with its length, tag and date, by GET and by HEAD."""
    whole, asked, memory = both(tmp_path, get("/file"), head("/file"), get("/memory"))
    assert whole.body == memory.body == CONTENT
    assert (asked.body, asked.headers) == (b"", whole.headers)
    assert whole.header("content-length") == str(len(CONTENT))


@pytest.mark.parametrize(
    ("asked", "content"),
    [
        ("bytes=0-9", CONTENT[:10]),
        ("bytes=300-99999", CONTENT[300:100_000]),
        ("bytes=-7", CONTENT[-7:]),
        ("bytes=262143-", CONTENT[-1:]),
    ],
    ids=["first", "middle", "last", "to the end"],
)
def test_ranges_of_files(tmp_path: Path, asked: str, content: bytes) -> None:
    """Law, W11: a part of a file is that part, with 206, its Content-Range and its length."""
    for answer in both(tmp_path, get("/file", Range=asked), get("/attachment", Range=asked)):
        assert (answer.status, answer.body) == (206, content)
        assert answer.header("content-length") == str(len(content))
        assert answer.header("content-range").endswith(f"/{len(CONTENT)}")


def test_a_range_beyond_the_file(tmp_path: Path) -> None:
    """Law: a range that the file does not have is 416."""
    [answer] = both(tmp_path, get("/file", Range="bytes=999999-"))
    assert answer.status == 416


def test_conditional_requests(tmp_path: Path) -> None:
    """Law, W9: what the client has already is 304 without a body, with its tag, for files and for other answers."""

    def revisit() -> Visit:
        for target in ("/file", "/etag"):
            first = yield get(target)
            tag = first.header("etag")
            yield get(target, If_None_Match=tag)
            yield head(target, If_None_Match=tag)
            yield get(target, If_None_Match='"other"')
            yield get(target, If_Match='"other"')

    answers = same(lambda: make_site(tmp_path), revisit)
    assert statuses(answers) == [200, 304, 304, 200, 412, 200, 304, 304, 200, 412]
    assert [answer.body for answer in answers if answer.status == 304] == [b""] * 4


def test_attachments(tmp_path: Path) -> None:
    """Law, W7: a download's name with letters beyond latin-1 is in its header as Flask encodes it."""
    [answer] = both(tmp_path, get("/attachment"))
    assert "filename*=UTF-8''%C3%9Cbersicht%20%E2%82%AC.bin" in answer.header("content-disposition")
    assert answer.body == CONTENT


@pytest.mark.leaves("threads", reason="asgiref's executor without a bridge, which the logged error's traceback holds")
def test_async_views(tmp_path: Path) -> None:
    """Law, W16: an async view answers, and its error is the same 500."""
    answer, error, headed = both(tmp_path, get("/async?name=Ada"), get("/async-error"), head("/async?name=Ada"))
    assert json.loads(answer.body) == {"asynchronous": True, "name": "Ada"}
    assert error.status == 500
    assert (headed.status, headed.body) == (200, b"")


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 409, 410, 413, 418, 422, 429, 500, 501, 503])
def test_aborts(tmp_path: Path, code: int) -> None:
    """Law: `abort` gives Flask's page for each status, or the application's own."""
    [answer] = both(tmp_path, get(f"/abort/{code}"))
    assert answer.status == code
    assert answer.body


def test_error_pages(tmp_path: Path) -> None:
    """Law, W13: what Flask answers for errors is passed on: 404, 405, 400, an aborting response, and 500."""
    answers = both(
        tmp_path,
        get("/nowhere"),
        head("/nowhere"),
        get("/login"),
        Request("DELETE", "/"),
        Request("OPTIONS", "/body"),
        get("/missing-key"),
        get("/abort-with-response"),
        get("/boom"),
    )
    assert statuses(answers) == [404, 404, 405, 405, 200, 400, 418, 500]
    assert sorted(answers[2].header("allow").split(", ")) == ["OPTIONS", "POST"]
    assert answers[6].header("x-custom") == "ä"


def test_redirects(tmp_path: Path) -> None:
    """Law: redirects of the router and of views, relative and with letters beyond ASCII, are the same, mounted too."""
    for mount in ("", "/app"):
        answers = both(tmp_path, get("/folder?x=1"), get("/folder/"), mount=mount)
        assert statuses(answers) == [308, 302]
        assert answers[0].header("location") == f"http://localhost{mount}/folder/?x=1"


def test_cookies(tmp_path: Path) -> None:
    """Law, W3: each Set-Cookie is a header of its own, and what a client sends back is read again."""
    first, second = both(tmp_path, get("/cookies"), get("/cookies"))
    assert len(first.all("set-cookie")) == 3
    assert first.all("vary") == ["Cookie", "Accept-Language"]
    assert json.loads(second.body) == {"first": "1", "second": "zwei; ä,"}


@pytest.mark.parametrize("size", [0, 1, 65_443, 320_000, 3_000_000])
def test_multipart_uploads(tmp_path: Path, size: int) -> None:
    """Law, W4: fields and files of every size arrive whole."""
    content = (CONTENT * (size // len(CONTENT) + 1))[:size]
    files = {"one": ("a.bin", content), "other": ("Übersicht.bin", b"\r\n--" + content[::-1])}
    [answer] = both(tmp_path, upload("/upload", {"name": "Ada", "note": "ä\r\nb"}, files))
    assert answer.status == 200
    received = json.loads(answer.body)
    assert received["form"] == {"name": ["Ada"], "note": ["ä\r\nb"]}
    assert set(received["files"]) == {"one", "other"}


def test_bodies(tmp_path: Path) -> None:
    """Law, W4: JSON, forms, lines and plain bytes arrive with every method, and a body may stay unread."""
    answers = both(
        tmp_path,
        form("/upload", name="ä&=+ %", empty=""),
        post("/json", b'{"a": [1, null, "\\u00e4"]}', "application/json"),
        post("/json", b"{", "application/json"),
        post("/json", b"{}", "text/plain"),
        post("/lines", b"one\ntwo\r\nthree", "text/plain"),
        post("/body", b"", "application/octet-stream"),
        Request("PUT", "/body", {}, CONTENT),
        Request("PATCH", "/body", {}, b"patch"),
        Request("DELETE", "/body", {}, b"delete"),
        Request("GET", "/body", {}, b"a body with GET"),
        post("/unread", CONTENT * 8, "application/octet-stream"),
    )
    assert statuses(answers) == [200, 200, 400, 415, 200, 200, 200, 200, 200, 200, 200]
    assert answers[6].body == b"PUT " + CONTENT
    assert json.loads(answers[4].body) == ["one\n", "two\r\n", "three"]


def test_bodies_that_are_too_large(tmp_path: Path) -> None:
    """Law: Flask's own limit answers 413."""
    answers = both(tmp_path, upload("/upload", {}, {"one": ("a.bin", bytes(MOST_CONTENT + 1))}))
    assert statuses(answers) == [413]


@pytest.mark.parametrize("mount", ["", "/app", "/app/deep", "/café"])
def test_urls(tmp_path: Path, mount: str) -> None:
    """Law, W2: paths, queries and the addresses that Flask makes are the same at the root and under a mount."""
    targets = [
        "/where/x?a=1&a=2&b=%C3%A4",
        "/where/caf%C3%A9",
        "/where/a%2Fb",
        "/where/a%20b//c/",
        "/where/%FF",
        "/where/x?%FF=%80",
    ]
    answers = both(tmp_path, *map(get, targets), mount=mount)
    assert statuses(answers) == [200] * 6
    assert json.loads(answers[0].body)["internal"] == f"{mount}/"
    assert json.loads(answers[1].body)["rest"] == "café"
    assert json.loads(answers[2].body)["rest"] == "a/b"


def test_the_environ(tmp_path: Path) -> None:
    """Law, W1: every variable of CGI and every header that both clients send has the same value."""
    for mount in ("", "/app"):
        [answer] = both(tmp_path, get("/environ?a=%20b", X_Custom="a, b", Accept="*/*"), mount=mount)
        environ = json.loads(answer.body)
        assert environ["SCRIPT_NAME"] == mount
        assert environ["HTTP_X_CUSTOM"] == "a, b"

"""A8: extensions, offered only where they work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from starlette.responses import FileResponse

from bridge import ApplicationError
from tests.conformance.asgi_adapting import adapt, calling, get
from tests.conformance.asgi_applications import END, PLAIN, STARTED, answer, scope_of
from tests.harness import until
from tests.harness.native import chunk, sending, start
from tests.harness.wsgi_call import Call, serve
from tests.harness.wsgi_file_wrapper import FileWrapper

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with content."""
    path = tmp_path / "file.bin"
    path.write_bytes(CONTENT)
    return path


def sending_file(path: Path, *headers: tuple[bytes, bytes]) -> Any:
    """Return an application that answers with a file by `pathsend`."""
    return sending(start(200, PLAIN, *headers), {"type": "http.response.pathsend", "path": str(path)})


def test_offered_where_they_work() -> None:
    """A8: pathsend where there is a wsgi.file_wrapper, early hints where there is wsgi.early_hints; else neither."""
    assert scope_of()["extensions"] == {}
    assert scope_of(files=True)["extensions"].keys() == {"http.response.pathsend"}
    assert scope_of(early_hints=True)["extensions"].keys() == {"http.response.early_hint"}


def test_pathsend(file: Path) -> None:
    """A8: http.response.pathsend uses the server's wsgi.file_wrapper: what it makes is returned itself."""
    got = get(sending_file(file, (b"content-length", b"%d" % len(CONTENT))), files=True)
    assert type(got.iterable) is FileWrapper
    assert (got.body, got.complete, got.error) == (CONTENT, True, None)
    assert got.iterable.filelike.closed


@pytest.mark.parametrize("take", [0, 1])
def test_pathsend_given_up(file: Path, take: int) -> None:
    """A8: the file is closed when the server closes early."""
    got = get(sending_file(file), files=True, take=take)
    assert got.iterable.filelike.closed


def test_pathsend_for_head(file: Path) -> None:
    """A4: HEAD has no body, of a file neither, and keeps the headers."""
    got = get(sending_file(file, (b"content-length", b"%d" % len(CONTENT))), "HEAD", files=True)
    assert (got.body, got.header("content-length"), got.complete) == (b"", str(len(CONTENT)), True)


def test_missing_file(tmp_path: Path) -> None:
    """A8: a file that is not there is an error, and nothing was sent."""
    got = get(sending_file(tmp_path / "missing"), files=True)
    assert got.error is not None
    assert got.status is None


def test_pathsend_in_a_wrong_place(file: Path) -> None:
    """A4: pathsend before the start and after the body has begun is a wrong order, which raises in the application."""
    path = {"type": "http.response.pathsend", "path": str(file)}
    for messages in ([path], [STARTED, chunk(b"x"), path]):
        got = get(sending(*messages), files=True)
        assert isinstance(got.error, ApplicationError)
        assert not got.complete


def test_body_after_pathsend(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A4, A8: so is a body after it; the answer is the server's own object by then, so the error is logged."""
    path = {"type": "http.response.pathsend", "path": str(file)}
    got = get(sending(STARTED, path, END), files=True)
    assert (got.body, got.complete, got.errors) == (CONTENT, True, [])
    assert [type(record.exc_info[1]) for record in caplog.records if record.exc_info] == [ApplicationError]


@pytest.mark.parametrize("files", [True, False])
def test_starlette_file_response(file: Path, files: bool) -> None:
    """A8: Starlette's FileResponse, with the extension and without."""
    got = get(FileResponse(file), files=files)
    assert (got.body, got.complete, got.error) == (CONTENT, True, None)
    assert got.header("content-length") == str(len(CONTENT))
    assert (type(got.iterable) is FileWrapper) == files


def test_fastapi_file_with_ranges(file: Path) -> None:
    """A8: a part of a file."""
    app = FastAPI()

    @app.get("/")
    def endpoint() -> FileResponse:
        return FileResponse(file)

    got = get(app, headers=[("Range", "bytes=10-19")], files=True)
    assert (got.code, got.body) == (206, CONTENT[10:20])


def test_early_hints() -> None:
    """A8: http.response.early_hint uses wsgi.early_hints, before the start (in the request's thread: the harness)."""
    hint = {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload", b"</b.js>"]}
    got = get(sending(hint, hint, STARTED, END), early_hints=True)
    links = [("Link", "</a.css>; rel=preload"), ("Link", "</b.js>")]
    assert got.hints == [links, links]
    assert got.steps[:3] == ["hint", "hint", "start"]


def test_early_hint_goes_out_at_once() -> None:
    """A8: a hint goes out while the application prepares its answer."""
    hint = {"type": "http.response.early_hint", "links": [b"</a.css>"]}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(hint)
        await until(lambda: call.answer.hints, "the hint went out")
        await answer(send)

    call = Call(adapt(app), early_hints=True)
    with call:
        pass
    assert call.answer.steps[:2] == ["hint", "start"]


def test_late_early_hint() -> None:
    """A8: a hint after the start is ignored."""
    hint = {"type": "http.response.early_hint", "links": [b"</a.css>"]}
    got = get(sending(STARTED, hint, chunk(b"x"), hint, END), early_hints=True)
    assert (got.body, got.complete, got.hints) == (b"x", True, [])


def test_failing_early_hints() -> None:
    """A8: a server that fails to send hints still sends the answer."""

    def fail(headers: Any) -> None:
        raise OSError("on purpose")

    hint = {"type": "http.response.early_hint", "links": [b"</a.css>"]}
    call = calling(sending(hint, STARTED, END), environ={"wsgi.early_hints": fail})
    with call:
        pass
    assert (call.answer.code, call.answer.complete) == (200, True)


def test_large_file_is_not_held(file: Path) -> None:
    """A8: the application is done when the file is handed over; the server sends it at its own pace."""
    adapter = adapt(sending_file(file))
    with Call(adapter, files=True, hold_after=1) as call:
        call.held.wait()
        assert serve(adapter, files=True).body == CONTENT
        assert adapter.stats().in_flight == 0
        call.resume.open()
    assert call.answer.body == CONTENT

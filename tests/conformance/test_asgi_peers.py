"""Bugs that users met in other adapters of this direction, each asked for by its symptom."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import threading
import warnings
from io import BytesIO
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.responses import StreamingResponse

from bridge import AsgiToWsgi
from tests.conformance.asgi_adapting import adapt, get
from tests.conformance.asgi_applications import END, PLAIN, STARTED, answer, answering, body_of, endless, scope_of
from tests.conformance.asgi_lifespan import WithLifespan
from tests.harness import OMIT, Gate, eventually, run_python
from tests.harness.native import chunk, sending, start
from tests.harness.wsgi_call import Call, serve


def test_made_before_a_fork() -> None:
    """A9: not: an adapter made before a fork (gunicorn --preload, uWSGI, Passenger) hangs in the child for ever."""
    finished = run_python("""
        import io, os, signal, sys
        from bridge import AsgiToWsgi

        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"served"})

        wsgi = AsgiToWsgi(app)
        pid = os.fork()
        if pid == 0:
            signal.alarm(10)
            environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO()}
            print(b"".join(wsgi(environ, lambda *_: None)), flush=True)
            os._exit(0)
        sys.exit(os.waitpid(pid, 0)[1])
    """)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "b'served'\n", "")


def test_lifespan_runs() -> None:
    """A10: not: lifespan never runs."""
    app = WithLifespan()
    adapter = AsgiToWsgi(app)
    serve(adapter)
    adapter.close()
    assert app.seen == ["startup", "shutdown"]


def test_background_work_holds_no_thread() -> None:
    """A7: not: a WSGI thread is kept until background tasks end."""
    go_on = Gate("go on")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)
        await go_on.passed()

    call = Call(adapt(app))
    with call:
        call.finished.wait(2)
    assert not go_on.is_open
    go_on.open()


def test_background_work_is_not_cancelled() -> None:
    """A7: not: background work is cancelled some time after the response."""
    over = Gate("over")
    ended: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)
        try:
            await asyncio.sleep(0.1)
            ended.append("by itself")
        finally:
            over.open()

    serve(adapt(app))
    over.wait()
    assert ended == ["by itself"]


def test_no_thread_for_each_instance() -> None:
    """B1: not: a daemon thread for each instance, for ever."""
    before = threading.active_count()
    adapters = [adapt(answering()) for _ in range(30)]
    for adapter in adapters:
        serve(adapter)
    assert threading.active_count() <= before + 1


def test_client_that_leaves_leaves_no_task() -> None:
    """A6: not: the application's task is kept for ever when the client leaves."""
    adapter = adapt(endless, disconnect_grace=0.01)
    for _ in range(5):
        serve(adapter, take=1)
    eventually(lambda: adapter.stats().in_flight == 0, "every task has ended")
    assert adapter.stats().stuck == 0


def test_no_task_destroyed_while_pending(caplog: pytest.LogCaptureFixture) -> None:
    """B1: not: "Task was destroyed but it is pending" after streams that end and streams that are given up."""
    app = FastAPI()

    @app.get("/")
    def index() -> StreamingResponse:
        return StreamingResponse(BytesIO(b"a\n" * 1000), media_type="text/plain")

    with warnings.catch_warnings(), caplog.at_level(logging.WARNING, "asyncio"):
        warnings.simplefilter("error")
        adapter = adapt(app)
        for take in (None, 1, 2):
            serve(adapter, take=take)
        eventually(lambda: adapter.stats().in_flight == 0, "all is over")
        adapter.close()
        gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


def test_streaming_response_of_a_file() -> None:
    """A4: not: a StreamingResponse of a file breaks off."""
    content = b"a" * 5 * 1024
    app = FastAPI()

    @app.get("/")
    def index() -> StreamingResponse:
        headers = {"content-disposition": "filename=a.png"}
        return StreamingResponse(BytesIO(content), media_type="application/octet-stream", headers=headers)

    got = get(app)
    assert (got.body, got.complete, got.error) == (content, True, None)


def test_answer_before_the_iteration() -> None:
    """A4: not: start_response is called at the first next() only."""
    got = get(answering(), take=0)
    assert got.steps[:2] == ["start", "return"]


def test_chunked_upload_is_not_empty() -> None:
    """A2: not: a body without CONTENT_LENGTH is taken for an empty one, though the server ends it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, await body_of(receive))

    assert get(app, "POST", body=[b"not ", b"empty"], declared=False, terminated=True).body == b"not empty"


def test_short_upload_does_not_spin() -> None:
    """A2: not: an upload that breaks off gives empty messages for ever, and the thread spins."""
    received: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while len(received) < 100:
            received.append(await receive())
            if received[-1]["type"] == "http.disconnect":
                break
        await answer(send)

    get(app, "POST", body=b"short", declared=100_000)
    assert len(received) <= 3
    assert received[-1]["type"] == "http.disconnect"


@pytest.mark.parametrize("path", ["/%ff".replace("%ff", "\xff"), "/\xc3\x28", "/\x80abc"])
def test_path_that_is_no_utf_8(path: str) -> None:
    """A1: not: a path that is no UTF-8 is a 500."""
    assert get(answering(), path=path).code == 200


def test_query_that_is_no_ascii() -> None:
    """A1: not: a query with raw bytes is a 500."""
    assert scope_of(environ={"QUERY_STRING": "q=\xff"})["query_string"] == b"q=\xff"


@pytest.mark.parametrize(
    "environ", [{"SERVER_PORT": ""}, {"SERVER_PORT": "x"}, {"REMOTE_PORT": "x"}, {"REMOTE_PORT": OMIT}]
)
def test_ports(environ: dict[str, Any]) -> None:
    """A1: not: an empty or unknown port is a 500."""
    assert get(answering(), environ=environ).code == 200


def test_raw_path_is_there() -> None:
    """A1: not: raw_path is missing, and an encoded slash is lost."""
    assert scope_of(path="/a/b", environ={"REQUEST_URI": "/a%2Fb"})["raw_path"] == b"/a%2Fb"


@pytest.mark.parametrize("status", [299, 499, 599])
def test_status_that_nobody_named(status: int) -> None:
    """A4: not: a status without a standard reason phrase is an error."""
    assert get(answering(status=status)).code == status


def test_message_without_optional_keys() -> None:
    """A4: not: a start without headers is a KeyError that hangs the request."""
    got = get(sending({"type": "http.response.start", "status": 204}, {"type": "http.response.body"}))
    assert (got.code, got.complete) == (204, True)


def test_unknown_message_does_not_hang() -> None:
    """A4: not: a message of an unknown type hangs the application."""
    got = get(sending({"type": "http.response.unknown"}))
    assert got.error is not None


def test_nothing_answered_does_not_hang() -> None:
    """A8: not: an application that returns without an answer hangs its WSGI thread for ever."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        return

    assert serve(adapt(app), limit=5).error is not None


def test_cancelled_application_does_not_hang() -> None:
    """A8: not: an application whose task is cancelled hangs its WSGI thread for ever."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise asyncio.CancelledError

    assert serve(adapt(app), limit=5).error is not None


def test_error_is_the_servers() -> None:
    """A8: not: an error is answered with a text of the adapter's own, and the server's log never sees it."""
    error = LookupError("mine")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    assert get(app).errors == [error]


def test_error_after_the_body_began() -> None:
    """A8: not: a response that broke off looks whole."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(STARTED)
        await send(chunk(b"half"))
        raise LookupError("mine")

    assert not get(app).complete


def test_chunked_header_is_dropped() -> None:
    """A4: not: Transfer-Encoding of the application's reaches the WSGI server, which breaks the framing."""
    got = get(sending(start(200, PLAIN, (b"transfer-encoding", b"chunked")), chunk(b"x"), END))
    assert got.values("transfer-encoding") == []


def test_context_variables_are_not_lost() -> None:
    """A12: not: context variables of the caller are lost."""
    var = contextvars.ContextVar("var", default="lost")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, var.get().encode())

    adapter = adapt(app)

    def middleware(environ: dict[str, Any], start_response: Any) -> Any:
        var.set("found")
        return adapter(environ, start_response)

    assert serve(middleware).body == b"found"


def test_head_has_no_body() -> None:
    """A4: not: the body of an answer to HEAD reaches the server."""
    assert get(answering(b"body"), "HEAD").body == b""


def test_no_empty_chunk_at_the_end() -> None:
    """A4: not: a chunk after the last one, so that no server can tell the length."""
    got = get(answering(b"body"))
    assert got.chunks == [b"body"]


def test_receive_twice_after_the_body() -> None:
    """A3: not: a second receive() after the body is never answered, though the response is over."""
    over = Gate("over")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await body_of(receive)
        await answer(send)
        for _ in range(3):
            assert (await receive())["type"] == "http.disconnect"
        over.open()

    serve(adapt(app))
    over.wait()

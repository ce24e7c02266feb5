"""Bugs that users met in other adapters, each asked for by its symptom."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
import time
from contextlib import closing
from typing import Any

import flask
import pytest
from asgiref.sync import async_to_sync
from werkzeug.formparser import parse_form_data

from tests.conformance.adapting import adapt, get
from tests.conformance.applications import PLAIN, Chunks, answering, endless, environ_of, result_in_app, streaming
from tests.harness import DISCONNECT, Exchange, Gate, fetch, request, run, together, until


def test_multipart_upload_stored_whole() -> None:
    """W4: not: readline(n) gives b"" where a message ends, and a multipart upload of 320,000 bytes is cut to 65,443."""
    content = bytes(range(256)) * 1250
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\nContent-Type: a/b\r\n\r\n'
    body = head + content + b"\r\n--b--\r\n"

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        _, _, files = parse_form_data(environ)
        with closing(files["f"]) as file:
            same = file.read() == content
        start_response("200 OK", list(PLAIN))
        return [b"same" if same else b"different"]

    headers = [(b"content-type", b"multipart/form-data; boundary=b")]
    declared = [*headers, (b"content-length", str(len(body)).encode())]
    for size in (65_443, 65_536, 1000):
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        for given in (headers, declared):
            assert get(app, "POST", body=pieces, headers=given, valid=False).body == b"same"


def test_readline_on_an_empty_buffer() -> None:
    """W4: not: readline(n) returns b"" when nothing is buffered yet."""
    found = result_in_app(
        lambda environ: [environ["wsgi.input"].readline(100) for _ in range(3)],
        "POST",
        body=[b"", b"a\n", b"", b"b\n", b""],
        options={"body": "stream"},
    )
    assert found == [b"a\n", b"b\n", b""]


def test_readlines_hint_counts_bytes() -> None:
    """W4: not: readlines(hint) counts lines."""
    found = result_in_app(lambda environ: environ["wsgi.input"].readlines(2), "POST", body=b"aaaa\nbbbb\ncccc\n")
    assert found == [b"aaaa\n"]


def test_read_none() -> None:
    """W4: not: read(None) fails."""
    assert result_in_app(lambda environ: environ["wsgi.input"].read(None), "POST", body=b"all") == b"all"


def test_disconnect_is_no_end_of_file() -> None:
    """W5: not: a disconnect is read as the end of the file."""
    running = Gate("running")

    def read(environ: dict[str, Any]) -> bytes:
        running.open()
        found: bytes = environ["wsgi.input"].read(-1)
        return found

    with pytest.raises(OSError, match="/"):
        result_in_app(read, "POST", body=[b"half", running, DISCONNECT])


def test_exc_info_changes_the_status() -> None:
    """W7: not: the start is sent inside start_response, and exc_info cannot change the status any more."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", list(PLAIN))
        time.sleep(0.01)
        try:
            raise LookupError("after the start")
        except LookupError:
            start_response("500 Oops", list(PLAIN), sys.exc_info())
        return [b"sorry"]

    assert get(app).status == 500


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", ["204 No Content", "200 OK", "304 Not Modified"])
def test_start_for_an_empty_iterable(method: str, status: str) -> None:
    """W7: not: no start is sent for an empty iterable, and 204 and HEAD become 500."""
    headers = [] if status != "200 OK" else PLAIN
    for kind in (list, iter):

        def app(environ: dict[str, Any], start_response: Any, kind: Any = kind) -> Any:
            start_response(status, list(headers))
            return kind([])

        response = get(app, method, valid=False)
        assert (response.status, response.complete, response.error) == (int(status[:3]), True, None)


def test_close_is_called() -> None:
    """W10: not: close() is never called."""
    chunks = Chunks([b"x"])
    get(streaming(lambda: chunks), valid=False)
    assert chunks.closed == 1


def test_close_is_called_on_disconnect() -> None:
    """W10: not: close() is not called when the client disconnects."""
    chunks = Chunks(endless())

    async def main() -> None:
        async with Exchange(adapt(streaming(lambda: chunks))) as exchange:
            await exchange.until(lambda: exchange.response.body)
            exchange.disconnect()
        await until(lambda: chunks.closed, "close() runs")

    run(main)


def test_more_than_one_thread() -> None:
    """W14: not: one thread for the whole process."""
    meeting = threading.Barrier(5, timeout=10)

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        meeting.wait()
        start_response("200 OK", list(PLAIN))
        return [b"met"]

    async def main() -> None:
        adapter = adapt(app)
        exchanges = [Exchange(adapter) for _ in range(5)]
        async with together(exchanges):
            pass
        for exchange in exchanges:
            assert exchange.response.body == b"met"

    run(main)


def test_twelve_vanished_clients() -> None:
    """W18: not: twelve clients that vanish take twelve threads for ever, and the pool is dead."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        return endless() if environ["PATH_INFO"] == "/" else [b"alive"]

    async def main() -> None:
        adapter = adapt(app, threads=10)
        for _ in range(12):
            async with Exchange(adapter) as exchange:
                await exchange.until(lambda exchange=exchange: exchange.response.body)  # type: ignore[misc]
                exchange.disconnect()
        assert (await request(adapter, path="/next")).body == b"alive"

    run(main)


def test_api_does_not_cut_apiv2() -> None:
    """W2: not: /api cuts /apiv2."""
    environ = environ_of(path="/apiv2/x", scope={"root_path": "/api"})
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/api", "/apiv2/x")


def test_cookie_with_semicolon() -> None:
    """W3: not: Cookie is joined by a comma."""
    assert environ_of(headers=[(b"cookie", b"a=1"), (b"cookie", b"b=2")])["HTTP_COOKIE"] == "a=1; b=2"


def test_underscores_do_not_merge() -> None:
    """W3: not: X_Real_User is merged with X-Real-User."""
    environ = environ_of(headers=[(b"x-real-user", b"proxy"), (b"x_real_user", b"client")])
    assert environ["HTTP_X_REAL_USER"] == "proxy"


def test_proxy_is_not_passed_on() -> None:
    """W3: not: Proxy becomes HTTP_PROXY."""
    assert "HTTP_PROXY" not in environ_of(headers=[(b"proxy", b"http://evil")])


def test_chunked_upload_is_not_empty() -> None:
    """W1: not: chunked uploads are empty in Flask, because wsgi.input_terminated is missing."""
    app = flask.Flask(__name__)

    @app.post("/")
    def view() -> Any:
        return flask.request.get_data()

    headers = [(b"transfer-encoding", b"chunked"), (b"content-type", b"application/octet-stream")]
    assert get(app, "POST", headers=headers, body=[b"not ", b"empty", b""], valid=False).body == b"not empty"


@pytest.mark.parametrize("mode", ["auto", "stream", "spool"])
def test_body_is_not_joined_in_quadratic_time(mode: str) -> None:
    """W4: not: a body in many pieces is joined in quadratic time."""

    def seconds(count: int) -> float:
        begin = time.process_time()
        found = result_in_app(
            lambda environ: len(environ["wsgi.input"].read(-1)),
            "POST",
            body=[*[b"x" * 2000] * count, b""],
            options={"body": mode, "prefetch_size": 100_000_000},
        )
        assert found == 2000 * count
        return time.process_time() - begin

    seconds(100)
    small = min(seconds(500), seconds(500))
    # Four times the pieces: four times as long, and sixteen times if joined anew for each
    assert min(seconds(2000), seconds(2000)) < 9 * max(small, 0.01)


def test_many_equal_headers() -> None:
    """W3: not: 40,000 equal headers freeze the loop for seconds."""
    adapter = adapt(answering(b"ok"), max_headers=50_000)
    begin = time.process_time()
    assert fetch(adapter, headers=[(b"x-a", b"x")] * 40_000).status == 200
    assert time.process_time() - begin < 1


@pytest.mark.parametrize("status", ["200", "404", "599"])
def test_status_without_a_reason(status: str) -> None:
    """W7: not: a status without a reason phrase crashes."""
    response = get(answering(b"x", status=status), valid=False)
    assert (response.status, response.error) == (int(status), None)


def test_latin_1_header() -> None:
    """W7: not: a latin-1 header value crashes."""
    response = get(answering(b"x", headers=[*PLAIN, ("X-Name", "Andr\xe9")]))
    assert response.header(b"x-name") == b"Andr\xe9"


@pytest.mark.parametrize("server", [("127.0.0.1", 8000), ("127.0.0.1", None), ("/run/x.sock", None), None])
def test_server_port_is_a_string(server: Any) -> None:
    """W1: not: SERVER_PORT is an int, None or "None"."""
    port = environ_of(scope={"server": server})["SERVER_PORT"]
    assert type(port) is str
    assert port.isdigit()


def test_response_queue_is_bounded() -> None:
    """W17: not: chunks pile up without end in front of a slow client."""
    chunks = Chunks(endless(b"x" * 10_000))

    async def main() -> None:
        async with Exchange(adapt(streaming(lambda: chunks), write_buffer=65_536), stall_after=1) as exchange:
            await exchange.stalled.passed()
            await asyncio.sleep(0.1)
            assert chunks.taken * 10_000 - len(exchange.response.body) <= 65_536 + 10_000
            exchange.disconnect()

    run(main)


def test_async_views_share_a_loop() -> None:
    """W16: not: each call of an async view makes a new loop."""
    loops: list[int] = []

    async def view() -> None:
        loops.append(id(asyncio.get_running_loop()))

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        async_to_sync(view)()
        async_to_sync(view)()
        start_response("200 OK", list(PLAIN))
        return [b"x"]

    async def main() -> None:
        adapter = adapt(app)
        await request(adapter)
        await request(adapter)
        assert set(loops) == {id(asyncio.get_running_loop())}
        assert len(loops) == 4

    run(main)


def test_context_variables_are_not_lost() -> None:
    """W15: not: context variables of outer middleware are lost."""
    var = contextvars.ContextVar("var", default="lost")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", list(PLAIN))
        return [var.get().encode()]

    adapter = adapt(app)

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        var.set("found")
        await adapter(scope, receive, send)

    assert fetch(middleware).body == b"found"

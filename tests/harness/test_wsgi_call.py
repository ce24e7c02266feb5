"""Each rule of PEP 3333 that the harness checks can be broken, and the harness says so."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.harness import OMIT, Gate, Violation
from tests.harness.wsgi_call import Call, serve

PLAIN = [("Content-Type", "text/plain")]


def answering(*chunks: Any, status: Any = "200 OK", headers: Any = PLAIN) -> Any:
    """Return a WSGI application, right or wrong."""

    def app(environ: dict[str, Any], start_response: Any) -> list[Any]:
        start_response(status, list(headers) if headers is PLAIN else headers)
        return list(chunks)

    return app


@pytest.mark.parametrize("valid", [True, False])
def test_correct_answer(valid: bool) -> None:
    """The harness takes a correct answer, chunk by chunk."""
    answer = serve(answering(b"one", b"two", headers=[*PLAIN, ("Content-Length", "6")]), valid=valid)
    assert (answer.code, answer.body, answer.complete, answer.error) == (200, b"onetwo", True, None)
    assert answer.steps == ["start", "return", "chunk", "chunk", "end", *(["close"] if valid else [])]
    assert answer.header("content-type") == "text/plain"


@pytest.mark.parametrize("valid", [True, False])
@pytest.mark.parametrize("read1", [True, False])
def test_body(valid: bool, read1: bool) -> None:
    """The body comes as scripted: read() waits for all that was asked for, read1() takes what is there."""
    gate = Gate()
    sizes: list[int] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        read = environ["wsgi.input"].read1 if read1 else environ["wsgi.input"].read
        sizes.extend([len(read(1)), len(read(4))])
        return answering(b"x")(environ, start_response)  # type: ignore[no-any-return]

    with Call(app, "POST", body=[b"ab", gate, b"cde"], read1=read1, valid=valid) as call:
        assert call.environ["CONTENT_LENGTH"] == "5"
        if not read1:
            call.input.reading.wait()
        gate.open()
    assert sizes == ([1, 1] if read1 else [1, 4])
    assert call.input.given == sum(sizes)


def test_lines() -> None:
    """A line ends where it ends, at its size, and at the end of the body."""
    lines: list[bytes] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        lines.extend(environ["wsgi.input"].readline(4) for _ in range(5))
        return answering(b"x")(environ, start_response)  # type: ignore[no-any-return]

    serve(app, body=[b"a", b"b\nc\nde", b"fgh"], terminated=True)
    assert lines == [b"ab\n", b"c\n", b"defg", b"h", b""]


@pytest.mark.parametrize(
    ("app", "complaint"),
    [
        (answering(b"x", status="200"), "reason phrase"),
        (answering(b"x", status="OK"), "reason phrase"),
        (answering(b"x", status=b"200 OK"), "reason phrase"),
        (answering(b"x", headers=()), "must be a list"),
        (answering(b"x", headers=[["a", "b"]]), "must be a tuple"),
        (answering(b"x", headers=[(b"a", "b")]), "must be a tuple"),
        (answering(b"x", headers=[("a b", "b")]), "no header name"),
        (answering(b"x", headers=[("Status", "200")]), "no header name"),
        (answering(b"x", headers=[("a", "b\r\nc: d")]), "no header value"),
        (answering(b"x", headers=[("a", "\u20ac")]), "no header value"),
        (answering(b"x", headers=[("Transfer-Encoding", "chunked")]), "hop-by-hop"),
        (answering("x"), "must be bytes"),
        (answering(bytearray(b"x")), "must be bytes"),
        (answering(b"xy", headers=[("Content-Length", "1")]), "2 bytes"),
        (answering(b"x", headers=[("Content-Length", "2")]), "ended after 1"),
        (answering(b"x", status="204 No Content", headers=[]), "a body"),
        (lambda environ, start_response: [b"x"], "without having called"),
        (lambda environ, start_response: (start_response("200 OK", []), b"x")[1], "no iterable"),
        (lambda environ, start_response: (start_response("200 OK", []), (chunk for chunk in [b"x"]))[1], "no iterable"),
        (lambda environ, start_response: [start_response("200 OK", []), start_response("200 OK", [])], "twice"),
        (lambda environ, start_response: [start_response("200 OK", [])(b"x")], "write"),
        (lambda environ, start_response: [start_response("200 OK", headers=[])], "by position"),
        (lambda environ, start_response: environ["wsgi.input"].read(), "may wait"),
        (lambda environ, start_response: environ["wsgi.input"].read(4), "after 0 of 3"),
        (lambda environ, start_response: environ["wsgi.input"].readline(), "may wait"),
        (lambda environ, start_response: environ["wsgi.input"].readlines(), "no way to read"),
        (lambda environ, start_response: list(environ["wsgi.input"]), "no way to read"),
    ],
)
def test_violations(app: Any, complaint: str) -> None:
    """A rule that is broken fails the test."""
    with pytest.raises(Violation, match=complaint):
        serve(app, "POST", body=b"abc", valid=False)


def test_swallowed_violation() -> None:
    """A rule that is broken fails the test, also where the application hides that."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            environ["wsgi.input"].read(-1)
        except Violation:
            start_response("200 OK", list(PLAIN))
        return [b"nothing happened"]

    with pytest.raises(Violation, match="may wait"):
        serve(app, valid=False)


def test_body_of_head() -> None:
    """RFC 9110, 9.3.2: no body in the answer to HEAD."""
    with pytest.raises(Violation, match="a body"):
        serve(answering(b"x"), "HEAD", valid=False)


@pytest.mark.parametrize("what", ["start_response", "input", "hint"])
def test_other_threads(what: str) -> None:
    """What the server gave to one thread is not for another."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        steps = {
            "start_response": lambda: start_response("200 OK", list(PLAIN)),
            "input": lambda: environ["wsgi.input"].read(1),
            "hint": lambda: environ["wsgi.early_hints"]([("Link", "</a>")]),
        }

        def elsewhere() -> None:
            with pytest.raises(Violation):
                steps[what]()

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join(10)
        start_response("200 OK", list(PLAIN))
        return [b"x"]

    with pytest.raises(Violation, match="not the request's thread"):
        serve(app, body=b"abc", early_hints=True, valid=False)


@pytest.mark.parametrize("how", ["take", "hold"])
def test_early_close(how: str) -> None:
    """A client that leaves: the iterable is closed once, and is asked for nothing more."""
    taken: list[bytes] = []
    closed: list[int] = []

    class Chunks:
        def __iter__(self) -> Chunks:
            return self

        def __next__(self) -> bytes:
            taken.append(b"x")
            return b"x"

        def close(self) -> None:
            closed.append(1)

    def app(environ: dict[str, Any], start_response: Any) -> Chunks:
        start_response("200 OK", list(PLAIN))
        return Chunks()

    options: dict[str, Any] = {"take": 2} if how == "take" else {"hold_after": 2}
    with Call(app, **options) as call:
        if how == "hold":
            call.held.wait()
            assert call.answer.body == b"xx"
            call.leave()
    assert (len(taken), closed, call.answer.complete) == (2, [1], False)


def test_errors_are_kept() -> None:
    """An error of the application, of any kind, ends the call and is kept with its place."""
    error = SystemExit("on purpose")

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        raise error

    answer = serve(app)
    assert (answer.error, answer.steps, answer.iterable) == (error, ["call raised"], None)


def test_what_the_server_offers() -> None:
    """Keys of the environ are chosen one by one."""
    answers: list[dict[str, Any]] = []

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        answers.append(environ)
        return answering(b"x")(environ, start_response)

    serve(app, headers=[("X-A", "1"), ("X-A", "2"), ("Content-Type", "a/b")], environ={"REMOTE_PORT": OMIT})
    serve(app, files=True, early_hints=True, tells=True, terminated=True, environ={"HTTPS": "on"})
    assert answers[0]["HTTP_X_A"] == "1,2"
    assert answers[0]["CONTENT_TYPE"] == "a/b"
    assert "REMOTE_PORT" not in answers[0]
    assert "wsgi.file_wrapper" not in answers[0]
    assert {"wsgi.file_wrapper", "wsgi.early_hints", "waitress.client_disconnected"} <= answers[1].keys()
    assert (answers[1]["HTTPS"], answers[1]["wsgi.input_terminated"]) == ("on", True)

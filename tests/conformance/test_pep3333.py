"""PEP 3333: sentences that bind a server and that no other file tests."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

from tests.conformance.adapting import adapt, get
from tests.conformance.applications import PLAIN, answering, environ_of
from tests.harness import fetch


def test_application_as_function_method_class_and_instance() -> None:
    """PEP 3333: an application is a function, a method, a class or an instance with __call__."""

    class Instance:
        def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
            start_response("200 OK", list(PLAIN))
            return [b"x"]

        def method(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
            return self(environ, start_response)

        @staticmethod
        def static(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            return Instance()(environ, start_response)

    class Class:
        def __init__(self, environ: dict[str, Any], start_response: Any) -> None:
            start_response("200 OK", list(PLAIN))

        def __iter__(self) -> Any:
            yield b"x"

    def generator(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        yield b"x"

    for app in (answering(b"x"), Instance(), Instance().method, Instance.static, Class, generator):
        assert get(app).body == b"x"


def test_invoked_once_for_each_request() -> None:
    """PEP 3333: the application is invoked once for each request, and again for the next."""
    calls: list[str] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        calls.append(environ["PATH_INFO"])
        start_response("200 OK", list(PLAIN))
        return [b"x"]

    adapter = adapt(app)
    for number in range(3):
        fetch(adapter, path=f"/{number}")
    assert calls == ["/0", "/1", "/2"]


def test_positional_arguments() -> None:
    """PEP 3333: the application is invoked with two positional arguments, whatever their names."""

    def app(*arguments: Any, **keywords: Any) -> list[bytes]:
        _, start_response = arguments
        start_response("200 OK", list(PLAIN))
        return [b"%d %d" % (len(arguments), len(keywords))]

    assert get(app, valid=False).body == b"2 0"


def test_error_stream() -> None:
    """PEP 3333: wsgi.errors has write, writelines and flush, and takes any Unicode."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        errors = environ["wsgi.errors"]
        errors.write("na\xefve \u20ac \U0001f600\n")
        errors.writelines(["one\n", "two\n"])
        errors.write("")
        errors.flush()
        start_response("200 OK", list(PLAIN))
        return [b"x"]

    assert get(app).body == b"x"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_error_stream_of_another_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """PEP 3333: wsgi.errors raises for no character, whatever the encoding of standard error."""
    raw = io.BytesIO()
    monkeypatch.setattr(
        sys, "stderr", io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace", write_through=True)
    )

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["wsgi.errors"].write("before \u20ac after\n")
        environ["wsgi.errors"].write("lone \udcff surrogate\n")
        environ["wsgi.errors"].flush()
        start_response("200 OK", list(PLAIN))
        return [b"x"]

    response = get(app)
    assert (response.error, response.body) == (None, b"x")
    assert b"before" in raw.getvalue()


def test_error_stream_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """PEP 3333: wsgi.errors is there where the process has no standard error, as under pythonw."""
    monkeypatch.setattr(sys, "stderr", None)

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["wsgi.errors"].write("nobody hears this\n")
        environ["wsgi.errors"].flush()
        start_response("200 OK", list(PLAIN))
        return [b"x"]

    assert get(app).body == b"x"


def test_missing_variables_are_left_out() -> None:
    """PEP 3333: variables that have no value, such as REMOTE_USER, are left out."""
    environ = environ_of()
    assert {"REMOTE_USER", "AUTH_TYPE", "CONTENT_TYPE", "CONTENT_LENGTH"} & {
        k for k, v in environ.items() if v
    } == set()
    assert not any(value is None for value in environ.values())


def test_names_of_extensions() -> None:
    """PEP 3333: server-defined variables have names of lower-case letters, digits, dots and underscores."""
    for key in environ_of(scope={"extensions": {"http.response.early_hint": {}}}):
        if "." in key:
            assert key == key.lower()
            assert key.replace(".", "").replace("_", "").isalnum()


def test_expect_is_transparent() -> None:
    """PEP 3333: Expect: 100-continue is the server's matter; the application sees the header and reads its body."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", list(PLAIN))
        return [environ["HTTP_EXPECT"].encode(), environ["wsgi.input"].read(-1)]

    assert get(app, "POST", headers=[(b"expect", b"100-continue")], body=b"body").body == b"100-continuebody"


def test_hop_by_hop_headers_of_the_request() -> None:
    """PEP 3333: inbound chunked encoding is the server's matter; the body comes decoded and without a length."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", list(PLAIN))
        return [environ["wsgi.input"].read(-1), environ.get("CONTENT_LENGTH", "").encode()]

    headers = [(b"transfer-encoding", b"chunked")]
    assert get(app, "POST", headers=headers, body=[b"chu", b"nks", b""]).body == b"chunks"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_methods(method: str) -> None:
    """PEP 3333: REQUEST_METHOD is what the client sent; a body may come with any."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", list(PLAIN))
        return [environ["REQUEST_METHOD"].encode(), environ["wsgi.input"].read(-1)]

    assert get(app, method, body=b" body").body == method.encode() + b" body"


def test_unknown_method() -> None:
    """PEP 3333: a method of the user's own passes."""
    assert environ_of("PURGE", valid=False)["REQUEST_METHOD"] == "PURGE"


def test_middleware() -> None:
    """PEP 3333: middleware that is server and application at once works between the adapter and an application."""

    def upper(app: Any) -> Any:
        def middleware(environ: dict[str, Any], start_response: Any) -> Any:
            def start(status: str, headers: Any, exc_info: Any = None) -> Any:
                write = start_response(status, [*headers, ("X-Upper", "yes")], exc_info)
                return lambda chunk: write(chunk.upper())

            result = app(environ, start)
            try:
                for chunk in result:
                    yield chunk.upper()
            finally:
                if hasattr(result, "close"):
                    result.close()

        return middleware

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", list(PLAIN))(b"written ")
        return [b"yielded"]

    response = get(upper(app))
    assert response.body == b"WRITTEN YIELDED"
    assert response.header(b"x-upper") == b"yes"


def test_application_keeps_control() -> None:
    """PEP 3333: the server plays dumb: Date, Server, ETag and encodings are the application's, as it gave them."""
    headers = [
        ("Content-Type", "text/plain"),
        ("Date", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("Server", "own"),
        ("ETag", '"1"'),
        ("Content-Encoding", "gzip"),
        ("Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ]
    response = get(answering(b"no gzip at all", headers=headers), headers=[(b"if-none-match", b'"1"')])
    assert response.status == 200
    assert response.headers == [(name.lower().encode(), value.encode()) for name, value in headers]
    assert response.body == b"no gzip at all"


def test_reading_by_the_applications_leave() -> None:
    """PEP 3333: an application that does not read its body is answered all the same, and the next one too."""
    adapter = adapt(answering(b"unread"))
    for body in (b"x" * 10, [b"x" * 1000] * 100, b"x" * 1_000_000):
        assert fetch(adapter, "POST", body=body).body == b"unread"

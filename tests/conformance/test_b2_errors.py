"""B2: every error is one of a short hierarchy, says whose fault it is, names the request, and says what to do."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from bridge import WsgiToAsgi, errors
from tests.conformance.adapting import adapt, get
from tests.conformance.applications import PLAIN, answering
from tests.harness import DISCONNECT, Gate, eventually, fetch

if TYPE_CHECKING:
    from collections.abc import Callable

BASES: dict[str, tuple[type[BaseException], ...]] = {
    "BridgeError": (Exception,),
    "ApplicationError": (errors.BridgeError,),
    "ApplicationExit": (errors.ApplicationError,),
    "ClientError": (errors.BridgeError,),
    "ClientDisconnected": (errors.ClientError, OSError),
    "ReadTimeout": (errors.ClientError, TimeoutError, OSError),
    "BodyTooLarge": (errors.ClientError, OSError),
    "BadRequest": (errors.ClientError, ValueError),
    "ServerError": (errors.BridgeError,),
    "UsageError": (errors.BridgeError,),
    "AdapterClosed": (errors.UsageError, RuntimeError),
    "Overloaded": (errors.BridgeError,),
}


@pytest.mark.parametrize("name", BASES)
def test_hierarchy(name: str) -> None:
    """B2: the hierarchy, and the built-in errors that frameworks catch."""
    assert issubclass(getattr(errors, name), BASES[name])


def test_no_other_errors() -> None:
    """B2: the hierarchy is short: these and no others."""
    defined = {
        name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, BaseException)
    }
    assert defined == set(BASES)


def started(headers: list[tuple[str, str]], result: Any) -> Any:
    """Return an application that answers with a result, good or bad."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", headers)
        return result

    return app


def text_of(error: BaseException) -> str:
    """Return what a traceback shows of an error beside its type."""
    return "\n".join([str(error), *getattr(error, "__notes__", ())])


FAULTS: dict[str, Callable[[], Any]] = {
    "never started": lambda: lambda environ, start_response: [b"x"],
    "never started, empty": lambda: lambda environ, start_response: [],
    "returned None": lambda: started(PLAIN, None),
    "returned str": lambda: started(PLAIN, "text"),
    "chunk of str": lambda: started(PLAIN, ["text"]),
    "bad status": lambda: lambda environ, start_response: start_response("bad", []),
    "bad header": lambda: started([("X", "\n")], [b""]),
    "headers are no list": lambda: started(tuple(PLAIN), [b""]),  # type: ignore[arg-type]
    "too short": lambda: started([("Content-Length", "5")], [b"x"]),
    "exit": lambda: lambda environ, start_response: exit_now(),
}


def exit_now() -> None:
    """Exit."""
    raise SystemExit(3)


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_the_application(fault: str) -> None:
    """B2: an error of the application is an ApplicationError that names the request and blames the application."""
    response = get(FAULTS[fault](), "POST", "/the/path", valid=False)
    assert isinstance(response.error, errors.ApplicationError)
    text = text_of(response.error)
    assert "POST" in text
    assert "/the/path" in text
    assert "application" in text.lower()


def caught_in_application(script: Any, **options: Any) -> str:
    """Return the text of the error that reading raises in an application."""
    caught: list[BaseException] = []
    running = Gate("running")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        running.open()
        try:
            environ["wsgi.input"].read()
        except Exception as error:
            caught.append(error)
        start_response("200 OK", list(PLAIN))
        return []

    body = [running if item is None else item for item in script]
    fetch(adapt(app, valid=False, **options), "PUT", "/the/path", body=body)
    eventually(lambda: caught, "reading raises")
    assert isinstance(caught[0], errors.ClientError)
    return text_of(caught[0])


def test_faults_of_the_client() -> None:
    """B2: an error of the client names the request, and says which option bounds it."""
    texts = {
        "": caught_in_application([b"x", None, DISCONNECT]),
        "read_timeout": caught_in_application([b"x", Gate("never")], read_timeout=0.01),
        "max_body_size": caught_in_application([b"x" * 10, b""], max_body_size=5, body="stream"),
    }
    for option, text in texts.items():
        assert "PUT" in text
        assert "/the/path" in text
        assert option in text


def test_faults_of_the_server() -> None:
    """B2: a broken scope is the server's fault, and the error says so."""
    response = get(answering(b"ok"), path="/the/path", scope={"headers": [b"no pair at all"]})
    assert isinstance(response.error, errors.ServerError)
    assert "server" in text_of(response.error)
    assert "/the/path" in text_of(response.error)


@pytest.mark.parametrize(
    "options",
    [
        {"threads": 0},
        {"threads": -1},
        {"max_queued": -1},
        {"body": "other"},
        {"max_headers": 0},
        {"write_buffer": 0},
        {"prefetch_size": -1},
        {"max_body_size": -1},
        {"queue_timeout": -1},
        {"read_timeout": -1},
        {"shutdown_grace": -1},
        {"stuck_after": -1},
    ],
    ids=lambda options: "=".join(map(str, next(iter(options.items())))),
)
def test_faults_of_the_user(options: dict[str, Any]) -> None:
    """B2: an option without a meaning is a UsageError that names it, when the adapter is made."""
    with pytest.raises(errors.UsageError, match=next(iter(options))):
        WsgiToAsgi(answering(b"ok"), **options)


@pytest.mark.parametrize("app", [None, "module:app", 7, [answering(b"ok")]])
def test_what_is_no_application(app: Any) -> None:
    """B2: what cannot be called is refused when the adapter is made."""
    with pytest.raises(errors.UsageError, match=type(app).__name__):
        WsgiToAsgi(app)


def test_closed() -> None:
    """B2: a call after close() says what happened."""
    adapter = adapt(answering(b"ok"))
    adapter.close()
    response = fetch(adapter, path="/the/path")
    assert isinstance(response.error, errors.AdapterClosed)
    assert "close" in text_of(response.error)


@pytest.mark.parametrize(
    ("options", "request_", "status"),
    [
        ({"max_headers": 1}, {"headers": [(b"x-a", b"1")]}, 431),
        ({}, {"headers": [(b"content-length", b"1"), (b"content-length", b"2")]}, 400),
        ({"max_body_size": 1}, {"headers": [(b"content-length", b"2")]}, 413),
    ],
)
@pytest.mark.parametrize("method", ["POST", "HEAD"])
def test_refusals_are_answers(options: dict[str, Any], request_: dict[str, Any], status: int, method: str) -> None:
    """B2: a refused request gets a whole answer with a text, and is no error of the server's."""
    response = get(answering(b"ok"), method, options=options, **request_)
    assert (response.status, response.complete, response.error) == (status, True, None)
    assert response.header(b"content-type").startswith(b"text/plain")
    assert bool(response.body) is (method == "POST")


def test_secrets_stay_out(caplog: pytest.LogCaptureFixture) -> None:
    """B2: an error that names the request shows neither its query nor its headers."""
    scope = {"query_string": b"token=s3cret"}
    with caplog.at_level(logging.DEBUG):
        response = get(
            lambda environ, start_response: [b"x"],
            path="/the/path",
            headers=[(b"authorization", b"s3cret")],
            scope=scope,
            valid=False,
        )
    assert response.error is not None
    assert "s3cret" not in text_of(response.error)
    assert "s3cret" not in caplog.text

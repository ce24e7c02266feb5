"""W5: a client that goes away in the middle of its body."""

from __future__ import annotations

import io
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest

from bridge.errors import ClientDisconnected, ReadTimeout
from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN
from tests.harness import DISCONNECT, Exchange, Gate, eventually, fetch, http_scope, run

if TYPE_CHECKING:
    from collections.abc import Callable

READS: dict[str, Callable[[Any], Any]] = {
    "read": lambda file: file.read(),
    "read(None)": lambda file: file.read(None),
    "read(size)": lambda file: file.read(1000),
    "read(1) by one": lambda file: list(iter(lambda: file.read(1), b"")),
    "read1": lambda file: list(iter(lambda: file.read1(1000), b"")),
    "readinto": lambda file: list(iter(lambda: file.readinto(bytearray(1000)), 0)),
    "readline": lambda file: file.readline(),
    "readline(size)": lambda file: file.readline(1000),
    "readlines": lambda file: file.readlines(),
    "iteration": list,
    "BufferedReader": lambda file: io.BufferedReader(file).read(),
    "TextIOWrapper": lambda file: io.TextIOWrapper(file).read(),
    "copyfileobj": lambda file: shutil.copyfileobj(file, io.BytesIO()),
}


def outcome_of(read: Callable[[Any], Any], body: Any, **request: Any) -> Any:
    """Return what a read gives in an application whose client leaves, or the error that it raises."""
    outcome: list[Any] = []
    running = Gate("running")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        running.open()
        try:
            outcome.append(read(environ["wsgi.input"]))
        except BaseException as error:
            outcome.append(error)
            raise
        start_response("200 OK", list(PLAIN))
        return [b"ok"]

    options = request.pop("options", {})
    body = [*body, running, DISCONNECT]
    response = fetch(adapt(app, valid=False, **options), "POST", "/upload", body=body, **request)
    assert response.messages == []
    assert response.error is None, "a client's leaving is nobody's error"
    # The ASGI call need not wait for the application
    eventually(lambda: outcome, "the read ends")
    return outcome[0]


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"100000")]], ids=["undeclared", "declared"])
@pytest.mark.parametrize("how", READS)
def test_reader_gets_an_error(how: str, headers: list[tuple[bytes, bytes]]) -> None:
    """W5: a client that goes away gives the reader an OSError, never a short body that looks whole."""
    error = outcome_of(READS[how], [b"short"], headers=headers)
    assert isinstance(error, OSError)
    assert isinstance(error, ClientDisconnected)


@pytest.mark.parametrize("options", [{"body": "stream"}, {"body": "auto"}])
def test_nothing_came(options: dict[str, Any]) -> None:
    """W5: a client that goes away before the first byte is no empty body."""
    assert isinstance(outcome_of(lambda file: file.read(), [], options=options), ClientDisconnected)


def test_what_came_can_be_read() -> None:
    """W5: bytes that came can be read; the error stands where the missing ones would be, and stays there."""

    def read(file: Any) -> list[Any]:
        found: list[Any] = [file.read(3)]
        for _ in range(3):
            with pytest.raises(ClientDisconnected):
                found.append(file.read(10))
        return found

    assert outcome_of(read, [b"short"]) == [b"sho"]


def test_a_whole_body_stays_whole() -> None:
    """W5: a client that goes away after its body does not take it back."""
    read, go_on = Gate("read"), Gate("go on")
    bodies: list[bytes] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        first = environ["wsgi.input"].read(2)
        read.open()
        go_on.wait()
        bodies.append(first + environ["wsgi.input"].read(-1))
        start_response("200 OK", list(PLAIN))
        return [b"ok"]

    async def main() -> None:
        scope = http_scope("POST", headers=[(b"content-length", b"5")])
        async with Exchange(adapt(app), scope, body=b"whole") as exchange:
            await read.passed()
            exchange.disconnect()
            await exchange.finished.passed()
            go_on.open()

    run(main)
    # The application may still be reading when the ASGI call has returned
    eventually(lambda: bodies, "the application reads")
    assert bodies == [b"whole"]


def test_an_application_that_hides_the_error() -> None:
    """W5: an application that answers all the same answers nobody, and that is no error."""
    running, closed = Gate("running"), Gate("closed")

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        running.open()
        with pytest.raises(OSError, match="upload"):
            environ["wsgi.input"].read(-1)
        start_response("200 OK", list(PLAIN))
        try:
            yield b"thank you for the file"
        finally:
            closed.open()

    response = fetch(adapt(app), "POST", "/upload", body=[b"short", running, DISCONNECT])
    assert (response.messages, response.error) == ([], None)
    closed.wait()


def test_read_timeout() -> None:
    """W5: read_timeout= gives TimeoutError to a reader without bytes for that long, and it can still answer."""
    never = Gate("never")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        first = environ["wsgi.input"].read(3)
        begin = time.monotonic()
        with pytest.raises(TimeoutError) as caught:
            environ["wsgi.input"].read(1)
        waited.append(time.monotonic() - begin)
        assert isinstance(caught.value, ReadTimeout)
        start_response("408 Request Timeout", list(PLAIN))
        return [first]

    waited: list[float] = []
    response = fetch(adapt(app, read_timeout=0.05), "POST", body=[b"abc", never])
    assert (response.status, response.body, response.complete) == (408, b"abc", True)
    assert 0.04 < waited[0] < 5


@pytest.mark.parametrize("mode", ["auto", "stream", "spool"])
@pytest.mark.parametrize("sent", [[], [b"abc"]], ids=["nothing", "a part"])
def test_read_timeout_before_a_thread_is_taken(sent: list[bytes], mode: str) -> None:
    """W5: a body that is received ahead of the application is waited for no longer; its reader gets the error."""
    caught: list[BaseException] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            environ["wsgi.input"].read(-1)
        except TimeoutError as error:
            caught.append(error)
        start_response("408 Request Timeout", list(PLAIN))
        return [b"too slow"]

    headers = [(b"content-length", b"10")]
    adapter = adapt(app, read_timeout=0.05, body=mode)
    response = fetch(adapter, "POST", headers=headers, body=[*sent, Gate("never")])
    assert (response.status, response.complete, response.error) == (408, True, None)
    assert [type(error) for error in caught] == [ReadTimeout]


def test_read_timeout_is_for_each_wait() -> None:
    """W5: read_timeout= starts anew with each piece; a slow but steady client is served."""
    gates = [Gate(f"piece {number}") for number in range(5)]

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        found = []
        for gate in gates:
            found.append(environ["wsgi.input"].read(1))
            time.sleep(0.06)  # what the application does meanwhile does not count
            gate.open()
        start_response("200 OK", list(PLAIN))
        return found

    body = [piece for number, gate in enumerate(gates) for piece in (b"%d" % number, gate)]
    response = fetch(adapt(app, read_timeout=0.2), "POST", body=[*body, b""])
    assert response.body == b"01234"


def test_no_read_timeout_by_default() -> None:
    """W5: without read_timeout= a reader waits as long as the client needs."""
    rest, reading = Gate("rest"), Gate("reading")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        reading.open()
        start_response("200 OK", list(PLAIN))
        return [environ["wsgi.input"].read(-1)]

    async def main() -> None:
        async with Exchange(adapt(app), http_scope("POST"), body=[b"a", rest, b"b"]) as exchange:
            await reading.passed()
            rest.open()
        assert exchange.response.body == b"ab"

    run(main)

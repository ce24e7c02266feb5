"""Bad applications, bad scopes and bad servers: each gets a clear answer and harms no other request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from bridge.errors import ApplicationError, BridgeError, ClientError, ServerError
from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN, endless
from tests.harness import BACKENDS, OMIT, Exchange, Gate, Response, fetch, http_scope, request, run, until

if TYPE_CHECKING:
    from collections.abc import Iterator


def start(start_response: Any, status: Any = "200 OK", headers: Any = None) -> Any:
    """Start with headers that are right unless others are given."""
    return start_response(status, list(PLAIN) if headers is None else headers)


def never_starts(environ: dict[str, Any], start_response: Any) -> Any:
    """No start_response."""
    return [b"x"]


def starts_twice(environ: dict[str, Any], start_response: Any) -> Any:
    """Two start_response."""
    start(start_response)
    start(start_response)
    return [b"x"]


def starts_late(environ: dict[str, Any], start_response: Any) -> Any:
    """A chunk before start_response."""
    yield b"early"
    start(start_response)


def bad_status(environ: dict[str, Any], start_response: Any) -> Any:
    """No status."""
    start(start_response, "OK")
    return [b"x"]


def line_break(environ: dict[str, Any], start_response: Any) -> Any:
    """A header that would be two."""
    start(start_response, headers=[("X-A", "b\r\nX-Injected: c")])
    return [b"x"]


def not_latin_1(environ: dict[str, Any], start_response: Any) -> Any:
    """A header that cannot be sent."""
    start(start_response, headers=[("X-A", "\u20ac")])
    return [b"x"]


def yields_str(environ: dict[str, Any], start_response: Any) -> Any:
    """Text in a generator."""
    start(start_response)
    yield "text"


def yields_none(environ: dict[str, Any], start_response: Any) -> Any:
    """Nothing in a generator."""
    start(start_response)
    yield None


def returns_none(environ: dict[str, Any], start_response: Any) -> Any:
    """No iterable."""
    start(start_response)


def fails(environ: dict[str, Any], start_response: Any) -> Any:
    """An error in the call."""
    raise LookupError("on purpose")


def fails_in_iteration(environ: dict[str, Any], start_response: Any) -> Any:
    """An error after the first chunk."""
    start(start_response)
    yield b"first"
    raise LookupError("on purpose")


class FailsInClose(list[bytes]):
    """An error in close()."""

    def __init__(self, environ: dict[str, Any], start_response: Any) -> None:
        start(start_response)
        super().__init__([b"first"])

    def close(self) -> None:
        """Fail."""
        raise LookupError("on purpose")


def exits(environ: dict[str, Any], start_response: Any) -> Any:
    """SystemExit."""
    raise SystemExit(1)


def interrupts(environ: dict[str, Any], start_response: Any) -> Any:
    """KeyboardInterrupt in the iteration."""
    start(start_response)
    yield b"first"
    raise KeyboardInterrupt


def more_than_declared(environ: dict[str, Any], start_response: Any) -> Any:
    """Too many bytes."""
    start(start_response, headers=[*PLAIN, ("Content-Length", "3")])
    return [b"more than three"]


def fewer_than_declared(environ: dict[str, Any], start_response: Any) -> Any:
    """Too few bytes."""
    start(start_response, headers=[*PLAIN, ("Content-Length", "30")])
    yield b"fewer"


def recursive(environ: dict[str, Any], start_response: Any) -> Any:
    """RecursionError."""
    return recursive(environ, start_response)


def out_of_memory(environ: dict[str, Any], start_response: Any) -> Any:
    """MemoryError."""
    raise MemoryError("on purpose")


def takes_one_argument(environ: dict[str, Any]) -> Any:
    """TypeError in the very call."""
    return [b"x"]


def deletes_its_input(environ: dict[str, Any], start_response: Any) -> Any:
    """An application that closes what it must not close."""
    environ["wsgi.input"].close()
    start(start_response)
    yield b"closed"


BAD = [
    never_starts,
    starts_twice,
    starts_late,
    bad_status,
    line_break,
    not_latin_1,
    yields_str,
    yields_none,
    returns_none,
    fails,
    fails_in_iteration,
    FailsInClose,
    exits,
    interrupts,
    more_than_declared,
    fewer_than_declared,
    recursive,
    out_of_memory,
    takes_one_argument,
    deletes_its_input,
]
STILL_WHOLE = {FailsInClose, more_than_declared, deletes_its_input}


def check(app: Any, response: Response) -> None:
    """Demand a clear answer: an error for the server, and nothing that looks whole, save where the body is whole."""
    if app in STILL_WHOLE:
        assert response.body in {b"first", b"mor", b"closed"} or response.error is not None
        return
    assert isinstance(response.error, Exception)
    assert not response.complete


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("bad", BAD, ids=lambda app: app.__name__)
def test_bad_application(bad: Any, backend: str) -> None:
    """W13, B1: a bad application gets an error to the server, and the requests beside and after it are served."""
    beside, go_on = Gate("beside"), Gate("go on")

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/bad":
            return bad(environ, start_response) if bad is not takes_one_argument else bad(environ)
        if environ["PATH_INFO"] == "/beside":
            beside.open()
            go_on.wait()
        start(start_response)
        return [b"good"]

    async def main() -> None:
        adapter = adapt(app, valid=False, threads=2)
        async with Exchange(adapter, http_scope(path="/beside")) as exchange:
            await beside.passed()
            for _ in range(3):
                check(bad, await request(adapter, "POST", "/bad", body=b"body"))
            assert (await request(adapter)).body == b"good"
            go_on.open()
        assert exchange.response.body == b"good"
        await until(lambda: (adapter.stats().busy, adapter.stats().in_flight) == (0, 0), "all is over")

    run(main, backend=backend)


def test_wrong_signature() -> None:
    """W13: an application that does not take two arguments is a TypeError for the server."""
    response = fetch(adapt(takes_one_argument, valid=False))
    assert isinstance(response.error, TypeError | ApplicationError)


def test_blocks_for_ever() -> None:
    """W14, W18: an application that blocks for ever holds its thread, and no more than that."""
    blocked, go_on = Gate("blocked"), Gate("go on")

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/block":
            blocked.open()
            go_on.wait(30)
        start(start_response)
        return [b"good"]

    async def main() -> None:
        adapter = adapt(app, threads=2)
        async with Exchange(adapter, http_scope(path="/block")):
            await blocked.passed()
            for _ in range(10):
                assert (await request(adapter)).body == b"good"
            await until(lambda: adapter.stats().busy == 1, "only the blocked thread is busy")
            go_on.open()

    run(main)


ODD_SCOPES: dict[str, dict[Any, Any]] = {
    "no method": {"method": OMIT},
    "method None": {"method": None},
    "method bytes": {"method": b"GET"},
    "no path": {"path": OMIT},
    "path None": {"path": None},
    "path bytes": {"path": b"/"},
    "no query": {"query_string": OMIT},
    "query None": {"query_string": None},
    "query str": {"query_string": "a=1"},
    "no headers": {"headers": OMIT},
    "headers None": {"headers": None},
    "headers of str": {"headers": [("host", "x")]},
    "header of three": {"headers": [(b"a", b"b", b"c")]},
    "header of None": {"headers": [None]},
    "headers a number": {"headers": 7},
    "headers a dict": {"headers": {b"host": b"x"}},
    "header without a name": {"headers": [(b"", b"x")]},
    "pseudo header": {"headers": [(b":authority", b"x")]},
    "name with bytes beyond ASCII": {"headers": [(b"x-\xff", b"x")]},
    "name with a NUL": {"headers": [(b"x-\0", b"x")]},
    "no http_version": {"http_version": OMIT},
    "http_version None": {"http_version": None},
    "client a str": {"client": "10.0.0.1"},
    "client of one": {"client": ("10.0.0.1",)},
    "client of three": {"client": ("10.0.0.1", 1, 2)},
    "client empty": {"client": []},
    "client of None": {"client": (None, None)},
    "server a number": {"server": 7},
    "server of None": {"server": (None, None)},
    "server of bytes": {"server": (b"x", 1)},
    "scheme empty": {"scheme": ""},
    "scheme odd": {"scheme": "HTTPS"},
    "scheme bytes": {"scheme": b"http"},
    "root_path bytes": {"root_path": b"/x"},
    "raw_path str": {"raw_path": "/"},
    "extensions a list": {"extensions": ["http.response.pathsend"]},
    "state a list": {"state": [1]},
    "asgi None": {"asgi": None},
    "unknown key": {"unknown": object()},
    "key that is no str": {7: 7},
}


@pytest.mark.parametrize("case", ODD_SCOPES)
def test_odd_scope(case: str) -> None:
    """W1, B2: a scope with missing or odd keys is served, refused, or the server's fault; it never harms the next."""
    seen: list[dict[str, Any]] = []

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        seen.append(dict(environ))
        start(start_response)
        return [b"good"]

    async def main() -> None:
        adapter = adapt(app, valid=False)
        odd = await request(adapter, scope=ODD_SCOPES[case])
        if odd.error is None:
            assert odd.complete
            assert odd.status in {200, 400}
        else:
            assert isinstance(odd.error, ServerError | ClientError)
            assert odd.messages == []
        for environ in seen:
            assert all(type(value) is str for key, value in environ.items() if "." not in key)
            assert all(value.isascii() or value.encode("latin-1") for key, value in environ.items() if "." not in key)
        assert (await request(adapter)).body == b"good"

    run(main)


BAD_MESSAGES: dict[str, Any] = {
    "None": None,
    "empty": {},
    "no dict": "http.request",
    "unknown type": {"type": "http.unknown"},
    "of a websocket": {"type": "websocket.receive", "bytes": b"x"},
    "body of str": {"type": "http.request", "body": "text"},
    "body None": {"type": "http.request", "body": None},
    "an error": LookupError("receive() fails"),
    "an OSError": OSError("receive() fails"),
}


@pytest.mark.parametrize("mode", ["auto", "stream", "spool"])
@pytest.mark.parametrize("case", BAD_MESSAGES)
def test_bad_message_of_the_server(case: str, mode: str) -> None:
    """B2, W5: a receive() that gives what is no message, or fails, is an error for who reads, never a short body."""
    caught: list[Any] = []
    message = BAD_MESSAGES[case]

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        try:
            caught.append(environ["wsgi.input"].read(-1))
        except Exception as error:
            caught.append(error)
            raise
        start(start_response)
        return [b"good"]

    async def main() -> None:
        adapter = adapt(app, body=mode)
        events = [{"type": "http.request", "body": b"part", "more_body": True}, message]
        sent: list[Any] = []

        async def receive() -> Any:
            if not events:
                await asyncio.Event().wait()
            event = events.pop(0)
            if isinstance(event, Exception):
                raise event
            return event

        async def send(message: Any) -> None:
            sent.append(message)

        error: BaseException | None = None
        try:
            await asyncio.wait_for(adapter(http_scope("POST"), receive, send), 5)
        except Exception as raised:
            error = raised
        await until(lambda: adapter.stats().busy == 0, "the worker is free")
        assert not isinstance(error, asyncio.TimeoutError)
        for outcome in caught:
            assert outcome != b"part" or case == "body None"
        if caught != [b"part"]:
            assert isinstance(error, BridgeError | LookupError | OSError) or not any(
                sent_message.get("status") == 200 for sent_message in sent
            )
        assert (await request(adapter, "POST", body=b"next")).body == b"good"

    run(main)


@pytest.mark.parametrize("kind", ["silent", "OSError", "OSError at once"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_server_after_the_client_left(kind: str, backend: str) -> None:
    """W18: a server whose send() raises OSError, or says nothing, after the client left costs no thread."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start(start_response)
        return endless() if environ["PATH_INFO"] == "/" else [b"good"]

    async def main() -> None:
        adapter = adapt(app, threads=1)
        for _ in range(3):
            options: dict[str, Any] = {"fail_at": 1} if kind == "OSError at once" else {}
            if kind == "OSError":
                options["gone"] = BrokenPipeError("gone")
            async with Exchange(adapter, **options) as exchange:
                if kind != "OSError at once":
                    await exchange.until(lambda exchange=exchange: exchange.response.body)  # type: ignore[misc]
                    exchange.disconnect()
            assert exchange.response.error is None or isinstance(exchange.response.error, OSError)
            assert (await request(adapter, path="/next")).body == b"good"

    run(main, backend=backend)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_send_that_raises_something_else(number: int) -> None:
    """W13: an error of send() that is no OSError reaches the server as it is; the worker is free again."""
    error = LookupError("send() fails")

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start(start_response)
        return endless() if environ["PATH_INFO"] == "/" else [b"good"]

    async def main() -> None:
        adapter = adapt(app, threads=1)
        inner = Exchange(adapter)

        async def failing(scope: Any, receive: Any, send: Any) -> None:
            count = [0]

            async def failing_send(message: Any) -> None:
                if count[0] == number:
                    raise error
                count[0] += 1
                await send(message)

            await adapter(scope, receive, failing_send)

        inner.app = failing
        async with inner:
            await inner.finished.passed()
        assert inner.response.error is error
        await until(lambda: adapter.stats().busy == 0, "the worker is free")
        assert (await request(adapter, path="/next")).body == b"good"

    run(main)


def generate() -> Iterator[tuple[bytes, bytes]]:
    """Headers that break off."""
    yield b"host", b"x"
    raise LookupError("no more headers")


def test_headers_that_break_off() -> None:
    """B2: an iterable of headers that fails is the server's fault, or the error itself; nothing else suffers."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start(start_response)
        return [b"good"]

    async def main() -> None:
        adapter = adapt(app)
        response = await request(adapter, scope={"headers": generate()})
        assert isinstance(response.error, ServerError | LookupError)
        assert (await request(adapter)).body == b"good"

    run(main)

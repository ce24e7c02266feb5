"""W4: the body streams, and receive() is called no earlier and no oftener than promised."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN, endless
from tests.harness import Exchange, Gate, fetch, http_scope, request, run, until
from tests.harness.settling import LONG_ENOUGH, stays

EXPECT = (b"expect", b"100-continue")


def test_streams() -> None:
    """W4: a piece can be read before the next one was sent."""
    second = Gate("the second piece")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        file = environ["wsgi.input"]
        first = file.readline()
        second.open()
        start_response("200 OK", list(PLAIN))
        return [first, file.read(-1)]

    assert fetch(adapt(app), "POST", body=[b"first\n", second, b"second"]).body == b"first\nsecond"


@pytest.mark.parametrize("method", ["read1", "readline", "read", "readinto"])
def test_streams_by_every_method(method: str) -> None:
    """W4: no method waits for more than it was asked for."""
    second = Gate("the second piece")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        file = environ["wsgi.input"]
        if method == "readinto":
            buffer = bytearray(2)
            first = bytes(buffer[: file.readinto(buffer)])
        else:
            first = getattr(file, method)(2)
        second.open()
        start_response("200 OK", list(PLAIN))
        return [first, file.read()]

    response = fetch(adapt(app, valid=False, body="stream"), "POST", body=[b"ab", second, b"cd"])
    assert response.body == b"abcd"


def test_at_most_one_message_ahead() -> None:
    """W4: it is called ahead of the reader for one message held in one slot, and no further."""
    read_one, go_on, read_two, answer = Gate("one read"), Gate("go on"), Gate("two read"), Gate("answer")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        file = environ["wsgi.input"]
        first = file.read(10)
        read_one.open()
        go_on.wait()
        second = file.read(10)
        read_two.open()
        answer.wait()
        start_response("200 OK", list(PLAIN))
        return [first, second]

    async def main() -> None:
        pieces = [b"%010d" % number for number in range(20)]
        async with Exchange(adapt(app), http_scope("POST"), body=pieces) as exchange:
            await read_one.passed()
            await stays(lambda: exchange.received <= 2)
            go_on.open()
            await read_two.passed()
            await stays(lambda: exchange.received <= 3)
            answer.open()
        assert exchange.response.body == pieces[0] + pieces[1]

    run(main)


@pytest.mark.parametrize("mode", ["auto", "stream"])
def test_unread_body(mode: str) -> None:
    """W4, W17: of a body that nobody reads at most one message is taken while the application runs."""
    running, go_on = Gate("running"), Gate("go on")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        running.open()
        go_on.wait()
        start_response("200 OK", list(PLAIN))
        return [b"unread"]

    async def main() -> None:
        async with Exchange(adapt(app, body=mode), http_scope("POST"), body=[b"x" * 1000] * 20) as exchange:
            await running.passed()
            await stays(lambda: exchange.received <= 1)
            go_on.open()
        assert exchange.response.body == b"unread"

    run(main)


def test_small_declared_body_is_prefetched() -> None:
    """W4: a small declared body is there before a worker thread is taken, so that slow clients hold none."""
    rest, called = Gate("the rest of the body"), []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        called.append(threading.current_thread())
        start_response("200 OK", list(PLAIN))
        return [environ["wsgi.input"].read(-1)]

    async def main() -> None:
        adapter = adapt(app, threads=1)
        scope = http_scope("POST", headers=[(b"content-length", b"10")])
        async with Exchange(adapter, scope, body=[b"01234", rest, b"56789"]) as slow:
            await slow.until(lambda: slow.received == 1)
            await stays(lambda: called == [] and adapter.stats().busy == 0)
            # The only thread is free for others
            async with Exchange(adapter, http_scope()) as other:
                await other.finished.passed()
            assert other.response.complete
            rest.open()
        assert slow.response.body == b"0123456789"

    run(main)


def test_large_declared_body_is_not_prefetched() -> None:
    """W4: a declared body above prefetch_size streams."""
    running = Gate("running")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        running.open()
        start_response("200 OK", list(PLAIN))
        return [environ["wsgi.input"].read(-1)]

    headers = [(b"content-length", b"10")]
    response = fetch(adapt(app, prefetch_size=9), "POST", headers=headers, body=[b"01234", running, b"56789"])
    assert response.body == b"0123456789"


def test_stream_never_prefetches() -> None:
    """W4: body="stream" starts the application at once, whatever is declared."""
    running = Gate("running")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        running.open()
        start_response("200 OK", list(PLAIN))
        return [environ["wsgi.input"].read(-1)]

    headers = [(b"content-length", b"4")]
    response = fetch(adapt(app, body="stream"), "POST", headers=headers, body=[running, b"four"])
    assert response.body == b"four"


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"3000000")]])
def test_spool_takes_all_first(headers: list[tuple[bytes, bytes]]) -> None:
    """W4: body="spool" takes the whole body before a thread, large and undeclared ones too."""
    last, called = Gate("the last piece"), []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        called.append(True)
        start_response("200 OK", list(PLAIN))
        body = environ["wsgi.input"].read(-1)
        return [b"%d" % len(body), body[-3:]]

    async def main() -> None:
        adapter = adapt(app, body="spool")
        pieces: list[bytes | Gate] = [*[b"x" * 100_000] * 29, last, b"y" * 100_000]
        async with Exchange(adapter, http_scope("POST", headers=headers), body=pieces) as exchange:
            await exchange.until(lambda: exchange.received == 29)
            await stays(lambda: called == [] and adapter.stats().busy == 0)
            last.open()
        assert exchange.response.body == b"3000000yyy"

    run(main)


@pytest.mark.parametrize("value", [b"100-continue", b"100-Continue"])
@pytest.mark.parametrize("mode", ["auto", "stream"])
@pytest.mark.parametrize("declared", [[], [(b"content-length", b"4")]])
def test_expect_and_nothing_read(value: bytes, mode: str, declared: list[tuple[bytes, bytes]]) -> None:
    """W4: with Expect: 100-continue and nothing read, receive() is not called before the response start went out."""
    running, go_on = Gate("running"), Gate("go on")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        running.open()
        go_on.wait()
        start_response("413 Content Too Large", list(PLAIN))
        return [b"no"]

    async def main() -> list[str]:
        scope = http_scope("POST", headers=[(b"Expect", value), *declared])
        async with Exchange(adapt(app, body=mode), scope, body=b"four") as exchange:
            await running.passed()
            await stays(lambda: exchange.events == [])
            go_on.open()
        assert exchange.response.status == 413
        return exchange.events

    events = run(main)
    assert "receive" not in events[: events.index("send start")]


@pytest.mark.parametrize("seconds", [0, LONG_ENOUGH], ids=["at once", "late"])
def test_expect_and_a_client_that_leaves(seconds: float) -> None:
    """W4, W18: once the start went out receive() is called, and a client that leaves an endless stream is noticed."""
    closed = Gate("closed")

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        time.sleep(seconds)
        start_response("200 OK", list(PLAIN))
        try:
            yield from endless()
        finally:
            closed.open()

    async def main() -> None:
        async with Exchange(adapt(app), http_scope("POST", headers=[EXPECT]), body=b"four") as exchange:
            await exchange.until(lambda: exchange.response.body)
            exchange.disconnect()
        await closed.passed()

    run(main)


def test_expect_and_read() -> None:
    """W4: with Expect: 100-continue receive() is called when the application reads, and not before."""
    running, go_on = Gate("running"), Gate("go on")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        running.open()
        go_on.wait()
        body = environ["wsgi.input"].read(-1)
        start_response("200 OK", list(PLAIN))
        return [body]

    async def main() -> None:
        scope = http_scope("POST", headers=[EXPECT, (b"content-length", b"4")])
        async with Exchange(adapt(app), scope, body=b"four") as exchange:
            await running.passed()
            await stays(lambda: exchange.events == [])
            go_on.open()
        assert exchange.response.body == b"four"

    run(main)


def test_expect_and_spool() -> None:
    """W4: body="spool" takes the body first even with Expect; the user has chosen so."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", list(PLAIN))
        return [environ["wsgi.input"].read(-1)]

    assert fetch(adapt(app, body="spool"), "POST", headers=[EXPECT], body=b"four").body == b"four"


def test_reads_in_another_thread() -> None:
    """W4: a thread of the application's own may read the input while the worker thread waits for it."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        found: list[bytes] = []
        thread = threading.Thread(target=lambda: found.append(environ["wsgi.input"].read(-1)))
        thread.start()
        thread.join(10)
        start_response("200 OK", list(PLAIN))
        return found

    assert fetch(adapt(app, body="stream"), "POST", body=[b"a", b"b"]).body == b"ab"


def test_reads_while_answering() -> None:
    """W4: reading between chunks of the answer gives an echo, piece by piece."""
    gates = [Gate(f"piece {number}") for number in range(4)]

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        for gate in gates:
            yield environ["wsgi.input"].readline()
            gate.open()

    body = [b"0\n", gates[0], b"1\n", gates[1], b"2\n", gates[2], b"3\n", b""]
    assert fetch(adapt(app), "POST", body=body).body == b"0\n1\n2\n3\n"


def test_reading_after_the_call() -> None:
    """W4: an input that the application kept is useless once the request is over, and says so at once."""
    outcome: list[Any] = []

    def late(file: Any) -> None:
        try:
            outcome.append(file.read())
        except (OSError, ValueError) as error:
            outcome.append(error)

    kept: list[Any] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        kept.append(environ["wsgi.input"])
        start_response("200 OK", list(PLAIN))
        return [b"ok"]

    async def main() -> None:
        await request(adapt(app, valid=False, body="stream"), "POST", body=[b"unread", b"body"])
        thread = threading.Thread(target=late, args=kept, daemon=True)
        thread.start()
        await until(lambda: outcome, "a late read ends", limit=2)
        assert isinstance(outcome[0], Exception) or b"unreadbody".startswith(outcome[0])

    run(main)

"""W17: bounded memory in both directions."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN, Chunks, endless
from tests.harness import BACKENDS, Exchange, Gate, eventually, http_scope, run, until
from tests.harness.settling import settle, stays


def stable(count: Any) -> int:
    """Return a count once it has not changed for a while; a producer that is not held back never stops."""
    last, since = count(), time.monotonic()
    begin = since
    while time.monotonic() - since < 0.15:
        time.sleep(0.005)
        if count() != last:
            last, since = count(), time.monotonic()
        if time.monotonic() - begin > 5:
            raise AssertionError(f"still growing after {last}")
    return int(last)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [10, 1000, 100_000])
@pytest.mark.parametrize("stall_after", [0, 1, 3])
def test_slow_client_stops_the_iteration(backend: str, size: int, stall_after: int) -> None:
    """W17: with a client that reads nothing, no more than write_buffer bytes and a chunk are taken and held."""
    chunks = Chunks(endless(b"x" * size))
    limit = 10_000

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        return chunks

    async def main() -> None:
        async with Exchange(adapt(app, write_buffer=limit), stall_after=stall_after) as exchange:
            await exchange.stalled.passed()
            taken = stable(lambda: chunks.taken) * size
            in_hand = len(exchange.response.body)
            assert taken - in_hand <= limit + size
            # A message in hand is no way around the bound
            assert max([0, *map(len, exchange.response.chunks)]) <= limit + size
            exchange.resume.open()
            await exchange.until(lambda: len(exchange.response.body) > taken + 10 * size)
            exchange.disconnect()

    run(main, backend=backend)


def test_slow_client_stops_write() -> None:
    """W17: write() waits for a slow client, within the same bound."""
    written = [0]

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        write = start_response("200 OK", list(PLAIN))
        for _ in range(1000):
            write(b"x" * 1000)
            written[0] += 1
        return []

    async def main() -> None:
        async with Exchange(adapt(app, write_buffer=10_000), stall_after=1) as exchange:
            await exchange.stalled.passed()
            taken = stable(lambda: written[0]) * 1000
            assert taken - len(exchange.response.body) <= 10_000 + 1000
            exchange.resume.open()
        assert len(exchange.response.body) == 1_000_000
        assert exchange.response.complete

    run(main)


def test_chunk_beyond_the_buffer() -> None:
    """W17: a chunk far larger than the buffer passes, and holds nothing up."""
    sizes = [1, 10_000_000, 1, 3_000_000]

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        return iter([b"x" * size for size in sizes])

    async def main() -> None:
        async with Exchange(adapt(app, write_buffer=1000), suspending=True) as exchange:
            await exchange.finished.passed()
        assert len(exchange.response.body) == sum(sizes)

    run(main)


def test_large_list_to_a_slow_client() -> None:
    """W17: the chunks of a list are not copied into one message beyond the buffer."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", list(PLAIN))
        return [b"x" * 1000] * 1000

    async def main() -> None:
        async with Exchange(adapt(app, valid=False, write_buffer=10_000), stall_after=2) as exchange:
            await exchange.stalled.passed()
            await settle()
            assert max(map(len, exchange.response.chunks)) <= 11_000
            exchange.resume.open()
        assert len(exchange.response.body) == 1_000_000

    run(main)


@pytest.mark.parametrize("mode", ["auto", "stream"])
def test_reader_that_stops(mode: str) -> None:
    """W17: of an upload no more is taken than one message ahead of the reader."""
    size, sums = 1000, [0]
    reading, go_on = Gate("half is read"), Gate("go on")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        file = environ["wsgi.input"]
        for _ in range(50):
            sums[0] += len(file.read(size))
        reading.open()
        go_on.wait()
        while piece := file.read(size):
            sums[0] += len(piece)
        start_response("200 OK", list(PLAIN))
        return [b"%d" % sums[0]]

    async def main() -> None:
        async with Exchange(adapt(app, body=mode), http_scope("POST"), body=[b"x" * size] * 100) as exchange:
            await reading.passed()
            await stays(lambda: exchange.received <= 51)
            go_on.open()
        assert exchange.response.body == b"100000"

    run(main)


def test_a_declaration_that_lies() -> None:
    """W17: a body declared as small that turns out endless is not read ahead of the application."""
    running, go_on = Gate("running"), Gate("go on")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        running.open()
        go_on.wait()
        start_response("200 OK", list(PLAIN))
        return [b"ok"]

    async def main() -> None:
        scope = http_scope("POST", headers=[(b"content-length", b"10")])
        async with Exchange(adapt(app, prefetch_size=65_536), scope, body=[b"x" * 65_536] * 50) as exchange:
            await running.passed()
            await stays(lambda: exchange.received <= 3)
            go_on.open()

    run(main)


def test_many_empty_chunks() -> None:
    """W17: empty chunks cost no message, and a client that leaves ends them too."""
    chunks = Chunks(endless(b""))

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        return chunks

    async def main() -> None:
        async with Exchange(adapt(app)) as exchange:
            await until(lambda: chunks.taken > 100, "chunks are taken")
            assert exchange.response.messages == []
            exchange.disconnect()

    run(main)
    eventually(lambda: chunks.closed, "close() runs")

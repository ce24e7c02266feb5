"""W8: write() and the chunks."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from bridge.errors import ApplicationError
from tests.conformance.adapting import adapt, get
from tests.conformance.applications import PLAIN, Chunks, streaming
from tests.harness import Exchange, Gate, fetch, request, run, until


def test_write_before_the_chunks() -> None:
    """W8: what was written comes before what is yielded."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        write = start_response("200 OK", list(PLAIN))
        write(b"1")
        write(b"")
        write(b"2")
        return [b"3", b"4"]

    response = get(app)
    assert (response.body, response.complete) == (b"1234", True)


def test_write_among_the_chunks() -> None:
    """W8: write() works among chunks, in order."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        write = start_response("200 OK", list(PLAIN))
        write(b"1")
        yield b"2"
        write(b"3")
        yield b"4"
        write(b"5")

    response = get(app)
    assert (response.body, response.complete) == (b"12345", True)


@pytest.mark.parametrize("by_write", [True, False])
def test_handed_on_while_the_next_is_made(by_write: bool) -> None:
    """W8: every chunk is handed on while the next one is being made; never held back for the end."""
    gates = [Gate(f"chunk {number} has arrived") for number in range(5)]

    def written(start_response: Any) -> list[bytes]:
        write = start_response("200 OK", list(PLAIN))
        for number, gate in enumerate(gates):
            write(b"%d" % number)
            gate.wait()
        return []

    def yielded(start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        for number, gate in enumerate(gates):
            yield b"%d" % number
            gate.wait()

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        return (written if by_write else yielded)(start_response)

    async def main() -> None:
        async with Exchange(adapt(app)) as exchange:
            for number, gate in enumerate(gates):
                await exchange.until(lambda number=number: len(exchange.response.body) > number)  # type: ignore[misc]
                assert not exchange.response.complete
                gate.open()
        assert exchange.response.body == b"01234"

    run(main)


def test_chunks_pass_unchanged() -> None:
    """PEP 3333: chunks are binary; no byte and no line ending is altered."""
    chunks = [bytes(range(256)), b"\r\n\n\r", b"0\r\n\r\n", b"\0" * 1000]
    assert get(streaming(lambda: iter(chunks))).body == b"".join(chunks)


@pytest.mark.parametrize("size", [1, 1000, 65_536, 65_537, 1_000_000])
def test_sizes(size: int) -> None:
    """W8: chunks of all sizes arrive whole and in order."""
    chunks = [bytes([number]) * size for number in range(5)]
    for source in (lambda: iter(chunks), lambda: list(chunks)):
        response = get(streaming(source))
        assert response.body == b"".join(chunks)
        assert response.complete


@pytest.mark.parametrize("bad", ["text", None, 7, [b"x"], ("x",), object(), 1.5])
@pytest.mark.parametrize("kind", [list, tuple, iter])
@pytest.mark.parametrize("before", [[], [b"sent"]])
def test_wrong_type_yielded(bad: Any, kind: Any, before: list[bytes]) -> None:
    """W8: a chunk of a wrong type is an error that says so."""
    response = get(streaming(lambda: kind([*before, bad])), valid=False)
    assert isinstance(response.error, ApplicationError)
    assert type(bad).__name__ in str(response.error)
    assert not response.complete


@pytest.mark.parametrize("bad", ["text", None, 7, [b"x"]])
def test_wrong_type_written(bad: Any) -> None:
    """W8: write() of a wrong type is an error in write() itself that says so."""
    caught: list[BaseException] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        write = start_response("200 OK", list(PLAIN))
        try:
            write(bad)
        except Exception as error:
            caught.append(error)
            raise
        return [b"x"]

    response = get(app, valid=False)
    assert [type(error) for error in caught] == [ApplicationError]
    assert type(bad).__name__ in str(caught[0])
    assert response.error is caught[0]
    assert response.messages == []


@pytest.mark.parametrize("result", [None, 7, "text", b"bytes", object()])
def test_no_iterable_of_byte_strings(result: Any) -> None:
    """W8: an application that returns no iterable of byte strings is told so."""
    response = get(streaming(lambda: result), valid=False)
    assert isinstance(response.error, ApplicationError)
    assert (
        repr(result) in str(response.error)
        or type(result).__name__ in str(response.error)
        or "int" in str(response.error)
    )
    assert not response.complete


class BySequence:
    """An iterable of the kind that PEP 3333 still knows: __getitem__ and nothing else."""

    def __getitem__(self, index: int) -> bytes:
        return (b"a", b"b", b"c")[index]


class Reserved:
    """An iterable of which only what PEP 3333 allows may be used."""

    def __iter__(self) -> Any:
        return iter([b"a", b"b", b"c"])

    def __len__(self) -> int:
        raise NotImplementedError("no len()")

    def __bool__(self) -> bool:
        raise NotImplementedError("no truth")

    def __eq__(self, other: object) -> bool:
        raise NotImplementedError("no comparison")

    def __hash__(self) -> int:
        raise NotImplementedError("no hash")

    def __getattr__(self, name: str) -> Any:
        if name == "close":
            raise AttributeError(name)
        raise NotImplementedError(f"{name} is none of the server's business")


@pytest.mark.parametrize("kind", [BySequence, Reserved, lambda: {b"abc": 1}, lambda: [b"abc"], lambda: iter([b"abc"])])
def test_kinds_of_iterables(kind: Any) -> None:
    """PEP 3333: any iterable will do, and only its iteration and close() are used."""
    response = get(streaming(kind), valid=False)
    assert (response.error, response.body) == (None, b"abc")


def test_not_introspected() -> None:
    """PEP 3333: applications are only called, with two positional arguments, whatever kind of callable they are."""

    class Application:
        def __call__(self, environ: Any, start_response: Any, /) -> list[bytes]:
            start_response("200 OK", list(PLAIN))
            return [b"called"]

        def __getattr__(self, name: str) -> Any:
            raise NotImplementedError(f"{name} is none of the server's business")

    class Method:
        def answer(self, environ: Any, start_response: Any, /) -> list[bytes]:
            return Application()(environ, start_response)

    def spread(*arguments: Any) -> list[bytes]:
        return Application()(*arguments)

    for app in (Application(), Method().answer, spread):
        assert fetch(adapt(app, valid=False)).body == b"called"


def test_write_after_the_end() -> None:
    """W8: write() that the application kept is an error once the request is over, in any thread, and at once."""
    kept: list[Any] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        kept.append(start_response("200 OK", list(PLAIN)))
        return [b"x"]

    async def main() -> None:
        await request(adapt(app, valid=False))
        outcome: list[Any] = []

        def late() -> None:
            try:
                outcome.append(kept[0](b"late"))
            except (ApplicationError, OSError) as error:
                outcome.append(error)

        thread = threading.Thread(target=late)
        thread.start()
        await until(lambda: outcome, "the late write ends", limit=2)
        assert isinstance(outcome[0], Exception)

    run(main)


def test_not_iterated_further_than_needed() -> None:
    """PEP 3333: the iterable is asked once for each chunk, and once for the end."""
    chunks = Chunks([b"a", b"b"])
    assert get(streaming(lambda: chunks), valid=False).body == b"ab"
    # Two chunks, one end, one close()
    assert (chunks.taken, len(chunks.threads), chunks.closed) == (2, 4, 1)

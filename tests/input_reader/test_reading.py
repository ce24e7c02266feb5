"""What is read, and in which pieces."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from bridge import input_reader
from bridge.errors import ClientDisconnected, ServerError
from bridge.input_reader import PIECE_SIZE, InputReader
from tests.harness.wsgi_input import ScriptedInput, ScriptedInputWithRead1
from tests.input_reader.inputs import KINDS, ScriptedInputWithoutLines, read_all, scripted

if TYPE_CHECKING:
    from collections.abc import Callable

every_kind = pytest.mark.parametrize("kind", KINDS, ids=["read1", "readline", "read"])
either = pytest.mark.parametrize("terminated", [False, True], ids=["bare", "terminated"])


# ---- what the body is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [None, "", "0", " 0 ", "x", "-1", "+5", "1e3", "1_0", "5.0", "\xb2", "9" * 30])
def test_nothing_declared(length: str | None) -> None:
    """A2: without wsgi.input_terminated there is no body where no length, or none that is one, is declared."""

    class Untouchable:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"{name} was asked for")

    environ: dict[str, Any] = {"wsgi.input": Untouchable()}
    if length is not None:
        environ["CONTENT_LENGTH"] = length
    reader = InputReader(environ)
    assert reader.is_complete
    assert not reader.declared


def test_no_input() -> None:
    """A2: a server without wsgi.input has no body to give where it declares none."""
    for environ in ({}, {"wsgi.input": None, "wsgi.input_terminated": True}):
        assert InputReader(environ).is_complete


@either
def test_a_body_declared_without_an_input(terminated: bool) -> None:
    """B2: a server that declares a body and has no wsgi.input for it broke its specification, and is told so."""
    reader = InputReader({"CONTENT_LENGTH": "5", "wsgi.input_terminated": terminated})
    with pytest.raises(ServerError, match=r"wsgi\.input"):
        read_all(reader)


@every_kind
@pytest.mark.parametrize("size", [1, 10, PIECE_SIZE - 1, PIECE_SIZE, PIECE_SIZE + 1, 3 * PIECE_SIZE])
def test_declared(size: int, kind: type[ScriptedInput]) -> None:
    """A2: of a declared body nothing is read beyond its length: a bare socket has the next request there."""
    body = bytes(range(256)) * (size // 256 + 1)
    reader, source = scripted([body[:size], b"GET /next HTTP/1.1"], declared=size, kind=kind)
    assert (reader.declared, reader.is_complete) == (size, False)
    assert b"".join(read_all(reader)) == body[:size]
    assert source.given == size


@every_kind
@pytest.mark.parametrize("declared", [None, 0, 5, 10, 200_000])
def test_terminated(declared: int | None, kind: type[ScriptedInput]) -> None:
    """A2: with wsgi.input_terminated the body is read to the input's end, also beyond what is declared."""
    body = b"x" * 200_000
    reader, _ = scripted([body], declared=declared, terminated=True, kind=kind)
    assert reader.declared == declared
    assert b"".join(read_all(reader)) == body


@every_kind
@pytest.mark.parametrize("declared", [None, 0])
def test_terminated_and_empty(declared: int | None, kind: type[ScriptedInput]) -> None:
    """A2: an input that is terminated may be empty; that is seen by reading it."""
    reader, _ = scripted([], declared=declared, terminated=True, kind=kind)
    assert not reader.is_complete
    assert read_all(reader) == [b""]


@every_kind
def test_the_end_is_known_with_the_last_declared_byte(kind: type[ScriptedInput]) -> None:
    """A2: the last piece of a declared body says that it is the last, with wsgi.input_terminated and without."""
    for terminated in (False, True):
        reader, _ = scripted([b"0123456789"], declared=10, terminated=terminated, kind=kind)
        assert reader.read_piece() == b"0123456789"
        assert reader.is_complete


# ---- the end that comes too early ------------------------------------------------------------------------------------


@every_kind
@either
@pytest.mark.parametrize("sent", [0, 1, 9])
def test_an_early_end(sent: int, terminated: bool, kind: type[ScriptedInput]) -> None:
    """A2: an end before CONTENT_LENGTH is a client that has gone, never a short body that looks whole."""
    reader, _ = scripted([b"x" * sent] if sent else [], declared=10, terminated=terminated, kind=kind)
    if sent:
        assert reader.read_piece() == b"x" * sent
    assert not reader.is_complete
    for _ in range(3):  # and it stays so
        with pytest.raises(ClientDisconnected, match=f"{10 - sent} bytes"):
            reader.read_piece()
        assert not reader.is_complete


# ---- pieces ----------------------------------------------------------------------------------------------------------


@either
def test_read1_is_preferred(terminated: bool) -> None:
    """A5: where the input has read1 a read takes what is there, and no other method is used."""
    pieces = [b"a", b"bc" * 10, b"d"]
    reader, source = scripted(pieces, declared=22, terminated=terminated)
    assert [reader.read_piece(), reader.read_piece(lines=True), reader.read_piece()] == pieces
    assert reader.is_complete
    assert {name for name, _ in source.calls} == {"read1"}


@either
def test_readline_while_an_answer_is_under_way(terminated: bool) -> None:
    """A5: where it has not, and the client may be waiting for the answer, a line is read instead of a whole piece."""
    reader, source = scripted([b"first\nsecond\nthe ", b"rest"], declared=21, terminated=terminated, kind=ScriptedInput)
    assert reader.read_piece(lines=True) == b"first\n"
    assert reader.read_piece(lines=True) == b"second\n"
    assert reader.read_piece() == b"the rest"
    assert reader.is_complete
    assert [name for name, _ in source.calls[:3]] == ["readline", "readline", "read"]


def test_read_alone() -> None:
    """A2: where the input has neither read1 nor readline, read has to do."""
    reader, source = scripted([b"line\n", b"rest"], declared=9, kind=ScriptedInputWithoutLines)
    assert reader.read_piece(lines=True) == b"line\nrest"
    assert [name for name, _ in source.calls] == ["read"]


class Clock:
    """A time that passes while an input is read, and not else."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.seconds_a_read = 0.0
        monkeypatch.setattr(input_reader, "monotonic", lambda: self.now)

    def slow_down(self, source: ScriptedInput) -> None:
        """Let each read of an input take its time."""
        read = source.read

        def slow_read(size: int = -1) -> bytes:
            self.now += self.seconds_a_read
            return read(size)

        source.read = slow_read  # type: ignore[method-assign]


@every_kind
@either
def test_sizes(terminated: bool, kind: type[ScriptedInput], monkeypatch: pytest.MonkeyPatch) -> None:
    """A5: a read asks for one piece, for larger ones while the client fills them at once, and never for more."""
    Clock(monkeypatch)
    reader, source = scripted([b"x" * 2_000_000], declared=2_000_000, terminated=terminated, kind=kind)
    pieces = read_all(reader)
    assert [len(piece) for piece in pieces[:4]] == [PIECE_SIZE, 2 * PIECE_SIZE, 4 * PIECE_SIZE, 4 * PIECE_SIZE]
    assert max(size for _, size in source.calls) == 4 * PIECE_SIZE


def test_sizes_for_a_slow_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """A5: a client that takes its time is asked for small pieces, also after it was fast."""
    clock = Clock(monkeypatch)
    reader, source = scripted([b"x" * 2_000_000], declared=2_000_000, kind=ScriptedInputWithoutLines)
    clock.slow_down(source)
    sizes = []
    for clock.seconds_a_read in (0.0, 0.1, 0.1, 0.0, 0.0):
        sizes.append(len(reader.read_piece()) // PIECE_SIZE)
    assert sizes == [1, 2, 1, 1, 2]


def test_a_plain_file() -> None:
    """A2: io.BytesIO, which many servers and tests use, has read1."""
    reader = InputReader({"wsgi.input": io.BytesIO(b"the body"), "CONTENT_LENGTH": "8"})
    assert (reader.read_piece(), reader.is_complete) == (b"the body", True)


# ---- what is no bytes ------------------------------------------------------------------------------------------------


class Class(bytes):
    """Bytes of a class of their own."""

    __slots__ = ()


@either
@pytest.mark.parametrize("make", [bytearray, memoryview, Class])
def test_other_kinds_of_bytes(make: Callable[[bytes], Any], terminated: bool) -> None:
    """A2: what is as good as bytes becomes bytes, as ASGI has them."""

    class Source:
        rest = b"01234567"

        def read(self, size: int) -> Any:
            piece, self.rest = self.rest[: min(3, size)], self.rest[min(3, size) :]
            return make(piece)

    reader = InputReader({"wsgi.input": Source(), "CONTENT_LENGTH": "8", "wsgi.input_terminated": terminated})
    pieces = read_all(reader)
    assert {type(piece) for piece in pieces} == {bytes}
    assert b"".join(pieces) == b"01234567"


@pytest.mark.parametrize("piece", ["text", None, 5, ["list"]], ids=["str", "None", "int", "list"])
def test_no_bytes(piece: object) -> None:
    """B2: a server whose input gives something else broke PEP 3333, and is told what it gave."""

    class Source:
        def read(self, _size: int) -> object:
            return piece

    reader = InputReader({"wsgi.input": Source(), "CONTENT_LENGTH": "8"})
    with pytest.raises(ServerError, match=type(piece).__name__):
        reader.read_piece()
    assert not reader.is_complete


# ---- errors ----------------------------------------------------------------------------------------------------------


@every_kind
@either
@pytest.mark.parametrize("error", [ConnectionResetError("gone"), TimeoutError("slow"), ValueError("closed file")])
def test_errors_of_the_input(error: Exception, terminated: bool, kind: type[ScriptedInput]) -> None:
    """A2: what the input raises is raised, as it is, and the body is not complete."""
    reader, _ = scripted([b"x" * 5, error], declared=10, terminated=terminated, kind=kind)
    with pytest.raises(type(error)) as caught:
        read_all(reader)
    assert caught.value is error
    assert not reader.is_complete


def test_reading_on_after_an_error() -> None:
    """A2: an error of one read leaves the reader where it was: what comes later is neither lost nor read beyond."""
    reader, source = scripted([b"01234", TimeoutError("slow"), b"56789", b"next"], declared=10)
    assert reader.read_piece() == b"01234"
    with pytest.raises(TimeoutError):
        reader.read_piece()
    assert reader.read_piece() == b"56789"
    assert reader.is_complete
    assert source.given == 10


def test_an_input_that_answers_late() -> None:
    """A2: the input is looked at only when the body is asked for: some servers send 100 Continue then."""
    reader, source = scripted([b"x"], declared=1, kind=ScriptedInputWithRead1)
    assert source.calls == []
    reader.read_piece()
    assert [name for name, _ in source.calls] == ["read1"]

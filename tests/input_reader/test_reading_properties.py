"""Any body, in any pieces, of any input: the reader does what a few lines say that it must."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import ClientDisconnected
from tests.input_reader.inputs import KINDS, MOST_READS, scripted

if TYPE_CHECKING:
    from bridge.input_reader import InputReader
    from tests.harness.wsgi_input import ScriptedInput

# A piece is something short, so many times: Hypothesis shows what it has made.
short = st.binary(min_size=1, max_size=8).map(lambda piece: piece.replace(b"a", b"\n"))
small_pieces = st.lists(st.tuples(short, st.just(1)), max_size=12)
large_pieces = st.lists(st.tuples(st.sampled_from([b"x" * 100, b"y" * 99 + b"\n"]), st.integers(1, 700)), max_size=4)


def body_of(sent: bytes, declared: int | None, *, terminated: bool) -> tuple[bytes, bool]:
    """What there is to read, and whether it is the whole body."""
    if terminated:
        return sent, declared is None or len(sent) >= declared
    return sent[: declared or 0], len(sent) >= (declared or 0)


def read(reader: InputReader, lines: list[bool]) -> tuple[bytes, bool]:
    """What is read, and whether the reader takes it for the whole body."""
    pieces: list[bytes] = []
    try:
        while not reader.is_complete:
            assert len(pieces) < MOST_READS
            piece = reader.read_piece(lines=bool(lines) and lines[len(pieces) % len(lines)])
            assert piece or reader.is_complete, "an empty piece that is not the end"
            pieces.append(piece)
    except ClientDisconnected:
        assert not reader.is_complete
        return b"".join(pieces), False
    return b"".join(pieces), True


@given(
    pieces=small_pieces | large_pieces,
    declared=st.none() | st.integers(0, 60) | st.sampled_from([65_535, 65_536, 65_537, 131_072]),
    exact=st.booleans(),
    terminated=st.booleans(),
    kind=st.sampled_from(KINDS),
    lines=st.lists(st.booleans(), max_size=5),
)
def test_any_body(
    pieces: list[tuple[bytes, int]],
    declared: int | None,
    exact: bool,
    terminated: bool,
    kind: type[ScriptedInput],
    lines: list[bool],
) -> None:
    """A2: the whole body is read and nothing beyond it, whatever the server has, and a short one never looks whole."""
    script = [piece * times for piece, times in pieces]
    sent = b"".join(script)
    if exact and declared is not None:
        declared = len(sent)
    reader, source = scripted(script, declared=declared, terminated=terminated, kind=kind)
    assert read(reader, lines) == body_of(sent, declared, terminated=terminated)
    reads = len(source.calls)
    if not terminated and declared is not None:
        assert source.given <= declared
    # Each read gives something, but one that finds the end
    assert reads <= len(sent) + 2


@given(
    pieces=st.lists(short, max_size=12), terminated=st.booleans(), cut=st.integers(0, 100), kind=st.sampled_from(KINDS)
)
def test_a_client_that_goes_at_any_moment(
    pieces: list[bytes], terminated: bool, cut: int, kind: type[ScriptedInput]
) -> None:
    """A2: a body that breaks off at any place, by an end or by an error, is a prefix and never complete."""
    whole = b"".join(pieces) + b"."
    sent = whole[: cut % len(whole)]
    for ending in ([], [ConnectionResetError("gone")]):
        reader, _ = scripted([sent, *ending] if sent else ending, declared=len(whole), terminated=terminated, kind=kind)
        got = b""
        try:
            while not reader.is_complete:
                got += reader.read_piece()
        except OSError:
            pass
        assert not reader.is_complete
        assert sent.startswith(got)
        assert got == sent or ending

"""Makes files of pieces."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from bridge.input import Input

if TYPE_CHECKING:
    from collections.abc import Iterable


class Feed:
    """Where the pieces of an `Input` come from; counts how often it was asked.

    A piece that is an exception is raised. After the last piece it gives `b""`, as often as it is asked.
    """

    def __init__(self, pieces: Iterable[bytes | Exception]) -> None:
        self._pieces = iter(pieces)
        self.asked = 0

    def __call__(self) -> bytes:
        self.asked += 1
        piece = next(self._pieces, b"")
        if isinstance(piece, Exception):
            raise piece
        return piece


def fed(*pieces: bytes | Exception) -> Input:
    """A file that gets these pieces."""
    return Input(Feed(pieces))


def cut(body: bytes, places: Iterable[int]) -> list[bytes]:
    """The body in pieces, none of them empty: an empty one would be its end."""
    ends = sorted({place % (len(body) + 1) for place in places} | {0, len(body)})
    return [body[start:end] for start, end in pairwise(ends)]


def in_every_way(body: bytes) -> list[list[bytes]]:
    """The body whole, in single bytes, and in two at each place."""
    return [
        [body],
        [bytes([byte]) for byte in body],
        *([body[:place], body[place:]] for place in range(1, len(body))),
    ]


bodies = st.lists(
    st.sampled_from([b"\n", b"a", b"bc", b"\r\n", b"\0", b"longer than most"]) | st.binary(max_size=5)
).map(b"".join)
"""With many line feeds."""

pieces = st.tuples(bodies, st.lists(st.integers(0, 1000), max_size=6)).map(lambda pair: cut(*pair))

sizes = st.integers(-2, 12) | st.none() | st.sampled_from([100, 10**9])

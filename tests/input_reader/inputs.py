"""The inputs that servers have, and what a reader gets out of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bridge.input_reader import InputReader
from tests.harness import Violation
from tests.harness.wsgi_input import ScriptedInput, ScriptedInputWithRead1

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.harness.wsgi_input import Item


class ScriptedInputWithoutLines(ScriptedInput):
    """What has `read` alone."""

    readline: Any = None


KINDS: Final = (ScriptedInputWithRead1, ScriptedInput, ScriptedInputWithoutLines)
"""Most servers have `readline`, as PEP 3333 wants; some have `read1` too."""

MOST_READS = 10_000


def scripted(
    script: Sequence[Item],
    *,
    declared: int | None = None,
    terminated: bool = False,
    kind: type[ScriptedInput] = ScriptedInputWithRead1,
) -> tuple[InputReader, ScriptedInput]:
    """A reader and its input, which complains of reads that may wait for the next request."""
    readable = None if terminated else declared or 0
    source = kind(script, readable, Violation)
    environ: dict[str, Any] = {"wsgi.input": source, "wsgi.input_terminated": terminated}
    if declared is not None:
        environ["CONTENT_LENGTH"] = str(declared)
    return InputReader(environ), source


def read_all(reader: InputReader, *, lines: bool = False) -> list[bytes]:
    """All pieces of a body."""
    pieces: list[bytes] = []
    while not reader.is_complete:
        assert len(pieces) < MOST_READS, "it never ends"
        pieces.append(reader.read_piece(lines=lines))
    return pieces

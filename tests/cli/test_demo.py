"""`python -m bridge demo`: it shows both directions, and ends."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import pytest

from tests.cli.command import AT_ONCE, called, running

VISITS = [
    "A page",
    "An upload, read while it comes",
    "A stream, sent while it is made",
    "A client that leaves in the middle of an endless stream",
]


def blocks(half: str) -> dict[str, list[str]]:
    """The lines of each visit of one half, by its name."""
    found = {}
    for block in half.split("\n* ")[1:]:
        name, *lines = block.splitlines()
        found[name] = [line for line in lines if line.startswith("  ")]
    return found


def halves(output: str) -> tuple[str, str]:
    """What the demo says of each direction."""
    first, separator, second = output.partition("An ASGI application on the standard library's WSGI server")
    assert separator
    return first, second


def in_order(lines: list[str], *patterns: str) -> None:
    """Demand that lines match, one after the other."""
    rest = iter(lines)
    for pattern in patterns:
        assert any(re.search(pattern, line) for line in rest), (pattern, lines)


def test_both_directions_are_shown(tmp_path: Path) -> None:
    """Each visit of both halves is there, with what each side of the bridge heard; the status is 0."""
    shown = called("demo", directory=tmp_path)
    assert (shown.status, shown.err) == (0, "")
    for half in halves(shown.out):
        visits = blocks(half)
        assert list(visits) == VISITS
        for lines in visits.values():
            assert {line.split()[0] for line in lines} == {"client", "WSGI", "ASGI"}
        upload = visits[VISITS[1]]
        in_order(upload, "sends piece 1", "WSGI .*40,000 bytes", "sends piece 2", "WSGI .*40,000", "sends piece 3")
        in_order(visits[VISITS[2]], r"gets: '3\\n'", "chunk: 2 bytes", r"gets: '1\\n'")
        in_order(visits[VISITS[3]], "client  leaves", r"WSGI    close\(\)")
    to_wsgi = blocks(halves(shown.out)[0])[VISITS[0]]
    in_order(to_wsgi, "ASGI .*raw_path=/a%2Fpage", "WSGI .*PATH_INFO=/a/page REQUEST_URI=/a%2Fpage", "'a page'")
    to_asgi = blocks(halves(shown.out)[1])[VISITS[0]]
    in_order(to_asgi, "WSGI .*REQUEST_URI=/a%2Fpage", "ASGI .*raw_path=/a%2Fpage", "'a page'")


def test_without_uvicorn_the_other_half_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where uvicorn is missing, the command that installs it is told, and the other half is shown; the status is 0."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    shown = called("demo", directory=tmp_path)
    assert (shown.status, shown.err) == (0, "")
    first, second = halves(shown.out)
    assert "uvicorn is not installed. This installs it: pip install 'wsgi-asgi-bridge[serve]'" in first
    assert list(blocks(first)) == []
    assert list(blocks(second)) == VISITS


@pytest.mark.parametrize("half", ["A WSGI application", "An ASGI application"])
def test_interrupting_it_ends_it_cleanly(tmp_path: Path, half: str) -> None:
    """Ctrl-C in either half ends it within a second, with a shell's status for it and no traceback."""
    with running("-m", "bridge", "demo", directory=tmp_path) as demo:
        demo.line(f"^{half}")
        demo.line(r"^\* An upload")  # so that the next visit, the stream, is under way
        asked_at = time.monotonic()
        demo.ctrl_c()
        assert demo.process.wait(10) == 130
        assert time.monotonic() - asked_at < AT_ONCE
        output = demo.rest()
        assert "Traceback" not in output
        assert "leaves" not in output.partition(half)[2]

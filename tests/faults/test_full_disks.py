"""A disk that is full, on the machine's own terms: every write to /dev/full fails with ENOSPC."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN
from tests.harness import Exchange, Response, http_scope, run, together

IN_MEMORY = 1000
"""Bytes of a body that need no disk."""


def size_of(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer with the length of the body."""
    size = len(environ["wsgi.input"].read(-1))
    start_response("200 OK", list(PLAIN))
    return [b"%d" % size]


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(100, id="when the file's buffer is written at the end"),
        pytest.param(50_000, id="at once"),
    ],
)
def test_spooling_under_load(piece: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """B5, W4: uploads that do not fit are answered 503 with Retry-After, the log says why; small ones beside them 200.

    With room again on the disk the same uploads are served. No file is left open (the fixture demands that).
    """
    adapter = adapt(size_of, body="spool", prefetch_size=IN_MEMORY)
    plain = tempfile.TemporaryFile

    async def uploads() -> dict[int | None, list[Response]]:
        found: dict[int | None, list[Response]] = {}
        exchanges = [
            Exchange(adapter, http_scope("POST"), body=[b"x" * size] * 20)
            for size in (piece, IN_MEMORY // 40)
            for _ in range(20)
        ]
        async with together(exchanges):
            pass
        for exchange in exchanges:
            assert exchange.response.complete
            found.setdefault(exchange.response.status, []).append(exchange.response)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "TemporaryFile", lambda **_: Path("/dev/full").open("w+b"))  # noqa: SIM115
        found = run(uploads)
    assert {status: len(responses) for status, responses in found.items()} == {200: 20, 503: 20}
    assert {response.body for response in found[200]} == {b"%d" % (IN_MEMORY // 2)}
    assert {response.header(b"retry-after") for response in found[503]} == {b"1"}
    assert "No space left on device" in caplog.text

    assert tempfile.TemporaryFile is plain
    found = run(uploads)
    assert {status: len(responses) for status, responses in found.items()} == {200: 40}
    assert {response.body for response in found[200]} == {b"%d" % (IN_MEMORY // 2), b"%d" % (20 * piece)}

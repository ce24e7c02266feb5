"""Hostile input to the translation layer: a valid request or answer comes out, or one of our errors.

    FUZZ_SECONDS=600 python -m pytest tests/fuzz/test_fuzz.py -k fuzzer

lets the coverage-guided fuzzer go on for longer.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.translation import environ_keys, headers, paths, requests, responses
from bridge.translation.responses import WsgiResponse
from tests.fuzz.targets import TARGETS, one_input
from tests.harness import LIMIT
from tests.harness.children import ROOT

SECONDS = float(os.environ.get("FUZZ_SECONDS", "6"))

CORPUS = [bytes.fromhex(line) for line in Path(__file__).with_name("corpus.txt").read_text("ascii").split()]
"""Inputs that reach, between them, what the fuzzer has reached in minutes."""


def test_the_corpus() -> None:
    """W1 to W3, W7, A1, A4: what the fuzzer has found so far."""
    for data in CORPUS:
        one_input(data)
    assert {data[0] % len(TARGETS) for data in CORPUS} == set(range(len(TARGETS)))


@settings(max_examples=500)
@given(data=st.binary(max_size=300))
def test_any_input(data: bytes) -> None:
    """W1 to W3, W7, A1, A4: whatever comes in, what comes out is valid, or an error of ours."""
    one_input(data)


@pytest.mark.timeout(60 + 2 * SECONDS)
def test_the_fuzzer(tmp_path: Path) -> None:
    """W1 to W3, W7, A1, A4: the same with inputs that a fuzzer makes by the code that the last ones have reached."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, data in enumerate(CORPUS):
        (corpus / str(number)).write_bytes(data)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.run", f"{SECONDS:.0f}", str(corpus), "-print_final_stats=1", "-verbosity=0"],
        capture_output=True,
        text=True,
        timeout=3 * LIMIT + 2 * SECONDS,
        check=False,
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    executed = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    assert executed is not None, done.stderr
    assert int(executed[1]) > 2 * len(CORPUS)


# ---- what it would find ----------------------------------------------------------------------------------------------


def inputs() -> Iterator[bytes]:
    """The corpus, and after it anything, the same every time."""
    yield from CORPUS
    dice = random.Random(0)  # noqa: S311 - to be the same every time
    for _ in range(20_000):
        yield dice.randbytes(dice.randrange(200))


def without_memory(patch: pytest.MonkeyPatch) -> None:
    """Let the tables of names begin anew, and be thrown away."""
    patch.setattr(headers, "_CGI_KEYS", {})
    patch.setattr(environ_keys, "_known", {})
    patch.setattr(headers, "_RESPONSE_NAMES", {})
    patch.setattr(headers, "_NATIVE_NAMES", {})
    patch.setattr(headers, "_RESPONSE_FIELDS", {})
    patch.setattr(headers, "_NATIVE_FIELDS", {})


def raising(*_arguments: object) -> Any:
    """Raise what is no error of ours."""
    raise RuntimeError("on purpose")


def as_it_comes(key: str) -> bytes:
    """Return a field's name as CGI has it."""
    return key[5:].encode("latin-1", "replace") if key.startswith("HTTP_") else b""


def all_of_it(_response: WsgiResponse, chunk: bytes) -> bytes:
    """Send a chunk whatever was declared."""
    return chunk if isinstance(chunk, bytes) else b""


BROKEN: dict[str, tuple[object, str, Any]] = {
    "underscores merge": (headers, "_DASHED", headers._TOKEN),
    "Proxy is passed on": (headers, "_SPECIAL_KEYS", {}),
    "line breaks in values": (headers, "is_field_text", lambda _text: True),
    "any name": (headers, "_TOKEN", frozenset(range(256))),
    "hop-by-hop headers": (headers, "HOP_BY_HOP", frozenset()),
    "the first length counts": (headers, "_one_length", lambda value: value.partition(",")[0]),
    "half a segment is cut": (paths, "cut_prefix", str.removeprefix),
    "names as they come": (environ_keys, "_field_name", as_it_comes),
    "another error": (requests, "headers_from_environ", raising),
    "more than declared": (WsgiResponse, "chunk", all_of_it),
    "a body to HEAD": (responses, "BODILESS", frozenset()),
    "any status": (responses, "status_from_code", lambda code: f"{code}"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_bridge_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """W1 to W3, W7, A1, A4: the inputs reach, and the oracle sees, what must not come out."""
    without_memory(monkeypatch)
    monkeypatch.setattr(*BROKEN[name])
    with pytest.raises((AssertionError, RuntimeError)):
        try_all(one_input)


def try_all(try_one: Callable[[bytes], None]) -> None:
    """Try all inputs."""
    for data in inputs():
        try_one(data)

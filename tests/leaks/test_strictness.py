"""The suite's own strictness: what would be lost elsewhere fails a test here."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.harness import LIMIT
from tests.harness.children import ROOT

SUITE = """
import asyncio, logging, os, threading, warnings
import pytest
from tests.leaks import watching

watching.ENDS_WITHIN = 0.2
KEPT = []

def test_passes():
    pass

def test_leaks_a_thread():
    threading.Thread(target=threading.Event().wait, args=(3,), daemon=True).start()

def test_leaks_a_descriptor():
    os.dup(1)

def test_leaks_a_loop():
    KEPT.append(asyncio.new_event_loop())

def test_leaks_a_task():
    KEPT.append(asyncio.new_event_loop().create_task(asyncio.sleep(3)))

def test_leaks_a_file():
    open(os.devnull)

def test_warns():
    warnings.warn("careful", DeprecationWarning)

def test_warns_in_a_thread():
    thread = threading.Thread(target=warnings.warn, args=("careful",))
    thread.start()
    thread.join()

def test_fails_in_a_thread():
    def fail():
        raise LookupError
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()

def test_fails_where_nobody_can_catch_it():
    class Fails:
        def __del__(self):
            raise LookupError
    Fails()

def test_never_awaits():
    asyncio.sleep(0)

@pytest.mark.leaves("threads", reason="on purpose")
def test_says_that_it_leaks():
    threading.Thread(target=threading.Event().wait, args=(3,), daemon=True).start()

@pytest.mark.leaves("threads")
def test_does_not_say_why():
    pass

@pytest.mark.leaves("threats", reason="on purpose")
def test_says_nonsense():
    pass
"""

PASS = {"test_passes", "test_says_that_it_leaks"}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of that suite, with this project's settings."""
    directory = tmp_path_factory.mktemp("suite")
    path = directory / "test_suite.py"
    path.write_text(SUITE)
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(directory), "-p", "tests.conftest"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-p", "no:cacheprovider", "-vv", "--tb=line", str(path)],
        capture_output=True,
        text=True,
        timeout=3 * LIMIT,
        check=False,
        cwd=ROOT,
    )
    return done.stdout + done.stderr


def names() -> list[str]:
    """Return the tests of that suite."""
    return [line.split("(")[0].removeprefix("def ") for line in SUITE.splitlines() if line.startswith("def test_")]


@pytest.mark.parametrize("name", names())
def test_outcome(name: str, report: str) -> None:
    """B1: leaks, warnings, and errors that only a thread, the collector or nobody sees fail their test."""
    outcomes = set(re.findall(rf"::{name} ([A-Z]+)", report))
    assert outcomes, report
    if name in PASS:
        assert outcomes == {"PASSED"}, report
    else:
        assert outcomes & {"FAILED", "ERROR"}, report

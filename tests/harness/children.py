"""Runs a program in a process of its own, within a limit."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.harness.limits import LIMIT

ROOT = Path(__file__).parents[2]


def run_python(program: str, *arguments: str, limit: float = 2 * LIMIT) -> subprocess.CompletedProcess[str]:
    """Run a program with this interpreter, the project on its path; a program that takes longer fails the test."""
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(program), *arguments],
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

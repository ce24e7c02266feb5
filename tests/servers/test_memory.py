"""The meter itself: a measurement that sees nothing would let every server pass."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.servers.content import MEGABYTE
from tests.servers.memory import Growth

HOLDS_FOR_A_MOMENT = f"""
input()
held = bytearray({64 * MEGABYTE})
del held
print("freed", flush=True)
input()
"""
# The child of a child, as an arbiter's worker is.
ARBITER = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLDS_FOR_A_MOMENT!r}], check=True)"


def test_growth_sees_a_peak_in_a_worker() -> None:
    """W17: memory that a worker process held and has freed again is counted."""
    arbiter = subprocess.Popen(
        [sys.executable, "-c", ARBITER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    with arbiter:
        assert arbiter.stdin is not None
        assert arbiter.stdout is not None
        try:
            growth = Growth(arbiter.pid)
            arbiter.stdin.write(b"\n")
            arbiter.stdin.flush()
            assert arbiter.stdout.readline() == b"freed\n"
            assert growth.bytes() >= 60 * MEGABYTE
        finally:
            os.killpg(arbiter.pid, signal.SIGKILL)

"""What every test runs under."""

from __future__ import annotations

import signal

import hypothesis
import pytest

from tests.leaks.watching import MARKER, every_test_cleans_up

__all__ = ["every_test_cleans_up"]

# A deadline for each example would measure how busy the machine is; pytest's timeout bounds the whole test.
hypothesis.settings.register_profile("bridge", deadline=None, print_blob=True)
hypothesis.settings.load_profile("bridge")

# A shell starts its background jobs with SIGINT ignored, and every process that a test starts would inherit that; tests
# of Ctrl-C are about what the command does with it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known by which a test says what it leaves."""
    config.addinivalue_line("markers", MARKER)

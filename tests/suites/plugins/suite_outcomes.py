"""A pytest plugin for somebody else's tests: it writes down what became of each.

The file that ``SUITE_OUTCOMES`` names gets one JSON list a line, ``[test, outcome]``, as soon as a test is over, so
that what ended before a crash is known. The last line's test is the empty string, and its outcome the exit status:
without it the run did not come to its end.
"""

from __future__ import annotations

import json
import os
from typing import IO

import pytest

WRITTEN_TO = "SUITE_OUTCOMES"

# From the least to the most: a test is what is worst of its setup, its call and its teardown.
_WORSE = ("passed", "skipped", "failed")


class Recorder:
    """Writes a line for each test."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._worst: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of one of the three phases of a test."""
        before = self._worst.get(report.nodeid, "passed")
        self._worst[report.nodeid] = max(before, report.outcome, key=_WORSE.index)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Write down a test that is over."""
        self._write(nodeid, self._worst.pop(nodeid, "failed"))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write down that this is all."""
        self._write("", int(exitstatus))

    def _write(self, test: str, outcome: str | int) -> None:
        self._file.write(json.dumps([test, outcome]) + "\n")
        self._file.flush()


def pytest_configure(config: pytest.Config) -> None:
    """Begin to write."""
    file = open(os.environ[WRITTEN_TO], "w", encoding="utf-8")  # noqa: SIM115  as long as the process
    config.add_cleanup(file.close)
    config.pluginmanager.register(Recorder(file))

"""Where the logs of a served application go: those of the bridge, of its server and of all else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

LEVELS = ("critical", "error", "warning", "info", "debug")

_FORMAT = "%(asctime)s %(levelname)s [%(name)s] %(message)s"


@contextmanager
def logging_to_stderr(level: str) -> Iterator[None]:
    """Write the records of every logger, from this level on, to the standard error in one format while the block runs.

    It is the root logger that is set up. ``bridge`` and the servers' loggers hand their records on to it, so that what
    an application configures for itself as it is imported holds for them as well.
    """
    root = logging.getLogger()
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(_FORMAT))
    before = root.level
    root.addHandler(handler)
    root.setLevel(level.upper())
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)

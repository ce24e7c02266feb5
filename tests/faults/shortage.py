"""Limits that the kernel enforces, for a while; to be used in a process of its own."""

from __future__ import annotations

import os
import resource
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

A_USER: Final = 54_321
"""Anybody but root, whom the kernel lets have any number of threads."""


@contextmanager
def no_more_threads() -> Iterator[None]:
    """Let the kernel refuse every new thread: `RuntimeError: can't start new thread`."""
    is_root = os.getuid() == 0
    if is_root:
        os.setresuid(A_USER, A_USER, 0)
    with limited(resource.RLIMIT_NPROC, 1):
        yield
    if is_root:
        os.setresuid(0, 0, 0)


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    """Let the kernel refuse every new descriptor: `OSError: [Errno 24] Too many open files`."""
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    with limited(resource.RLIMIT_NOFILE, lowest):
        yield


@contextmanager
def no_more_memory(room: int) -> Iterator[None]:
    """Let the kernel refuse what goes beyond so many bytes more: `MemoryError`."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    with limited(resource.RLIMIT_AS, pages * os.sysconf("SC_PAGE_SIZE") + room):
        yield


@contextmanager
def limited(what: int, limit: int) -> Iterator[None]:
    """Set a soft limit for a while."""
    soft, hard = resource.getrlimit(what)
    resource.setrlimit(what, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(what, (soft, hard))

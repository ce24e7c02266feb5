"""A body in many pieces costs no more than its length."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from bridge.input import Input
from tests.input.feeding import Feed


def read_by_hundreds(file: Input) -> list[bytes]:
    """As a parser reads that knows how much it can hold."""
    return list(iter(lambda: file.read(100), b""))


def read_short_lines(file: Input) -> list[bytes]:
    """As a parser reads that does not trust lines to be short."""
    return list(iter(lambda: file.readline(100), b""))


@pytest.mark.parametrize(
    "read",
    [lambda file: [file.read()], lambda file: [file.readline()], list, read_by_hundreds, read_short_lines],
    ids=["read", "readline", "lines", "hundreds", "short lines"],
)
def test_single_bytes(read: Callable[[Any], list[bytes]]) -> None:
    """B1: 100,000 bytes without a line feed, in as many pieces, are read in a time that grows with their number."""

    def seconds(count: int) -> float:
        file = Input(Feed([b"x"] * count))
        started = time.thread_time()
        found = read(file)
        elapsed = time.thread_time() - started
        assert b"".join(found) == b"x" * count
        return elapsed

    few = min(seconds(25_000) for _ in range(3))
    many = min(seconds(100_000) for _ in range(3))
    assert many < 10 * few + 0.05


def test_many_lines_in_one_piece() -> None:
    """B1: 200,000 lines of one piece are read in a time that grows with their number, not the square of it."""
    file = Input(Feed([b"line\n" * 200_000]))
    started = time.thread_time()
    assert sum(1 for _ in file) == 200_000
    assert time.thread_time() - started < 8  # also traced; the square would be minutes

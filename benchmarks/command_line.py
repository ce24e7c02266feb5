"""What the commands have in common: their options, and how they end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

from .report import OURS, Report

CLOCKS: dict[str, Callable[[], float]] = {"wall": perf_counter, "cpu": process_time}


def parser(module: str, documentation: str, rounds: int, seconds: float) -> argparse.ArgumentParser:
    """The options of every command, with its own defaults."""
    options = argparse.ArgumentParser(prog=f"python -m {module}", description=documentation.partition("\n")[0])
    options.add_argument(
        "--rounds", type=int, default=rounds, help=f"rounds for each question and contender (default: {rounds})"
    )
    options.add_argument(
        "--seconds", type=float, default=seconds, help=f"seconds for each measurement (default: {seconds})"
    )
    options.add_argument("--quick", action="store_true", help="one short round, to see that it runs: no figure counts")
    options.add_argument("--only", default="", metavar="TEXT", help="only the questions whose names contain TEXT")
    options.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")
    return options


def in_process_parser(module: str, documentation: str) -> argparse.ArgumentParser:
    """The options of a command that measures in its own process."""
    options = parser(module, documentation, rounds=7, seconds=0.5)
    options.add_argument(
        "--clock",
        choices=CLOCKS,
        default="wall",
        help="cpu counts the seconds of CPU time that this process used, for a machine that is busy otherwise",
    )
    options.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio", help="the event loop")
    return options


def progress(question: str) -> None:
    """Tell whoever waits what is being measured."""
    print(f"... {question}", file=sys.stderr, flush=True)


def finish(report: Report, json: Path | None, rounds: int, seconds: float, **settings: object) -> int:
    """Print and write what was found; the exit status is 1 if ours gave a wrong answer."""
    heading = [f"{rounds} rounds of {seconds:g} s", *(f"{value} {name}" for name, value in settings.items())]
    print(", ".join(heading) + "\n")
    print(report.tables())
    if json:
        report.write_json(json, rounds=rounds, seconds=seconds, **settings)
    return 1 if any(OURS in reasons for reasons in report.failed.values()) else 0

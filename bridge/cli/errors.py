"""How a command ends that cannot do what it was asked for."""

from __future__ import annotations

import sys

WRONG_COMMAND = 2  # what argparse ends with as well
REFUSED = 1  # by the system, or by the application as it starts


class CommandError(Exception):
    """Ends the command with this message as its one line; ``trace`` is shown before it."""

    def __init__(self, message: str, *, status: int = WRONG_COMMAND, trace: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.trace = trace


def report(error: CommandError) -> None:
    """Show an error: its traceback, if it has one, and its line."""
    print(f"{error.trace}bridge: {error}", file=sys.stderr, flush=True)


def report_until_changed(error: CommandError) -> None:
    """Show an error that a change of a file may heal, where the command goes on to watch them."""
    report(error)
    print("bridge: it is loaded again when a file changes", file=sys.stderr, flush=True)


def named(error: BaseException) -> str:
    """An error in one line, with its type."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__

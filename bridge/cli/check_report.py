"""What ``check`` has found, and how it is told.

A finding breaks a sentence of a specification, or keeps the application from answering; it decides the exit status.
A note is worth knowing and decides nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TextIO

_COLOURS = {"ok": "32", "note": "33", "finding": "31"}  # SGR's green, yellow, red

RAISED = "raised"  # what a line has in place of a status


@dataclass(frozen=True)
class Remark:
    """One thing that was found; ``source`` says where a specification has it, or is empty."""

    message: str
    source: str
    is_finding: bool


@dataclass
class Outcome:
    """What came of one probe. Threads add to it; a remark that is there already is not added again."""

    name: str
    answer: str = ""
    remarks: dict[Remark, None] = field(default_factory=dict)

    def finding(self, message: str, source: str = "") -> None:
        """Add what breaks a specification."""
        self.remarks[Remark(message, source, is_finding=True)] = None

    def note(self, message: str, source: str = "") -> None:
        """Add what breaks none."""
        self.remarks[Remark(message, source, is_finding=False)] = None

    def answered(self, status: int) -> None:
        """Add the status of an answer."""
        if self.answer in ("", RAISED):
            self.answer = str(status)
        if status >= 500:
            self.note(f"answered {status}")

    def not_answered(self, limit: float) -> None:
        """Add that no answer has begun."""
        self.answer = self.answer or f"no answer within {limit:g} s"
        self.finding(f"the application did not answer within {limit:g} s (--timeout)")

    def not_ended(self, limit: float) -> None:
        """Add that an answer has begun and not ended; it may be a stream."""
        self.note(f"the answer had not ended after {limit:g} s (--timeout), and the client left")

    def still_runs(self, limit: float) -> None:
        """Add that the application has not returned although the request is over."""
        self.note(f"the application still ran {limit:g} s (--timeout) after the request was over")

    @property
    def kind(self) -> str:
        """The word that the probe's line begins with."""
        if any(remark.is_finding for remark in list(self.remarks)):  # a late thread may add one just now
            return "finding"
        return "note" if self.remarks else "ok"


class Report:
    """Writes a line as each probe ends, and what was found after the last."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._has_colours = stream.isatty() and not os.environ.get("NO_COLOR")  # https://no-color.org
        self._probes = 0
        self._remarks: dict[Remark, list[str]] = {}  # with the names of the probes

    def line(self, text: str) -> None:
        """Write a line now."""
        print(text, file=self._stream, flush=True)

    def add(self, outcome: Outcome) -> None:
        """Write the line of a probe, and keep its remarks."""
        self._probes += 1
        for remark in list(outcome.remarks):
            self._remarks.setdefault(remark, []).append(outcome.name)
        answer = f": {outcome.answer}" if outcome.answer else ""
        self.line(f"{self._coloured(outcome.kind, outcome.kind.ljust(8))} {outcome.name}{answer}")

    def end(self) -> bool:
        """Write all remarks, each once, and the counts; return whether there are findings."""
        findings = [remark for remark in self._remarks if remark.is_finding]
        notes = [remark for remark in self._remarks if not remark.is_finding]
        for remark in findings + notes:
            self.line("")
            kind = "finding" if remark.is_finding else "note"
            self.line(f"{self._coloured(kind, kind)}: {remark.message}")
            if remark.source:
                self.line(f"    source: {remark.source}")
            first, *others = self._remarks[remark]
            and_others = f" and {_count(len(others), 'other probe')}" if others else ""
            self.line(f"    in: {first}{and_others}")
        self.line("")
        self.line(f"{_count(len(findings), 'finding')}, {_count(len(notes), 'note')}, {_count(self._probes, 'probe')}")
        if findings:
            self.line("A request ends at what it breaks first: mend that, and check again for what is behind it.")
        return bool(findings)

    def _coloured(self, kind: str, text: str) -> str:
        return f"\033[{_COLOURS[kind]}m{text}\033[0m" if self._has_colours else text


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

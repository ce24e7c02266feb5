"""What a run found: medians and spread, ratios, and a JSON file with every single figure."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from statistics import median

OURS = "bridge"


def interleaved(rounds: int, contenders: Sequence[str]) -> Iterator[str]:
    """Every contender once a round, each round led by the next one.

    What the machine does besides then falls on all of them, and nobody always runs after the same neighbour.
    """
    for number in range(rounds):
        first = number % len(contenders)
        yield from (*contenders[first:], *contenders[:first])


@dataclass
class Report:
    """All figures of a run: for each question and contender one a round."""

    contenders: Sequence[str]
    less_is_better: bool = False
    units: dict[str, str] = field(default_factory=dict)
    figures: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    failed: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, question: str, unit: str, contender: str, figure: float) -> None:
        """Keep one measurement."""
        self.units[question] = unit
        self.figures.setdefault(question, {}).setdefault(contender, []).append(figure)

    def fail(self, question: str, unit: str, contender: str, reason: str) -> None:
        """Keep that a contender gave a wrong answer, and was not measured."""
        self.units[question] = unit
        self.failed.setdefault(question, {})[contender] = reason

    def tables(self) -> str:
        """The medians with the range of all rounds, then how many times as good as each other the bridge is."""
        lines = ["median (lowest to highest round)", *aligned(self._medians())]
        if OURS in self.contenders:
            quotient = f"the other / {OURS}" if self.less_is_better else f"{OURS} / the other"
            lines += ["", f"times as good as: {quotient}, of the medians", *aligned(self._ratios())]
        for question, reasons in self.failed.items():
            lines += [f"{question}: {contender} failed: {reason}" for contender, reason in reasons.items()]
        return "\n".join(lines)

    def _medians(self) -> Iterator[list[str]]:
        yield ["", "unit", *self.contenders]
        for question, unit in self.units.items():
            yield [question, unit, *(self._cell(question, contender) for contender in self.contenders)]

    def _cell(self, question: str, contender: str) -> str:
        if contender in self.failed.get(question, {}):
            return "failed"
        figures = self.figures.get(question, {}).get(contender)
        if not figures:
            return "-"
        return f"{number(median(figures))} ({number(min(figures))} to {number(max(figures))})"

    def _ratios(self) -> Iterator[list[str]]:
        others = [contender for contender in self.contenders if contender != OURS]
        yield ["", *others]
        for question in self.units:
            yield [
                question,
                *(self._ratio(question, other) for other in others),
            ]

    def _ratio(self, question: str, other: str) -> str:
        ratio = ratio_of(self.figures.get(question, {}), other, less_is_better=self.less_is_better)
        return "-" if ratio is None else f"{ratio:.2f}"

    def write_json(self, path: Path, **settings: object) -> None:
        """Write every figure, with what they depend on."""
        document = {
            "machine": machine(),
            "settings": settings,
            "units": self.units,
            "figures": self.figures,
            "failed": self.failed,
        }
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def median_of(figures: Mapping[str, list[float]], contender: str) -> float | None:
    """The median of a contender's figures for one question; None if it has none."""
    return median(found) if (found := figures.get(contender)) else None


def ratio_of(figures: Mapping[str, list[float]], other: str, *, less_is_better: bool = False) -> float | None:
    """How many times as good as another the bridge is; None if one of them has no figure, or a 0 to divide by."""
    more, less = median_of(figures, OURS), median_of(figures, other)
    if less_is_better:
        more, less = less, more
    return more / less if more is not None and less else None


def number(figure: float) -> str:
    """A figure as it is read: three digits where it is small, whole where it is large."""
    return f"{figure:,.0f}" if figure >= 100 or figure == int(figure) else f"{figure:.3g}"


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """The rows with the first column to the left and all others to the right, as wide as they need."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def machine() -> dict[str, object]:
    """What the figures depend on: the interpreter, the cores, and the version of every package that takes part."""
    packages = (
        "a2wsgi",
        "asgiref",
        "fastapi",
        "flask",
        "gunicorn",
        "starlette",
        "uvicorn",
        "uvloop",
        "waitress",
        "wsgi-asgi-bridge",
    )
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "packages": {package: version_of(package) for package in packages},
    }


def version_of(package: str) -> str:
    """The installed version of a distribution."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"

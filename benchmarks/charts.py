"""Bars for README, for light and dark pages: `wire` in requests a second, `adapters` in times as fast as the peer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from .report import OURS, median_of, ratio_of

PEER = "a2wsgi"

WIDTH, LEFT, RIGHT = 780, 335, 95
BAR, GAP, HEADING, CAPTION = 18, 6, 34, 40
FONT = "font-family=\"system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif\""


@dataclass(frozen=True)
class Theme:
    """The colours of one kind of page, whose background shows through."""

    text: str
    faint: str
    ours: str
    other: str


THEMES = {
    "light": Theme(text="#1f2328", faint="#59636e", ours="#0969da", other="#afb8c1"),
    "dark": Theme(text="#f0f6fc", faint="#9198a1", ours="#4493f8", other="#545d68"),
}


@dataclass(frozen=True)
class Group:
    """Some bars under a heading, drawn to one scale."""

    heading: str
    bars: Sequence[tuple[str, float, str]]
    """Of each: name, length, what is written behind it."""


def svg(groups: Iterable[Group], caption: Iterable[str], theme: Theme) -> str:
    """The picture."""
    parts: list[str] = []
    y = 0

    def text(x: int, what: str, *, fill: str, size: int = 13, anchor: str = "start", weight: str = "400") -> None:
        parts.append(
            f'<text x="{x}" y="{y + BAR - 5}" fill="{fill}" font-size="{size}" text-anchor="{anchor}" '
            f'font-weight="{weight}">{escape(what)}</text>'
        )

    for group in groups:
        y += HEADING - BAR
        text(0, group.heading, fill=theme.text, size=14, weight="600")
        y += BAR + GAP
        longest = max(length for _, length, _ in group.bars) or 1.0
        for name, length, written in group.bars:
            ours = name == OURS or all(other != OURS for other, _, _ in group.bars)
            width = max(2, round((WIDTH - LEFT - RIGHT) * length / longest))
            text(LEFT - 10, name, fill=theme.text, anchor="end", weight="600" if name == OURS else "400")
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{width}" height="{BAR}" rx="3" '
                f'fill="{theme.ours if ours else theme.other}"/>'
            )
            text(LEFT + width + 8, written, fill=theme.text)
            y += BAR + GAP
    y += CAPTION - 2 * BAR
    for line in caption:
        y += BAR
        text(0, line, fill=theme.faint, size=11)
    height = y + BAR
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f"{FONT}>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def caption(machine: dict[str, Any], packages: Iterable[str]) -> list[str]:
    """What the figures depend on."""
    where = f"{machine['python']}, {machine['system']}, {machine['cores']} cores. Medians of interleaved rounds."
    return [where, ", ".join(f"{package} {machine['packages'][package]}" for package in packages)]


def of_wire(results: dict[str, Any]) -> Iterable[Group]:
    """Requests a second of whole servers; who failed has no bar."""
    for question, figures in results["figures"].items():
        yield Group(
            f"{question}, {results['units'][question]}",
            [(name, value, f"{value:,.0f}") for name in figures if (value := median_of(figures, name)) is not None],
        )


def of_adapters(results: Iterable[tuple[str, dict[str, Any]]]) -> Iterable[Group]:
    """How many times as fast as the peer an adapter is, without a server."""
    for adapter, document in results:
        found = [
            (question, max(0.0, math.log2(ratio)), f"{ratio:.1f} times")
            for question, figures in document["figures"].items()
            if (ratio := ratio_of(figures, PEER)) is not None
        ]
        # The ratios go from 2 to 200.
        yield Group(f"{adapter}: times as fast as {PEER}, without a server (logarithmic)", found)


def draw(results: dict[str, dict[str, Any]], folder: Path) -> None:
    """Write all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, theme in THEMES.items():
        if wire := results.get("wire"):
            packages = ("uvicorn", "gunicorn", "waitress", "flask", "fastapi", "a2wsgi", "asgiref")
            drawn = svg(of_wire(wire), caption(wire["machine"], packages), theme)
            (folder / f"wire-{name}.svg").write_text(drawn, encoding="utf-8")
        both = [
            (adapter, results[key])
            for adapter, key in (("WsgiToAsgi", "wsgi_to_asgi"), ("AsgiToWsgi", "asgi_to_wsgi"))
            if key in results
        ]
        drawn = svg(of_adapters(both), caption(both[0][1]["machine"], ("a2wsgi", "asgiref")), theme)
        (folder / f"adapters-{name}.svg").write_text(drawn, encoding="utf-8")

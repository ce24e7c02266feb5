"""The table as Markdown: a row for each behaviour, a column for each server, and notes on what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.matrix.behaviours import KEPT, Behaviour
from tests.matrix.directions import DIRECTIONS, Direction
from tests.servers.kinds import Kind

Seen = Mapping[tuple[str, Behaviour], str]
"""What the probe of a behaviour told, by the name of the kind."""

NOT_TRIED = "not tried"
UNKNOWN = "NO LIMIT OF THE SERVER'S"

INTRODUCTION = """\
# What servers give

Each cell is a test on the running server, through the bridge, with a socket that decides about every byte. Where it
says "no", the note says what happens instead and why, and the test has seen the same with an application of the
server's own kind and no bridge: it is the server's limit, and no bridge could lift it. Under `python -m pytest
tests/servers tests/wsgi_servers` the same tables are printed as they were seen; `python -m tests.matrix >
docs/servers.md` writes this page, and a test compares it with what the others demand.
"""


def document() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(f"{section(direction, demanded(direction))}" for direction in DIRECTIONS)])


def demanded(direction: Direction) -> Seen:
    """What the tests of that direction insist on."""
    return {
        (kind.name, behaviour): direction.expected(kind, behaviour)
        for kind in direction.kinds
        for behaviour in Behaviour
    }


def section(direction: Direction, seen: Seen) -> str:
    """The table of one direction, and its notes."""
    columns = _columns(direction.kinds, seen)
    lines = [f"## {direction.title}", "", *_head(columns)]
    notes: list[str] = []
    for behaviour in Behaviour:
        cells = []
        for kinds in columns.values():
            cell = seen.get((kinds[0].name, behaviour), NOT_TRIED)
            if cell not in (KEPT, NOT_TRIED):
                note = _note(direction, columns, seen, behaviour, cell)
                if note not in notes:
                    notes.append(note)
                cell = f"no ({notes.index(note) + 1})"
            cells.append(cell)
        lines.append(f"| {behaviour.value} | {' | '.join(cells)} |")
    lines += ["", *(f"{number}. {note}" for number, note in enumerate(notes, 1)), "", *_others(direction)]
    return "\n".join(lines) + "\n"


def summary(direction: Direction) -> str:
    """The rows of the same table in which some server falls short, for the README."""
    seen = demanded(direction)
    columns = _columns(direction.kinds, seen)
    lines = _head(columns)
    for behaviour in Behaviour:
        cells = ["yes" if seen[kinds[0].name, behaviour] == KEPT else "no" for kinds in columns.values()]
        if "no" in cells:
            lines.append(f"| {behaviour.value} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _head(columns: Mapping[str, list[Kind]]) -> list[str]:
    return [f"| | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]


def _columns(kinds: Sequence[Kind], seen: Seen) -> dict[str, list[Kind]]:
    """The kinds by what their column is called: all of a family together if they do not differ."""
    families: dict[str, list[Kind]] = {}
    for kind in kinds:
        families.setdefault(kind.family, []).append(kind)
    columns = {}
    for family, members in families.items():
        if len({tuple(seen.get((kind.name, behaviour)) for behaviour in Behaviour) for kind in members}) == 1:
            columns[family] = members
        else:
            columns.update({kind.name: [kind] for kind in members})
    return columns


def _note(
    direction: Direction, columns: Mapping[str, list[Kind]], seen: Seen, behaviour: Behaviour, instead: str
) -> str:
    reasons: dict[str, list[str]] = {}
    for name, kinds in columns.items():
        if seen.get((kinds[0].name, behaviour)) == instead:
            shortfall = direction.shortfall(kinds[0], behaviour)
            known = shortfall is not None and shortfall.instead == instead
            reasons.setdefault(shortfall.reason if shortfall and known else UNKNOWN, []).append(name)
    told = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())
    return f"{instead[0].upper()}{instead[1:]}. {told}."


def _others(direction: Direction) -> list[str]:
    """Limits that no row is about."""
    found: dict[tuple[str, str], list[str]] = {}
    for (family, limit), reason in direction.others.items():
        found.setdefault((limit, reason), []).append(family)
    return [
        "Beyond the table:",
        "",
        *(f"- {limit} {', '.join(names)}: {why}." for (limit, why), names in found.items()),
    ]

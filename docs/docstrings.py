"""How bridge's docstrings become pages: their lists of arguments as tables, and their examples as code.

A docstring of bridge names each argument at the start of a line, as in ``threads: how many``, and goes on in lines that
are indented. mkdocstrings knows such lists by a heading; so this extension of griffe gives them one.
"""  # noqa: INP001  a single file, which mkdocstrings loads by its path

from __future__ import annotations

import re
from typing import Any

import griffe

_ENTRY = re.compile(r"([a-z_]+(?:, [a-z_]+)*): (?=\S)")


class DocstringLists(griffe.Extension):
    """Puts headings over the lists of arguments and attributes."""

    def on_object(self, *, obj: griffe.Object, **_kwargs: Any) -> None:
        """Rewrite the docstring of a class, a function or a module."""
        if obj.docstring is not None:
            has_arguments = (obj.is_class or obj.is_function) and "dataclass" not in obj.labels
            arguments = {parameter.name for parameter in obj.parameters} if has_arguments else set()
            obj.docstring.value = with_headings(obj.docstring.value, arguments)


def with_headings(text: str, arguments: set[str]) -> str:
    """Return a docstring with a heading over each of its lists, and with ``::`` as Markdown has it.

    arguments: what is listed under Args; a list with another name in it is one of attributes.
    """
    return "\n\n".join(_as_markdown(paragraph, arguments) for paragraph in text.split("\n\n"))


def _as_markdown(paragraph: str, arguments: set[str]) -> str:
    if paragraph == "::":
        return ""
    if not _ENTRY.match(paragraph):
        return paragraph[:-1] if paragraph.endswith("::") else paragraph
    named: set[str] = set()
    lines = []
    for line in paragraph.split("\n"):
        entry = _ENTRY.match(line)
        if entry is None:
            lines.append(line)
            continue
        names = entry[1].split(", ")
        named.update(names)
        lines += [f"{name}: {line[entry.end() :]}" for name in names]
    heading = "Args" if named <= arguments else "Attributes"
    return "\n".join([f"{heading}:", *(f"    {line}" for line in lines)])

"""The pages of docs/ and the code blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.cli.command import ROOT

DOCS = ROOT / "docs"

_FENCE = re.compile(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One code block."""

    page: str
    language: str
    title: str
    """The file that the reader is to write, ``""`` if none is named."""
    code: str

    def __str__(self) -> str:
        return f"{self.page}: {self.title or self.code.splitlines()[0]}"


def text_of(page: str) -> str:
    """The source of a page."""
    return (DOCS / page).read_text(encoding="utf-8")


PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
BLOCKS = [Block(page, *found) for page in PAGES for found in _FENCE.findall(text_of(page))]


def of(*languages: str) -> list[Block]:
    """The blocks of these languages."""
    return [block for block in BLOCKS if block.language in languages]


def the_block(page: str, title: str) -> Block:
    """The block of a page that has this title."""
    [block] = [block for block in BLOCKS if (block.page, block.title) == (page, title)]
    return block


def write_files(page: str, directory: Path) -> None:
    """Write the Python files that a page asks its reader to write."""
    for block in BLOCKS:
        if block.page == page and block.language == "python" and block.title:
            path = directory / block.title
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.code, encoding="utf-8")

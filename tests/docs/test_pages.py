"""docs/: every page can be found, every option is named, and no code block escapes the tests."""

from __future__ import annotations

import inspect
import re

import pytest

import bridge
import bridge.errors
from bridge import AsgiToWsgi, Stats, WsgiToAsgi
from tests.cli.command import ROOT
from tests.docs.pages import BLOCKS, PAGES, of, text_of

# For each language the file that tests its blocks.
LANGUAGES = {
    "python": "test_python.py",
    "sh": "test_commands.py",
    "console": "test_tutorial.py",
    "ini": "test_configurations.py",
    "nginx": "test_configurations.py",
    "apache": "test_configurations.py",
}


def test_every_page_is_in_the_navigation() -> None:
    """A page is in mkdocs.yml's nav, once, or nobody finds it."""
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2].partition("\n\n")[0]
    assert sorted(re.findall(r": (\S+\.md)$", navigation, re.MULTILINE)) == PAGES


def test_every_fence_is_a_block() -> None:
    """A code block that is written in another way than the tests read would never be run."""
    fences = sum(len(re.findall(r"^\s*(?:```|~~~)", text_of(page), re.MULTILINE)) for page in PAGES)
    assert fences == 2 * len(BLOCKS) > 0


def test_every_language_is_tested() -> None:
    """A code block of a language that no test knows would never be run."""
    assert {block.language for block in BLOCKS} == LANGUAGES.keys()


def test_only_the_tutorial_shows_answers() -> None:
    """Blocks of commands with what they print are run against a server, which happens for the tutorial."""
    assert {block.page for block in of("console")} == {"tutorial.md"}


@pytest.mark.parametrize("adapter", [WsgiToAsgi, AsgiToWsgi])
def test_every_option_is_named(adapter: type) -> None:
    """An option that no page names is as good as none."""
    text = "\n".join(map(text_of, PAGES))
    parameters = inspect.signature(adapter).parameters.values()
    options = [option.name for option in parameters if option.kind is inspect.Parameter.KEYWORD_ONLY]
    assert options
    assert [name for name in options if not re.search(rf"`{name}\b|\b{name}=", text)] == []


def test_every_public_name_is_in_the_reference() -> None:
    """Each name of `bridge` is in the reference: by itself, or as one of the module of errors."""
    shown = set(re.findall(r"^::: bridge\.(\w+)$", text_of("reference.md"), re.MULTILINE))
    errors = {name for name in bridge.__all__ if getattr(bridge, name) in vars(bridge.errors).values()}
    assert "errors" in shown
    assert errors
    assert set(bridge.__all__) - errors - {"__version__"} == {name for name in shown if name[0].isupper()}


def test_every_count_is_explained() -> None:
    """B3: what `stats()` tells is in the table of the page on operations, in order."""
    table = text_of("operations.md").partition("## stats()")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(Stats.__dataclass_fields__)

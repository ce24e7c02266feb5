"""The reader's directory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.docs.pages import write_files

# What a page takes for granted that its reader has.
_GIVEN = {
    "servers/pythonanywhere.md": {
        "main.py": "from fastapi import FastAPI\n\napp = FastAPI()\napp.get('/')(lambda: 'hello')\n"
    },
}


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    """A working directory with the Python files of a page; what is imported from it is forgotten again."""
    before = set(sys.modules)

    def follow(page: str) -> Path:
        write_files(page, tmp_path)
        for name, code in _GIVEN.get(page, {}).items():
            (tmp_path / name).write_text(code)
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(tmp_path)
        return tmp_path

    yield follow
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]

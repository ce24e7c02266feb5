"""Where the commands run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.applications import SOURCE


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with `shop.py`, as a user's working directory."""
    (tmp_path / "shop.py").write_text(SOURCE)
    return tmp_path

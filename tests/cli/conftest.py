"""Where the commands run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.applications import SOURCE
from tests.cli.asgi_applications import SOURCE as ASGI_SOURCE


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with `shop.py` (WSGI) and `cafe.py` (ASGI), as a user's working directory."""
    (tmp_path / "shop.py").write_text(SOURCE)
    (tmp_path / "cafe.py").write_text(ASGI_SOURCE)
    return tmp_path

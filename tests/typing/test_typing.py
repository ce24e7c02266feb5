"""B4: the public names are typed, strictly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def mypy(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run mypy with the project's strict settings."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", ROOT / "pyproject.toml", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.timeout(250)
def test_uses_are_typed_as_documented() -> None:
    """B4: right uses have the types that are written beside them, and each wrong use is an error for its own reason."""
    checked = mypy(HERE / "right_uses.py", HERE / "wrong_uses.py")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.timeout(250)
def test_a_wrong_type_is_reported(tmp_path: Path) -> None:
    """The check above can fail: mypy, started the same way, reports a wrong type of a public name."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import bridge\nversion: int = bridge.__version__\n", encoding="utf-8")
    checked = mypy(wrong)
    assert checked.returncode == 1
    assert 'variable has type "int"' in checked.stdout

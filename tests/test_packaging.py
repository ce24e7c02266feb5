"""What a user gets who installs the project."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import bridge
from tests.harness import run_python

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_version_is_in_the_changelog() -> None:
    """The newest heading of the changelog is the version of the code, so that no release is without its notes."""
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == bridge.__version__


def test_version_of_the_distribution_is_that_of_the_code() -> None:
    """The version has one source: what is installed and what `bridge.__version__` says are the same."""
    assert metadata.version("wsgi-asgi-bridge") == bridge.__version__


def test_types_are_marked_as_shipped() -> None:
    """B4: `py.typed` lies in the package, without which type checkers ignore its hints (PEP 561)."""
    assert (Path(bridge.__file__).parent / "py.typed").is_file()


def test_there_are_two_dependencies() -> None:
    """B4: installing the bridge brings asgiref and typing-extensions, and nothing else."""
    names = {re.split(r"[<>=!~;\[ ]", requirement)[0] for requirement in PYPROJECT["project"]["dependencies"]}
    assert names == {"asgiref", "typing-extensions"}


def test_supported_versions_agree() -> None:
    """The oldest Python of the classifiers is the one that `requires-python`, mypy, pyright and ruff are set to."""
    project, tools = PYPROJECT["project"], PYPROJECT["tool"]
    oldest = min(
        tuple(map(int, found.groups()))
        for classifier in project["classifiers"]
        if (found := re.search(r":: (\d+)\.(\d+)$", classifier))
    )
    dotted = ".".join(map(str, oldest))
    assert project["requires-python"] == f">={dotted}"
    assert tools["mypy"]["python_version"] == dotted
    assert tools["pyright"]["pythonVersion"] == dotted
    assert tools["ruff"]["target-version"] == f"py{dotted.replace('.', '')}"


def test_import_brings_the_dependencies_only() -> None:
    """B4: `import bridge` loads the standard library and the two dependencies, and no server, framework or trio."""
    program = (
        "import sys; before = set(sys.modules); import bridge;"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    # `multiprocessing` registers the main module under a second name.
    standard = {"__mp_main__"}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    loaded = set(run.stdout.split()) - standard
    assert loaded <= {"bridge", "asgiref", "typing_extensions"}
    assert "bridge" in loaded


def test_what_is_loaded_late() -> None:
    """B5: adapters that may spool have loaded what they need for it when they are made; others never load it."""
    done = run_python("""
        import sys
        from bridge import WsgiToAsgi

        def loads(**options):
            WsgiToAsgi(print, **options).close()
            return "tempfile" in sys.modules

        assert "tempfile" not in sys.modules
        assert not loads()
        assert loads(body="spool")
        del sys.modules["tempfile"]
        assert loads(read_timeout=1)
        """)
    assert done.returncode == 0, done.stderr

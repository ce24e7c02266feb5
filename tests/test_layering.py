"""Imports inside `bridge` go downward only, and the translation module stays pure.

    L3  bridge (the public names), cli, __main__, deployment, asgi, wsgi, a2wsgi, prometheus
    L2  everything else: wsgi_to_asgi, input, lifespan, ...
    L1  handoff
    L0  translation, errors, _types

The imports are read from the source, those inside functions and `if TYPE_CHECKING:` too: a rule that holds for some
imports only is no rule.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import bridge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PACKAGE = Path(bridge.__file__).parent

LAYERS = {"handoff": 1, "translation": 0, "errors": 0, "_types": 0}
LAYERS |= dict.fromkeys(("__init__", "cli", "__main__", "deployment", "asgi", "wsgi", "a2wsgi", "prometheus"), 3)
"""By the first name below `bridge`; what is not here is L2."""

HANDOFF_MAY_TAKE = {"handoff", "errors", "_types"}

IMPURE = frozenset(
    {
        "_thread",
        "asyncio",
        "concurrent",
        "contextvars",
        "logging",
        "multiprocessing",
        "queue",
        "sched",
        "select",
        "selectors",
        "signal",
        "socket",
        "socketserver",
        "ssl",
        "subprocess",
        "threading",
        "time",
        "trio",
    },
)
"""What waits, schedules, measures time or talks to the outside."""


class Edge(NamedTuple):
    """One import: `module` imports `imported`, both by their full names."""

    module: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.module} (line {self.line}) imports {self.imported}"


def modules_of(package: Path) -> dict[str, Path]:
    """Every module of a package by its full name; a package itself stands for its `__init__.py`."""
    modules = {}
    for path in sorted(package.rglob("*.py")):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


def edges_of(package: Path) -> list[Edge]:
    """Every import statement of a package; `from a import b` names `a.b` if that is one of its modules, else `a`."""
    modules = modules_of(package)
    edges = []
    for module, path in modules.items():
        parent = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                edges += [Edge(module, imported, node.lineno) for imported in imports_of(node, parent, modules)]
    return edges


def imports_of(node: ast.Import | ast.ImportFrom, parent: list[str], modules: dict[str, Path]) -> Iterator[str]:
    """The full names that one statement imports."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name
        return
    # One dot is the package that holds the module, each further dot one above it.
    start = parent[: len(parent) - node.level + 1] if node.level else []
    base = ".".join([*start, *(node.module.split(".") if node.module else [])])
    for alias in node.names:
        full = f"{base}.{alias.name}"
        yield full if full in modules else base


def room_of(module: str) -> str:
    """`bridge.handoff.workers` -> `handoff`; the package's own `__init__.py` is `__init__`."""
    return module.split(".")[1] if "." in module else "__init__"


def layer_of(module: str) -> int:
    """The layer, 0 to 3, of a module of the package."""
    return LAYERS.get(room_of(module), 2)


def inside(package: Path, edges: Iterable[Edge]) -> list[Edge]:
    """The edges that stay inside the package."""
    return [edge for edge in edges if edge.imported.split(".")[0] == package.name]


def upward_edges(package: Path) -> list[Edge]:
    """Imports that point to a higher layer."""
    return [edge for edge in inside(package, edges_of(package)) if layer_of(edge.imported) > layer_of(edge.module)]


def handoff_edges_too_wide(package: Path) -> list[Edge]:
    """Imports by which the handoff layer learns of more than the errors and the type names."""
    reached = reachable_from(package, "handoff")
    return [edge for edge in inside(package, reached) if room_of(edge.imported) not in HANDOFF_MAY_TAKE]


def impure_edges(package: Path) -> list[Edge]:
    """Imports of something impure from the translation module, or from what it imports inside the package."""
    return [edge for edge in reachable_from(package, "translation") if edge.imported.split(".")[0] in IMPURE]


def reachable_from(package: Path, room: str) -> list[Edge]:
    """The imports of a room and of every module that it reaches inside the package.

    The package's own `__init__.py` is left out: Python runs it before any module of the package, whatever that imports.
    """
    edges = edges_of(package)
    waiting = {module for module in modules_of(package) if room_of(module) == room}
    seen: set[str] = set()
    found = []
    while waiting:
        module = waiting.pop()
        seen.add(module)
        for edge in edges:
            if edge.module == module:
                found.append(edge)
                if edge.imported.split(".")[0] == package.name and "." in edge.imported and edge.imported not in seen:
                    waiting.add(edge.imported)
    return found


def shown(edges: Iterable[Edge]) -> str:
    """The edges, a line each, for the message of a failed test."""
    return "\n".join(map(str, edges))


def test_imports_go_downward_only() -> None:
    """No module imports from a layer above its own, so that each can be understood with only those below it in mind."""
    offending = upward_edges(PACKAGE)
    assert not offending, shown(offending)


def test_handoff_knows_only_errors_and_types() -> None:
    """The handoff layer knows nothing of WSGI and ASGI: of the layer below it takes errors and type names only."""
    offending = handoff_edges_too_wide(PACKAGE)
    assert not offending, shown(offending)


def test_translation_is_pure() -> None:
    """The translation module, with what it imports from `bridge`, has no threads, loops, sockets, clocks or logging."""
    offending = impure_edges(PACKAGE)
    assert not offending, shown(offending)


def test_translation_loads_nothing_impure() -> None:
    """Loaded by itself in a new interpreter, the translation module brings no loop, thread or socket along.

    The source alone does not show this: a dependency may import them. `bridge` is stood in for by an empty package with
    the same folder, since its own `__init__.py` imports everything, and `-S` keeps start-up files from importing
    anything before.
    """
    program = """if True:
        import importlib, sys, types
        sys.path[:] = {path!r}
        package = types.ModuleType("bridge")
        package.__path__ = [{package!r}]
        sys.modules["bridge"] = package
        before = set(sys.modules)
        for name in {names!r}:
            importlib.import_module(name)
        assert before.isdisjoint({impure!r}), "already loaded at start-up"
        print(*sorted(set(sys.modules) & {impure!r}))
    """.format(
        path=[entry for entry in sys.path if entry],
        package=str(PACKAGE),
        names=[name for name in modules_of(PACKAGE) if room_of(name) == "translation"],
        # `time` is left to the test of the source: the interpreter itself loads it.
        impure={"asyncio", "concurrent.futures", "logging", "queue", "selectors", "socket", "ssl", "threading"},
    )
    loaded = subprocess.run(
        [sys.executable, "-S", "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (loaded.returncode, loaded.stdout.split()) == (0, []), loaded.stderr


def test_every_module_is_read() -> None:
    """The walk sees the modules that the rules are about; a walk that found nothing would pass every test above."""
    rooms = {room_of(module) for module in modules_of(PACKAGE)}
    assert {"__init__", "cli", "__main__", "wsgi_to_asgi", "handoff", "translation", "errors", "_types"} <= rooms
    assert any(edge.imported.startswith("bridge.translation.") for edge in edges_of(PACKAGE))


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A small tree in the shape of `bridge`, without an offending import."""
    root = tmp_path / "bridge"
    sources = {
        "__init__.py": "from bridge.wsgi_to_asgi import WsgiToAsgi\n",
        "errors.py": "import re\n",
        "_types.py": "import typing\n",
        "cli.py": "from bridge import WsgiToAsgi\nimport bridge.errors\n",
        "wsgi_to_asgi.py": "import threading\nfrom . import errors\nfrom .handoff.workers import Pool\n",
        "handoff/__init__.py": "",
        "handoff/workers.py": "import threading\nfrom ..errors import BridgeError\nfrom .._types import Job\n",
        "translation/__init__.py": "",
        "translation/paths.py": "from urllib.parse import quote\nfrom bridge.errors import BridgeError\n",
    }
    for name, source in sources.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(source, encoding="utf-8")
    return root


def offences(package: Path) -> list[str]:
    """Everything that the three rules find, as a failing test would print it."""
    return [str(edge) for rule in (upward_edges, handoff_edges_too_wide, impure_edges) for edge in rule(package)]


def test_a_right_tree_is_let_through(package: Path) -> None:
    """The rules find nothing where there is nothing, relative imports and imports of the package itself included."""
    assert offences(package) == []


@pytest.mark.parametrize(
    ("file", "source", "found"),
    [
        ("errors.py", "from bridge.handoff import workers", "bridge.errors (line 1) imports bridge.handoff.workers"),
        ("_types.py", "from . import wsgi_to_asgi", "bridge._types (line 1) imports bridge.wsgi_to_asgi"),
        ("wsgi_to_asgi.py", "from bridge import WsgiToAsgi", "bridge.wsgi_to_asgi (line 1) imports bridge"),
        ("wsgi_to_asgi.py", "import os\nimport bridge.cli", "bridge.wsgi_to_asgi (line 2) imports bridge.cli"),
        ("handoff/workers.py", "from .. import lifespan", "bridge.handoff.workers (line 1) imports bridge"),
        ("handoff/workers.py", "def late():\n    from ..wsgi_to_asgi import x", "imports bridge.wsgi_to_asgi"),
        ("handoff/workers.py", "from bridge.translation.paths import quote", "imports bridge.translation.paths"),
        # By way of `errors`, which handoff may take from
        ("errors.py", "from bridge.translation import paths", "bridge.errors (line 1) imports bridge.translation"),
        ("translation/paths.py", "import asyncio.events", "bridge.translation.paths (line 1) imports asyncio.events"),
        ("translation/__init__.py", "from logging import getLogger", "bridge.translation (line 1) imports logging"),
        # By way of `errors`, which translation may take from
        ("errors.py", "if TYPE_CHECKING:\n    from threading import Lock", "bridge.errors (line 2) imports threading"),
    ],
)
def test_an_offending_import_is_reported(package: Path, file: str, source: str, found: str) -> None:
    """Each way of breaking a rule is found, and the edge printed with its line."""
    (package / file).write_text(source, encoding="utf-8")
    assert any(found in offence for offence in offences(package)), offences(package)

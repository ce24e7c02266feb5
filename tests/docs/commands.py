"""Commands of docs/: whether each program has the options, and whether what it is to serve is there.

Options are looked up in what the program itself says of them, which takes a process each, once.
"""

from __future__ import annotations

import functools
import re
import shlex
import tomllib
from pathlib import Path

from bridge.cli.interfaces import Interface, interface_of
from bridge.cli.targets import load
from bridge.deployment import asgi_application, wsgi_application
from tests.cli.command import ROOT, ended

SERVERS = {
    "uvicorn": Interface.ASGI,
    "hypercorn": Interface.ASGI,
    "daphne": Interface.ASGI,
    "granian": None,
    "gunicorn": None,
    "waitress-serve": Interface.WSGI,
    "bridge": None,
}
"""What each serves; None: its options say."""

_MODULES = {"waitress-serve": ["waitress"], "bridge": ["bridge", "serve"], "uwsgi": []}
_UWSGI = ["-c", "import pyuwsgi; pyuwsgi.run(['--help'])"]
_TARGET = re.compile(r"[a-z_][\w.]*:[a-z_]\w*")
_VARIABLE = re.compile(r"[A-Z][A-Z_]*=")


@functools.cache
def options_of(program: str) -> frozenset[str]:
    """The long options that a server says it has."""
    arguments = _UWSGI if program == "uwsgi" else ["-m", *_MODULES.get(program, [program]), "--help"]
    told = ended(*arguments, directory=ROOT)
    options = frozenset(re.findall(r"--[a-z][a-z0-9-]*", told.out + told.err))
    assert len(options) > 5, told
    return options


def check(command: str) -> None:
    """Check one command, in the working directory that has what it serves; raise AssertionError for what is wrong."""
    words = shlex.split(command)
    variables = {}
    while _VARIABLE.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    program = Path(words[0]).name or words[0]
    arguments = words[1:]
    if program in {"python", "python3"}:
        assert arguments[0] == "-m", command
        program, arguments = arguments[1], arguments[2:]
        if program == "bridge":
            assert arguments.pop(0) == "serve", command
    if program in SERVERS:
        _check_server(program, arguments, variables)
    elif program == "pip":
        _check_pip(arguments)
    else:
        # The rest of what stands in front of the first server.
        assert [program, *arguments] in ([".", ".venv/bin/activate"], ["venv", ".venv"]), command


def _check_server(program: str, arguments: list[str], variables: dict[str, str]) -> None:
    options = {word.partition("=")[0] for word in arguments if word.startswith("-")}
    assert options <= options_of(program), options - options_of(program)
    targets = [word for word in arguments if _TARGET.fullmatch(word)]
    if "--config" in options:
        assert Path(arguments[arguments.index("--config") + 1]).is_file()
        assert targets == []
        return
    assert len(targets) == 1, arguments
    [target] = targets
    if target == "bridge.asgi:app":
        assert program == "uvicorn"
        asgi_application(variables)
    elif target == "bridge.wsgi:app":
        assert program == "gunicorn"
        wsgi_application(variables)
    else:
        assert variables == {}
        assert program == "bridge" or interface_of(load(target), target) is _served(program, arguments)


def _served(program: str, arguments: list[str]) -> Interface:
    interface = SERVERS[program]
    if interface is not None:
        return interface
    option = "--interface" if program == "granian" else "--worker-class"
    kind = arguments[arguments.index(option) + 1] if option in arguments else "sync"
    return Interface.ASGI if kind == "asgi" else Interface.WSGI


def _check_pip(arguments: list[str]) -> None:
    assert arguments[:2] == ["install", "-e"], arguments
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = re.fullmatch(r"\.\[(.+)\]", arguments[2])
    assert extras is not None
    assert set(extras[1].split(",")) <= project["optional-dependencies"].keys()
    brought = {
        re.split(r"[^\w-]", found)[0] for several in project["optional-dependencies"].values() for found in several
    }
    assert set(arguments[3:]) <= brought

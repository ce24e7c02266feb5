"""A source distribution from the package index, unpacked, and a virtual environment that its tests run in."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tests.harness.children import ROOT
from tests.suites.frameworks import Framework

# Seconds for a download or an installation.
_LIMIT = 240.0

# What the runs need besides the framework's own requirements: a test that hangs is to end.
_OURS = ("pytest-timeout~=2.4",)


_PROJECT = "wsgi-asgi-bridge"


class Failed(Exception):
    """A command ended with an error, or not in time; the text is what it printed."""


@dataclass(frozen=True)
class Prepared:
    """What a framework's tests are run with."""

    folder: Path
    source: Path
    """The distribution, unpacked."""
    python: Path
    """The interpreter of the environment."""


def prepared(framework: Framework, folder: Path) -> Prepared:
    """Download and unpack a framework's source distribution, and make an environment for its tests."""
    folder.mkdir()
    return Prepared(folder, _unpacked_source(framework, folder), _environment(framework, folder / "environment"))


def _unpacked_source(framework: Framework, folder: Path) -> Path:
    # Only the framework itself has to come as source; what builds it may come as wheels.
    options = ["--quiet", "--disable-pip-version-check", "--no-binary", framework.name, "--no-deps"]
    requirement = f"{framework.name}=={framework.version}"
    _run([sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), requirement])
    [archive] = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return archive.with_name(archive.name.removesuffix(".tar.gz"))


def _environment(framework: Framework, folder: Path) -> Path:
    """Make an environment with a framework, what its tests need, and this project; return its interpreter."""
    python = folder / "bin" / "python"
    wanted = [f"{framework.name}=={framework.version}", *framework.requirements, *_OURS, str(ROOT)]
    uv = shutil.which("uv")
    if uv is None:
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted])
    else:
        _run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
        # What uv has built of this project before may be older than its files.
        _run([uv, "pip", "install", "--quiet", "--refresh-package", _PROJECT, "--python", str(python), *wanted])
    return python


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=_LIMIT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{command}: not within {_LIMIT:g} s") from error
    if done.returncode:
        raise Failed(f"{command}:\n{done.stdout}")

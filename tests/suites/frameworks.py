"""The frameworks whose own tests are run, each pinned with what its tests need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.suites.comparing import Excused


@dataclass(frozen=True)
class Framework:
    """A source distribution and how its tests are run."""

    name: str
    version: str
    requirements: tuple[str, ...]
    """What its tests need, as the distribution says itself, pinned where a new release could break them."""
    passing: int
    """How many tests pass at least as they are: fewer mean that something is missing."""
    requests: int
    """How many requests go through the adapters at least: fewer mean that its test client was not wrapped."""
    tests: tuple[str, ...] = ("tests",)
    """Where they are in the distribution."""
    excused: Mapping[str, Excused] = field(default_factory=dict)
    """The tests that pass only without the adapters, each with its reason."""


# The versions are those of the distributions' own lock files, but for what this project needs newer.
FRAMEWORKS = (
    Framework(
        name="starlette",
        version="1.10.0",
        requirements=(
            "starlette[full]",
            "anyio==4.15.1",
            "blockbuster==1.5.28",
            "httpx==0.28.1",
            "httpx2[zstd]==2.13.1",
            "opentelemetry-sdk==1.44.0",
            "pytest==9.1.1",
            "python-multipart==0.0.32",
            "trio==0.34.0",
        ),
        passing=1405,
        requests=1340,
    ),
    Framework(
        name="flask",
        version="3.1.3",
        requirements=(
            "asgiref",
            "click==8.3.1",
            "greenlet==3.3.1",
            "pytest==9.0.2",
            "python-dotenv==1.2.1",
            "werkzeug==3.1.5",
        ),
        passing=485,
        requests=450,
    ),
)
"""The slowest first."""

"""What all examples of a test share: the servers, and the adapters around the application of the moment."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from tests.roundtrip.playing import Servers
from tests.roundtrip.stacks import OPTIONS, ROUND_TRIPS, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def servers() -> Iterator[Servers]:
    """The servers that have no bridge."""
    servers = Servers()
    yield servers
    servers.close()


@pytest.fixture
def stacks() -> Iterator[dict[tuple[str, int, str], Stack]]:
    """Adapters for every interface, depth and set of options."""
    made = {
        (interface, round_trips, options): Stack(interface, round_trips, options)
        for interface in ("wsgi", "asgi")
        for round_trips in ROUND_TRIPS
        for options in OPTIONS
    }
    yield made
    for stack in made.values():
        stack.close()


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The scripts fail by the thousand, and the bridge logs each."""
    with caplog.at_level(logging.CRITICAL + 1, logger="bridge"):
        yield

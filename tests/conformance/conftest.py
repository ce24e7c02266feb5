"""Closes what a test opened, before it is looked at what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.adapting import close_adapters

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _adapters_close() -> Iterator[None]:
    yield
    close_adapters()

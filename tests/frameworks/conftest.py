"""What holds for every comparison of two runs."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.frameworks import django_site

# It compares answers; a difference is shown as in a test.
pytest.register_assert_rewrite("tests.frameworks.law")


@pytest.fixture(autouse=True)
def one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both runs happen at the same time of day: signed cookies carry it. The clocks for waiting are others."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)


@pytest.fixture
def django() -> Iterator[None]:
    """Django's settings are those of `django_site`."""
    with django_site.configured():
        yield

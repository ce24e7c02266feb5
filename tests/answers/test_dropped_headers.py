"""What is told of headers that are not passed on."""

from __future__ import annotations

import logging

import pytest

from bridge.dropped_headers import DroppedHeaders


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged."""
    caplog.set_level(logging.DEBUG, "bridge")
    return caplog


def test_each_once(told: pytest.LogCaptureFixture) -> None:
    """A4, W7: each dropped header is logged once, by its name, in whatever letter case it comes later."""
    headers = DroppedHeaders()
    headers.tell(["Connection"])
    headers.tell(["Connection", "connection", "CONNECTION"])
    headers.tell(["Keep-Alive", "Connection"])
    names = [record.args[0] for record in told.records if isinstance(record.args, tuple)]
    assert names == ["Connection", "Keep-Alive"]
    assert {(record.name, record.levelname) for record in told.records} == {("bridge", "WARNING")}


def test_nothing_dropped(told: pytest.LogCaptureFixture) -> None:
    """B3: nothing is logged where nothing is dropped."""
    DroppedHeaders().tell([])
    assert told.records == []


def test_for_each_adapter(told: pytest.LogCaptureFixture) -> None:
    """W7: what one adapter has told another tells as well: they have different applications."""
    for headers in (DroppedHeaders(), DroppedHeaders()):
        headers.tell(["Upgrade"])
    assert len(told.records) == 2

"""Streams whose request has a body that the application leaves unread: the disconnect stands behind it."""

from __future__ import annotations

import pytest

from tests.servers.running import RunningServer, eventually
from tests.servers.wire import LAST_CHUNK, Wire, chunked, head

APPLICATION = "application:app"

FREE_WITHIN = 3.0  # seconds
ENDS_WITHIN = 5.0  # seconds from SIGTERM

# Neither is received before the application runs: they have no declared length. Of a longer one no more than
# write_buffer is received ahead (W17), and the disconnect behind the rest is not heard of: a limit that README names.
SMALL = head("POST", "/ticks", "Transfer-Encoding: chunked") + chunked(b"abc") + LAST_CHUNK
BELOW_THE_BUFFER = head("POST", "/ticks", "Transfer-Encoding: chunked") + chunked(bytes(60_000)) + LAST_CHUNK


@pytest.mark.parametrize("request_bytes", [SMALL, BELOW_THE_BUFFER], ids=["small", "below the buffer"])
def test_the_thread_is_free_again(own_server: RunningServer, request_bytes: bytes) -> None:
    """W18, B1: the client of an endless stream vanishes, and no byte of its body was read; nothing of it is left."""
    with Wire(own_server.port) as wire:
        wire.send(request_bytes)
        assert wire.take_head().startswith(b"HTTP/1.1 200")
        assert wire.take(1)
        wire.reset()
    assert eventually(lambda: own_server.counts()["busy"] == 1, FREE_WITHIN)
    counts = own_server.counts()
    assert (counts["opened"], counts["closed"]) == (1, 1)
    assert own_server.stop(ENDS_WITHIN) < ENDS_WITHIN

"""The last piece of a body that comes while its request is being given up."""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import Context
from typing import Any

import pytest

from bridge.errors import ClientDisconnected
from bridge.handoff.loops import make_loop
from bridge.request_body import RequestBody
from tests.harness import http_scope, run


class InboxFilledBehindTheReader(deque[bytes]):
    """Is found empty, and has the last piece of the body a moment later."""

    def __init__(self, body: RequestBody) -> None:
        super().__init__()
        self.body = body

    def __bool__(self) -> bool:
        found = len(self) > 0
        if not found and not self.body._is_complete:
            self.append(b"the end")
            self.body._is_complete = True
        return found


def test_a_short_body_is_not_taken_for_a_whole_one() -> None:
    """W5: a reader that finds its request given up, then an empty inbox, is not told that the body ended there."""

    async def main() -> None:
        async def receive() -> Any:
            raise AssertionError("nothing is to be received")

        loop = make_loop(asyncio.get_running_loop(), None)
        body = RequestBody(
            receive, loop, http_scope(), Context(), max_size=None, read_timeout=None, expects_continue=False, ahead=1
        )
        body._inbox = InboxFilledBehindTheReader(body)
        body.give_up_in_loop()
        with pytest.raises(ClientDisconnected):
            body.take_in_worker()

    run(main)

"""The numbered steps of RequestBody: its pump in the loop, and `take` in a worker thread."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import request_body
from bridge.errors import ClientDisconnected
from bridge.request_body import RequestBody
from tests.handoff.interleaving import StepBaton, by
from tests.harness import DISCONNECT, http_scope
from tests.races.chain import chained
from tests.races.fields import stepping
from tests.races.searching import few_interruptions
from tests.races.step_loop import StepLoop

Choose = Callable[[int], int]

SHARED = ("_holding", "_is_complete", "_started", "gone", "baton")
"""What both threads look at, beside the inbox."""


def message(body: bytes, *, more: bool = True) -> dict[str, Any]:
    """One message of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


class LooksBeforeItSays(RequestBody):
    """Step 3 before step 2: the pump looks whether the inbox is full, and then says that it holds."""

    __slots__ = ()

    async def _pump(self) -> None:
        while not self.gone and self._take_message_in_loop(await self.receive()):
            while self._is_full():
                self._resume_slot = self._loop.slot()
                is_full = self._is_full()
                self._holding = True
                if is_full:
                    await self._resume_slot
                self._holding = False
                self._resume_slot = None


class WakesBeforeItTakes(RequestBody):
    """Step b before step a: the reader looks whether the pump holds, and then takes the message."""

    __slots__ = ()

    def take_in_worker(self) -> bytes:
        self.baton = self.baton or vars(request_body)["Baton"]()
        while not self._inbox:
            if self._is_over():
                return b""
            self._reader_waits = True
            self.baton.wait(1)
        if self._holding and len(self._inbox) == 1:
            self._ask(self._resume_in_loop)
        self._reader_waits = False
        return self._inbox.popleft()


class AddsUpTheInbox(RequestBody):
    """The loop walks through the inbox while the reader takes from it."""

    __slots__ = ()

    def _is_full(self) -> bool:
        return super()._is_full() and sum(map(len, self._inbox)) >= self._ahead


class LooksAtTheInboxFirst(RequestBody):
    """The reader looks whether the inbox is empty before it looks whether that was all."""

    __slots__ = ()

    def take_in_worker(self) -> bytes:
        if not self._inbox and self._is_complete:
            return b""
        return super().take_in_worker()


class SaysCompleteFirst(RequestBody):
    """The loop says that the body is complete before the last message is in the inbox."""

    __slots__ = ()

    def _take_message_in_loop(self, message: Any) -> bool:
        if not message.get("more_body", False):
            self._is_complete = True
            self._inbox.append(message["body"])
            self._tell_reader_in_loop()
            return True
        return super()._take_message_in_loop(message)


def read_whole(
    choose: Choose,
    kind: type[RequestBody],
    messages: list[dict[str, Any]],
    *,
    answers_after: int | None = None,
    ahead: int = 2,
    watched: bool = False,
) -> tuple[list[bytes], BaseException | None, list[str]]:
    """Let a worker read a body that the loop receives, until it ends or breaks.

    answers_after: so many pieces the application reads before its response begins.
    watched: the loop listens for a disconnect from the first.

    Returns the pieces, the error that ended the reading, and the threads that wait for ever.
    """
    with pytest.MonkeyPatch.context() as patch, chained(choose) as run:
        patch.setattr(request_body, "Baton", partial(StepBaton, run))
        loop = StepLoop(run)
        script = list(messages)
        outstanding = 0

        async def receive() -> dict[str, Any]:
            nonlocal outstanding
            assert not outstanding, "two receive() at once"
            outstanding += 1
            await loop.turn()
            if not script:
                await loop.slot()
            outstanding -= 1
            return script.pop(0)

        body = stepping(kind, run, SHARED, queues=["_inbox"])(
            receive,
            loop,  # type: ignore[arg-type]
            http_scope("POST"),
            Context(),
            max_size=None,
            read_timeout=None,
            expects_continue=False,
            ahead=ahead,
        )
        pieces: list[bytes] = []
        error: list[BaseException] = []

        def read() -> None:
            try:
                while True:
                    if len(pieces) == answers_after:
                        loop.put(body.response_began_in_loop)
                    piece = body.take_in_worker()
                    if not piece:
                        return
                    pieces.append(piece)
            except Exception as raised:
                error.append(raised)

        if watched:
            loop.call_soon(body.watch_in_loop)
        run.start(loop.run_all, "loop")
        run.start(read, "reader")
        run.go_on()
        waiting = [name for name in run.running() if name != "loop"]
        return pieces, error[0] if error else None, waiting


BROKEN = [message(b"a"), dict(DISCONNECT)]


def demand_whole(choose: Choose, kind: type[RequestBody] = RequestBody, *, count: int = 2, **how: Any) -> None:
    """Demand that the reader gets all of a body of so many pieces, and its end."""
    pieces = [b"%d" % number for number in range(count)]
    messages = [message(piece, more=piece is not pieces[-1]) for piece in pieces]
    assert read_whole(choose, kind, messages, **how) == (pieces, None, [])


@pytest.mark.parametrize(("count", "answers_after", "watched"), [(2, None, False), (2, None, True), (3, 0, True)])
def test_a_whole_body(count: int, answers_after: int | None, watched: bool) -> None:
    """W4, B1: every piece comes, in order, and then the end, wherever reader and pump are interrupted."""
    orders = few_interruptions(partial(demand_whole, count=count, answers_after=answers_after, watched=watched))
    assert orders > 100


@pytest.mark.parametrize("watched", [False, True])
def test_a_body_that_breaks_off(watched: bool) -> None:
    """W5, B1: a client that leaves gives the reader an error after the last piece or sooner, never an end."""

    def scenario(choose: Choose) -> None:
        pieces, error, waiting = read_whole(choose, RequestBody, BROKEN, watched=watched)
        assert isinstance(error, ClientDisconnected)
        assert pieces in ([], [b"a"])
        assert waiting == []

    assert few_interruptions(scenario) > 100


@settings(max_examples=50)
@given(
    choices=st.lists(st.integers(0, 1), max_size=150),
    count=st.integers(1, 6),
    answers_after=st.none() | st.integers(0, 5),
    ahead=st.integers(1, 4),
    watched=st.booleans(),
)
def test_many_orders(choices: list[int], count: int, answers_after: int | None, ahead: int, watched: bool) -> None:
    """W4, B1: nor is a piece lost in any other order, with longer bodies, also when the response begins meanwhile."""
    demand_whole(by(choices), count=count, answers_after=answers_after, ahead=ahead, watched=watched)


@pytest.mark.parametrize("wrong", [LooksBeforeItSays, WakesBeforeItTakes, LooksAtTheInboxFirst, SaysCompleteFirst])
def test_the_other_orders_are_found(wrong: type[RequestBody]) -> None:
    """The orders that the comments warn of lose a wake-up or a piece: so these tests would see it."""
    with pytest.raises(AssertionError, match="== "):
        few_interruptions(partial(demand_whole, kind=wrong, watched=True))


def test_a_walk_through_the_inbox_is_found() -> None:
    """A loop that walks through what a worker takes from fails: so these tests would see it."""
    with pytest.raises(AssertionError, match="== "):
        few_interruptions(partial(demand_whole, kind=AddsUpTheInbox, count=3, answers_after=0, watched=True))

"""The numbered steps of RequestInServersTask: chunks on their way from a task to its worker thread and back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import AsgiToWsgi, asgi_to_wsgi, in_servers_task, wsgi_to_asgi
from bridge.in_servers_task import HostingRequest, RequestInServersTask
from tests.conformance.asgi_applications import END, STARTED
from tests.handoff.interleaving import StepBaton, by
from tests.harness.native import chunk
from tests.races.chain import chained
from tests.races.fields import stepping
from tests.races.searching import few_interruptions
from tests.races.test_wsgi_request_orders import Scene

Choose = Callable[[int], int]

OUTER = ("_asleep", "_done", "_ended")
INNER = ("_asks", "_ended", "_has_start", "_start_is_taken", "_error")


class AsksBeforeItGives(RequestInServersTask):
    """Step a of the next chunk before step c of this one: the thread asks on, and then gives what it has."""

    def __next__(self) -> bytes:
        self._wait_in_worker(lambda: bool(self._chunks) or self._ended)
        self._asks = True
        if self._chunks:
            return self._chunks.popleft()
        raise StopIteration


class TakesBeforeItSays(RequestInServersTask):
    """Step c before step b: the thread takes the chunk, and then says that it asks no more."""

    def __next__(self) -> bytes:
        self._asks = True
        self._host.tell_loop()
        while not (self._chunks or self._ended or self._error):
            self.baton.wait()
        taken = self._chunks.popleft() if self._chunks else None
        self._asks = False
        if taken is None:
            raise StopIteration
        return taken


class LooksInTheOtherOrder(RequestInServersTask):
    """Step 2 looks whether the thread asks, and then whether the chunk was taken."""

    def _is_handed_over(self) -> bool:
        return self._asks and self._start_is_taken and not self._chunks and self._host.has_sent_all


class WakesBeforeTheChunk(RequestInServersTask):
    """The thread is woken, and then the end is there."""

    async def _send_in_loop(self, message: Any) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.baton.wake()
            self._response.message(message)
            self._ended = True
            await self._host.send_until_in_loop(lambda: self._host.is_answered, whole=True)
        else:
            await super()._send_in_loop(message)


class App:
    """An application that answers in one of the ways there are, and looks what the client has after each step."""

    def __init__(self, way: str) -> None:
        self.way = way
        self.seen: list[int] = []
        self.client: Scene | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.way == "error":
            raise LookupError("on purpose")
        await send(STARTED)
        if self.way == "late error":
            await send(chunk(b"aaa"))
            raise LookupError("on purpose")
        for body in (b"aaa", b"b"):
            await send(chunk(body))
            assert self.client is not None
            self.seen.append(len(self.client.checker.response.body))
        if self.way != "nothing more":
            await send(END if self.way == "end" else {"type": "http.response.body", "body": b"c"})


@contextlib.contextmanager
def scene(choose: Choose, app: App, kind: type[RequestInServersTask]) -> Iterator[Scene]:
    """Run one request until it is quiet."""
    with pytest.MonkeyPatch.context() as patch, chained(choose) as run:
        patch.setattr(wsgi_to_asgi, "HostingRequest", stepping(HostingRequest, run, OUTER, queues=["_chunks"]))
        patch.setattr(asgi_to_wsgi, "RequestInServersTask", stepping(kind, run, INNER, queues=["_chunks"]))
        patch.setattr(in_servers_task, "Baton", partial(StepBaton, run))
        patch.setattr(wsgi_to_asgi.WsgiToAsgi, "_home", lambda _adapter: app.client.home if app.client else None)
        made = Scene(run, AsgiToWsgi(app, lifespan="off"), gives_up=False, extensions={})
        app.client = made
        run.go_on()
        yield made


def demand(choose: Choose, way: str, kind: type[RequestInServersTask] = RequestInServersTask) -> None:
    """Demand that each chunk is with the server when `send()` returns, and that nobody waits after it all."""
    app = App(way)
    with scene(choose, app, kind) as made:
        errors = [type(error) for error in made.returned]
        outcome = (errors, bytes(made.checker.response.body), app.seen, made.left())
        wanted: dict[str, tuple[type, bytes, list[int]]] = {
            "error": (LookupError, b"", []),
            "late error": (LookupError, b"aaa", []),
            "nothing more": (type(None), b"aaab", [3, 4]),
            "end": (type(None), b"aaab", [3, 4]),
            "last": (type(None), b"aaabc", [3, 4]),
        }
        error, body, seen = wanted[way]
        assert outcome == ([error], body, seen, [])


@pytest.mark.parametrize("way", ["error", "late error", "nothing more", "end", "last"])
def test_an_answer(way: str) -> None:
    """The law, B1: `send()` returns when the server has the chunk, wherever loop and worker are interrupted."""
    assert few_interruptions(lambda choose: demand(choose, way), interruptions=1) > 10


@settings(max_examples=100)
@given(choices=st.lists(st.integers(0, 2), max_size=200), way=st.sampled_from(["late error", "end", "last"]))
def test_many_orders(choices: list[int], way: str) -> None:
    """The law, B1: nor in any other order."""
    demand(by(choices), way)


@pytest.mark.parametrize("wrong", [AsksBeforeItGives, TakesBeforeItSays, LooksInTheOtherOrder, WakesBeforeTheChunk])
def test_the_other_orders_are_found(wrong: type[RequestInServersTask]) -> None:
    """The orders that the comment warns of return too early or wait for ever: so these tests would see it."""
    with pytest.raises(AssertionError, match="== "):
        few_interruptions(lambda choose: demand(choose, "end", wrong))

"""The numbered steps of AsgiRequest: the loop's news, the serving thread's sleep, the room for chunks."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import asgi_request
from bridge.asgi_request import AsgiRequest
from bridge.outliving import CLOSES_LATE
from tests.conformance.asgi_applications import END, STARTED, body_of
from tests.handoff.interleaving import StepBaton, by
from tests.harness.native import chunk
from tests.harness.wsgi_environ import wsgi_environ
from tests.races.chain import Chain, chained
from tests.races.fields import stepping
from tests.races.searching import few_interruptions
from tests.races.step_loop import StepLoop, nothing

Choose = Callable[[int], int]

NEWS = ("_asleep", "_has_news", "_is_settled", "_ended")
ROOM = ("_sender_waits", "_taken_size", "_put_size")
BODY = ("_asleep", "_has_news", "_wants_body")
OVER = ("_asleep", "_has_news", "_is_over", "_is_settled")
ALL = (*NEWS, *ROOM, "_wants_body", "_gone", "_error", "_is_over")


class OnStepLoop(AsgiRequest):
    """A request whose task is one of a StepLoop."""

    def _begin_in_loop(self) -> None:
        # As where tasks do not start eagerly.
        self._home.enter_in_loop(self)
        self._task = self._loop.spawn(self._run_in_loop, nothing, self._context)  # type: ignore[assignment]


class LooksBeforeItSleeps(OnStepLoop):
    """Step d before step c: the serving thread looks for news, and then says that it sleeps."""

    def _sleep(self) -> None:
        if not self._has_news:
            self._asleep = True
            self._baton.wait(1)


class LooksBeforeItClears(OnStepLoop):
    """Step b before step a: the serving thread looks for news of all kinds, and then says that it knows of none."""

    def _sleep(self) -> None:
        self._has_news = False
        super()._sleep()


class WakesBeforeItTells(OnStepLoop):
    """Step 3 before step 2: the loop looks whether the thread sleeps, and then says that there are news."""

    def _wake(self) -> None:
        if self._asleep:
            self._asleep = False
            self._baton.wake()
        self._has_news = True


class WakesBeforeTheNews(OnStepLoop):
    """Steps 2 and 3 before step 1: the loop wakes the thread, then leaves the news; nothing else wakes it by chance."""

    _has_settled = False

    def _settle_in_loop(self) -> None:
        self._wake()
        self._has_settled = True
        self._is_settled = True

    def _wake(self) -> None:
        if not self._has_settled:
            super()._wake()


class LooksBeforeItWaits(OnStepLoop):
    """Step 2 before step 1: the application's `send()` looks whether there is room, and then says that it waits."""

    async def _wait_for_room_in_loop(self) -> None:
        while not self._gone and self._put_size - self._taken_size > self._limit:
            self._sender_waits = True
            await self._change_in_loop()


class WakesBeforeItCounts(OnStepLoop):
    """Step b before step a: the serving thread looks whether `send()` waits, and then counts what it took."""

    def next_chunk(self) -> bytes:
        if not self._wait_for_chunk():
            raise StopIteration
        taken = self._chunks.popleft()
        if self._sender_waits:
            self._sender_waits = False
            self._home.put(self._tell_in_loop)
        self._taken_size += len(taken)
        return taken


class Application:
    """Answers in one of the ways there are."""

    def __init__(self, way: str) -> None:
        self.way = way
        self.begun = 0
        self.ended = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun += 1
        try:
            await self.answer(receive, send)
        finally:
            self.ended += 1

    async def answer(self, receive: Any, send: Any) -> None:
        """Send the answer."""
        if self.way == "echo":
            body = await body_of(receive)
            await send(STARTED)
            await send(chunk(body))
        else:
            await send(STARTED)
            for part in (b"aa", b"bb", b"c"):
                await send(chunk(part))
        if self.way == "fails":
            raise LookupError("on purpose")
        await send(END)
        if self.way == "goes on":
            await asyncio.sleep(0)
            raise LookupError("on purpose")


class Scene:
    """One request, its serving thread, and the loop of its application, as threads of a run."""

    def __init__(
        self, run: Chain, application: Application, kind: type[AsgiRequest], *, take: int | None, closes_late: bool
    ) -> None:
        self.run = run
        self.loop = StepLoop(run)
        self.take = take
        self.chunks: list[bytes] = []
        self.error: BaseException | None = None
        self.under_way: set[object] = set()
        self.outcomes: list[str] = []
        home = SimpleNamespace(
            options=SimpleNamespace(
                app=application, write_buffer=1, prefetch_size=0, disconnect_grace=0.0, dropped_headers=print
            ),
            loop=self.loop,
            pool=None,  # no call is left for it
            state=None,
            put=self.loop.put,
            check_loop=nothing,
            has_loop=lambda: True,
            enter_in_loop=self.under_way.add,
            leave_in_loop=self.under_way.discard,
            count_in_loop=self.outcomes.append,
            completed=0,
        )
        environ = wsgi_environ("POST", "/")
        environ["wsgi.input"] = io.BytesIO(b"aabbc")
        environ["CONTENT_LENGTH"] = "5"
        self.request = kind(home, environ, self, None)  # type: ignore[arg-type]
        if closes_late:
            environ[CLOSES_LATE] = True  # as the inner adapter does when it is called
        run.start(self.loop.run_all, "loop")
        run.start(self.serve, "serving thread")

    def serve(self) -> None:
        """Do what a server does."""
        try:
            answer = self.request.respond(lambda _status, _headers: nothing)  # type: ignore[arg-type]
            for part in answer:
                self.chunks.append(part)
                if len(self.chunks) == self.take:
                    break
            close = getattr(answer, "close", None)
            if close is not None:
                close()
        except LookupError as error:
            self.error = error

    def left(self) -> list[str]:
        """Return the threads that wait for ever."""
        return [name for name in self.run.running() if name != "loop"]


@contextlib.contextmanager
def scene(
    choose: Choose,
    application: Application,
    kind: type[AsgiRequest] = OnStepLoop,
    *,
    shared: Iterable[str],
    take: int | None = None,
    closes_late: bool = False,
) -> Iterator[Scene]:
    """Run one request until it is quiet."""
    with pytest.MonkeyPatch.context() as patch, chained(choose) as run:
        patch.setattr(asgi_request, "Baton", partial(StepBaton, run))
        made_kind = stepping(kind, run, shared, queues=["_chunks", "_inbox"])
        made = Scene(run, application, made_kind, take=take, closes_late=closes_late)
        run.go_on()
        yield made


def demand_whole(choose: Choose, way: str, kind: type[AsgiRequest] = OnStepLoop, shared: Iterable[str] = ALL) -> None:
    """Demand that the server gets the whole answer, and that nobody waits after it."""
    application = Application(way)
    with scene(choose, application, kind, shared=shared) as made:
        outcome = (b"".join(made.chunks), type(made.error), made.left(), application.ended)
        assert outcome == (b"aabbc", LookupError if way == "fails" else type(None), [], 1)
        assert not made.under_way


@pytest.mark.parametrize("shared", [NEWS, ROOM, BODY], ids=["news", "room", "body"])
@pytest.mark.parametrize("way", ["stream", "echo", "fails"])
def test_an_answer(way: str, shared: tuple[str, ...]) -> None:
    """A5, A2, A8, B1: every chunk arrives, in order, then the end or the error, wherever who is interrupted."""
    assert few_interruptions(lambda choose: demand_whole(choose, way, shared=shared)) > 100


@settings(max_examples=50)
@given(choices=st.lists(st.integers(0, 1), max_size=200), way=st.sampled_from(["stream", "echo", "fails"]))
def test_many_orders(choices: list[int], way: str) -> None:
    """A5, A2, A8, B1: nor in any other order."""
    demand_whole(by(choices), way)


def demand_the_error(choose: Choose, kind: type[AsgiRequest] = OnStepLoop, shared: Iterable[str] = OVER) -> None:
    """Demand that an application's error after its answer is the server's to get."""
    application = Application("goes on")
    with scene(choose, application, kind, shared=shared, closes_late=True) as made:
        outcome = (b"".join(made.chunks), type(made.error), made.left(), application.ended)
        assert outcome == (b"aabbc", LookupError, [], 1)


def test_an_end_that_is_waited_for() -> None:
    """The law, B1: the end of an application that goes on after its answer is seen, wherever who is interrupted."""
    assert few_interruptions(demand_the_error) > 100


def demand_an_end(choose: Choose, take: int, shared: Iterable[str]) -> None:
    """Demand that an application whose answer is not taken whole ends."""
    application = Application("stream")
    with scene(choose, application, shared=shared, take=take) as made:
        assert made.left() == []
        for timer in made.loop.timers:  # the grace is over
            if not timer.is_cancelled:
                made.loop.put(timer.call)
        made.run.go_on()
        assert (application.ended, made.under_way) == (1, set())


@pytest.mark.parametrize("take", [1, 2])
def test_a_server_that_closes_early(take: int) -> None:
    """A6, B1: whenever the server closes the iterable, the application ends, and nobody waits."""
    assert few_interruptions(partial(demand_an_end, take=take, shared=(*NEWS, "_gone", "_sender_waits"))) > 100


@settings(max_examples=50)
@given(choices=st.lists(st.integers(0, 1), max_size=200), take=st.integers(1, 3))
def test_many_early_ends(choices: list[int], take: int) -> None:
    """A6, B1: nor in any other order."""
    demand_an_end(by(choices), take, ALL)


class WakesBeforeTheEnd(OnStepLoop):
    """Step 2 before step 1 at the very end: the loop wakes the thread, and then says that the application is done."""

    def _wake(self) -> None:
        if self._returned and self._is_settled and self.__dict__["_is_over"]:
            self.__dict__["_is_over"] = False
            super()._wake()
            self._is_over = True
        else:
            super()._wake()


def test_the_other_order_at_the_end_is_found() -> None:
    """A server's thread that is woken too early waits for ever: so these tests would see it."""
    with pytest.raises(AssertionError, match="== "):
        few_interruptions(partial(demand_the_error, kind=WakesBeforeTheEnd))


@pytest.mark.parametrize(
    ("wrong", "shared"),
    [
        (LooksBeforeItSleeps, NEWS),
        (LooksBeforeItClears, NEWS),
        (WakesBeforeItTells, NEWS),
        (WakesBeforeTheNews, NEWS),
        (LooksBeforeItWaits, ROOM),
        (WakesBeforeItCounts, ROOM),
    ],
)
def test_the_other_orders_are_found(wrong: type[AsgiRequest], shared: tuple[str, ...]) -> None:
    """The orders that the comments warn of lose a wake-up: so these tests would see it."""
    with pytest.raises(AssertionError, match="== "):
        few_interruptions(lambda choose: demand_whole(choose, "stream", wrong, shared))

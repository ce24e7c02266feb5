"""The numbered steps of WsgiRequest: the worker's news, the loop's sleep, room for chunks, the body, a file's end."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from contextvars import Context
from functools import partial
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import WsgiToAsgi, request_body, wsgi_request, wsgi_to_asgi
from bridge.answering import Answering
from bridge.environ_views import ScopeView
from bridge.errors import ClientDisconnected
from bridge.in_flight import InFlight
from bridge.request_body import RequestBody
from bridge.wsgi_request import WsgiRequest
from tests.conformance.applications import PLAIN, Chunks
from tests.handoff.interleaving import StepBaton, StepLock, by
from tests.harness import LIMIT, ResponseChecker, http_scope, request, run
from tests.races.chain import Chain, chained
from tests.races.fields import stepping
from tests.races.searching import few_interruptions
from tests.races.step_loop import StepLoop, nothing

Choose = Callable[[int], int]

NEWS = ("_asleep", "_done", "_ended")
ROOM = ("_blocked", "_put_size", "_sent_size")
FILE = ("_transfer", "gone")
ALL = (*NEWS, *ROOM, *FILE, "_begun", "_error", "_start")


class LooksBeforeItSleeps(WsgiRequest):
    """Step 2 before step 1: the loop looks for news, and then says that it sleeps."""

    def _has_news(self) -> bool:
        self._asleep = False
        news = super()._has_news()
        self._asleep = True
        return news


class WakesBeforeTheNews(WsgiRequest):
    """Step b before step a: the worker wakes the loop, and then leaves the news."""

    def _finish_in_worker(self) -> None:
        self._wake_loop()
        self._done = True


class CountsBeforeItLooks(WsgiRequest):
    """The loop reads what it has to read backwards in the worker's own order: chunks, and then ended."""

    async def _send_chunks_in_loop(self, count: int, ended: bool) -> None:
        await super()._send_chunks_in_loop(count, self._ended)


class EndsBeforeTheChunk(WsgiRequest):
    """The worker says that the answer has ended, and then adds its last chunk."""

    def _put_whole_in_worker(self, chunks: Any) -> None:
        self._put_start_in_worker()
        self._ended = True
        self._chunks.append(b"".join(chunks))
        self._wake_loop()


class LooksBeforeItBlocks(WsgiRequest):
    """Step 2 before step 1: the worker looks whether there is room, and then says that it waits."""

    def _wait_for_room_in_worker(self) -> None:
        baton = self._baton = self._baton or vars(wsgi_request)["Baton"]()
        while not self.gone and self._put_size - self._sent_size > self._limit:
            self._blocked = True
            baton.wait(1)


class WakesBeforeItCounts(WsgiRequest):
    """Step b before step a: the loop looks whether the worker waits, and then counts what was sent."""

    async def _send_chunks_in_loop(self, count: int, ended: bool) -> None:
        chunk = self._chunks.popleft() if count else b""
        await self._send_start_in_loop()
        self._is_complete = ended and count <= 1
        await self._send({"type": "http.response.body", "body": chunk, "more_body": not self._is_complete})
        if self._blocked:
            self._wake_worker()
        self._sent_size += len(chunk)


class LooksBeforeTheTransfer(WsgiRequest):
    """Step b before step a: the worker looks whether the request was given up, and then leaves the file."""

    _worker_ident = 0
    _was_gone = False

    def _put_file_in_worker(self, wrapper: Any) -> bool:
        self._worker_ident = threading.get_ident()
        self._was_gone = self.gone
        return super()._put_file_in_worker(wrapper)

    def _finish_transfer(self) -> None:
        if threading.get_ident() != self._worker_ident or self._was_gone:
            super()._finish_transfer()


class LooksBeforeItKeeps(WsgiRequest):
    """Step 2 before step 1: who makes the body looks what has come, and then keeps it."""

    def body(self) -> RequestBody:
        if self._body is None:
            is_gone = self.gone or self._is_over
            body = made_body(self)
            body.gone = is_gone
            self._body = body
        return self._body


class MakesWhileAnotherDoes(WsgiRequest):
    """The loop and the worker both make a body."""

    def body(self) -> RequestBody:
        if self._body is None:
            self._body = made_body(self)
        return self._body


def made_body(request: WsgiRequest) -> RequestBody:
    """Return a body as a request makes it."""
    return RequestBody(
        request.receive,
        request._loop,
        request._scope,
        Context(),
        max_size=None,
        read_timeout=None,
        expects_continue=False,
        ahead=2,
    )


class StrandWorker:
    """What announces a closing job."""

    def __init__(self, pool: StrandWorkers) -> None:
        self.pool = pool


class StrandWorkers:
    """In place of a pool: each job is a thread of the run."""

    def __init__(self, run: Chain) -> None:
        self._run = run
        self.expected = 0
        self.worker = StrandWorker(self)

    def submit(self, job: Callable[[], object], _dropped: object = None) -> bool:
        self._run.start(job, "worker")
        return False

    def withdraw(self, job: object) -> bool:
        return False

    def announce(self, worker: StrandWorker) -> None:
        self.expected += 1

    def submit_to(self, worker: StrandWorker, job: Callable[[], object]) -> None:
        self.expected -= 1
        assert self.expected == 0
        self._run.start(job, "closing")

    def retire(self) -> None:
        pass


class Scene:
    """One request of an adapter, as its server sees it; the server's loop and each worker are threads of a run."""

    def __init__(
        self, run: Chain, app: Any, *, gives_up: bool, watches: bool = False, extensions: dict[str, Any]
    ) -> None:
        self.run = run
        self.watches = watches
        self.loop = StepLoop(run)
        self.workers = StrandWorkers(run)
        self.adapter = WsgiToAsgi(app, write_buffer=2)
        self.home = InFlight(
            self.loop,  # type: ignore[arg-type]
            stuck_after=30,
            abandoned=self.adapter._abandoned,
            queued=int,
        )
        self.adapter.workers = self.adapter.files = self.workers  # type: ignore[assignment]
        self.scope = http_scope(extensions=extensions)
        self.checker = ResponseChecker(self.scope)
        self.adapter.makes_body = StepLock(run)  # type: ignore[assignment]
        self.requests: list[WsgiRequest] = []
        self.receiving = 0  # how many receive() have begun
        self.returned: list[BaseException | None] = []
        self.loop.spawn(self.serve, nothing, Context())
        run.start(self.loop.run_all, "loop")
        if gives_up:
            run.start(self.give_up, "client")

    async def receive(self) -> dict[str, Any]:
        """Give nothing."""
        self.receiving += 1
        await self.loop.slot()
        raise AssertionError("nobody ends that wait")

    async def send(self, message: Any) -> None:
        """Take a message, and be slow about it."""
        self.checker.check(message)
        await self.loop.turn()

    async def serve(self) -> None:
        """Call the adapter."""
        try:
            await self.adapter(self.scope, self.receive, self.send)
        except Exception as error:
            self.returned.append(error)
        else:
            self.returned.append(None)

    def give_up(self) -> None:
        """Let the server say, at any moment of the request's, that the client is gone."""
        self.run.step(lambda: bool(self.requests))
        if self.watches:
            self.loop.put(self.requests[0].watch_in_loop)
        self.loop.put(self.requests[0].disconnected_in_loop)

    def left(self) -> list[str]:
        """Return the threads that wait for ever."""
        return [name for name in self.run.running() if name != "loop"]


@contextlib.contextmanager
def scene(
    choose: Choose,
    app: Any,
    kind: type[WsgiRequest] = WsgiRequest,
    *,
    shared: Iterable[str],
    gives_up: bool = False,
    watches: bool = False,
    extensions: dict[str, Any] | None = None,
) -> Iterator[Scene]:
    """Run one request until it is quiet."""
    with pytest.MonkeyPatch.context() as patch, chained(choose) as run:
        made_kind = stepping(kind, run, shared, queues=["_chunks"])
        made: list[Scene] = []

        def make(*arguments: Any) -> WsgiRequest:
            request = made_kind(*arguments)
            made[0].requests.append(request)
            return request

        patch.setattr(wsgi_to_asgi, "WsgiRequest", make)
        patch.setattr(wsgi_request, "Baton", partial(StepBaton, run))
        patch.setattr(wsgi_request, "current_worker", lambda: made[0].workers.worker)
        patch.setattr(WsgiToAsgi, "_home", lambda _adapter: made[0].home)
        patch.setattr(request_body, "Baton", partial(StepBaton, run))
        made.append(Scene(run, app, gives_up=gives_up, watches=watches, extensions=extensions or {}))
        run.go_on()
        yield made[0]


class App:
    """An application that answers in one of the ways there are, and counts what is closed."""

    def __init__(self, way: str, path: Path | None = None) -> None:
        self.way = way
        self.path = path
        self.iterable = Chunks([b"aaa", b"b", b"c"])
        self.calls = 0
        self.files: list[IO[bytes]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.calls += 1
        if self.way == "read":
            with contextlib.suppress(ClientDisconnected):
                environ["wsgi.input"].read()
        write = start_response("200 OK", list(PLAIN))
        if self.way in ("list", "read"):
            return [b"aaa", b"b", b"c"]
        if self.way == "write":
            write(b"aaa")
            return [b"b", b"c"]
        if self.way == "file":
            assert self.path is not None
            self.files.append(self.path.open("rb"))
            return environ["wsgi.file_wrapper"](self.files[0])
        return self.iterable


def demand_whole(choose: Choose, way: str, kind: type[WsgiRequest] = WsgiRequest, shared: Iterable[str] = ALL) -> None:
    """Demand that the client gets the whole answer, and that nobody waits after it."""
    app = App(way)
    with scene(choose, app, kind, shared=shared) as made:
        response = made.checker.response
        outcome = (made.returned, bytes(response.body), response.complete, made.left())
        assert outcome == ([None], b"aaabc", True, [])
        assert app.iterable.closed == (way == "iterable")


@pytest.mark.parametrize("shared", [NEWS, ROOM], ids=["news", "room"])
@pytest.mark.parametrize("way", ["list", "write", "iterable"])
def test_an_answer(way: str, shared: tuple[str, ...]) -> None:
    """W8, W17, B1: every chunk arrives, in order, then the end, wherever loop and worker are interrupted."""
    assert few_interruptions(lambda choose: demand_whole(choose, way, shared=shared)) > 40


@settings(max_examples=50)
@given(choices=st.lists(st.integers(0, 2), max_size=200), way=st.sampled_from(["list", "write", "iterable"]))
def test_many_orders(choices: list[int], way: str) -> None:
    """W8, W17, B1: nor in any other order."""
    demand_whole(by(choices), way)


def demand_an_end(choose: Choose, way: str, path: Path, kind: type[WsgiRequest] = WsgiRequest, **how: Any) -> None:
    """Demand that a request ends, and all that it opened is closed once, whenever its client leaves."""
    app = App(way, path)
    with scene(choose, app, kind, gives_up=True, **how) as made:
        are_closed = [file.closed for file in app.files]
        for file in app.files:
            file.close()
        outcome = (made.returned, made.left(), made.workers.expected, are_closed, made.receiving > 1)
        assert outcome == ([None], [], 0, [True] * len(app.files), False)
        assert app.iterable.closed == (way == "iterable" and app.calls)
        assert made.adapter._abandoned == {}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that is worth a transfer."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    return path


MAKING = ("_body", "gone", "_is_over", "_is_started")


@pytest.mark.parametrize("watches", [False, True])
def test_a_client_that_leaves_a_reader(watches: bool, path: Path) -> None:
    """W5, W18, B1: whenever the client leaves, a reader that just begins does not wait; one receive() is called."""
    orders = few_interruptions(lambda choose: demand_an_end(choose, "read", path, shared=MAKING, watches=watches))
    assert orders > 50


@pytest.mark.parametrize("wrong", [LooksBeforeItKeeps, MakesWhileAnotherDoes])
def test_the_other_orders_of_a_body_are_found(wrong: type[WsgiRequest], path: Path) -> None:
    """A body that is told too early, or made twice, leaves a reader waiting: so these tests would see it."""
    with pytest.raises(AssertionError, match="== "):
        few_interruptions(lambda choose: demand_an_end(choose, "read", path, wrong, shared=MAKING, watches=True))


EXTENSIONS: list[dict[str, Any]] = [{}, {"http.response.zerocopysend": {}}]


@pytest.mark.parametrize("way", ["list", "iterable"])
def test_a_client_that_leaves(way: str, path: Path) -> None:
    """W18, W10, B1: whenever the client leaves, the call returns, the iterable is closed once and nobody waits."""
    orders = few_interruptions(lambda choose: demand_an_end(choose, way, path, shared=(*NEWS, "gone", "_blocked")))
    assert orders > 50


@pytest.mark.parametrize("extensions", EXTENSIONS, ids=["blocks", "zerocopysend"])
def test_a_client_that_leaves_a_file(extensions: dict[str, Any], path: Path) -> None:
    """W10, W11, B1: whenever the client leaves, the file is closed once, in the thread that was announced."""
    orders = few_interruptions(
        lambda choose: demand_an_end(choose, "file", path, shared=FILE, extensions=extensions), interruptions=2
    )
    assert orders > 50


@settings(max_examples=50)
@given(
    choices=st.lists(st.integers(0, 3), max_size=200),
    way=st.sampled_from(["list", "write", "iterable", "file"]),
    extensions=st.sampled_from(EXTENSIONS),
)
def test_many_ends(
    tmp_path_factory: pytest.TempPathFactory, choices: list[int], way: str, extensions: dict[str, Any]
) -> None:
    """W10, W18, B1: nor in any other order."""
    path = tmp_path_factory.mktemp("file") / "file"
    path.write_bytes(b"x" * 100)
    demand_an_end(by(choices), way, path, shared=ALL, extensions=extensions)


@pytest.mark.parametrize(
    ("wrong", "way", "shared"),
    [
        (LooksBeforeItSleeps, "iterable", NEWS),
        (WakesBeforeTheNews, "iterable", NEWS),
        (CountsBeforeItLooks, "iterable", NEWS),
        (EndsBeforeTheChunk, "write", NEWS),
        (LooksBeforeItBlocks, "iterable", ROOM),
        (WakesBeforeItCounts, "iterable", ROOM),
    ],
)
def test_the_other_orders_are_found(wrong: type[WsgiRequest], way: str, shared: tuple[str, ...]) -> None:
    """The orders that the comments warn of lose a wake-up or a chunk: so these tests would see it."""
    with pytest.raises(AssertionError, match="== "):
        few_interruptions(lambda choose: demand_whole(choose, way, wrong, shared))


def test_the_other_order_of_a_file_is_found(path: Path) -> None:
    """A file whose worker looked too early is never closed: so these tests would see it."""
    with pytest.raises(AssertionError, match="== "):
        few_interruptions(lambda choose: demand_an_end(choose, "file", path, LooksBeforeTheTransfer, shared=FILE))


def test_the_view_of_the_scope_is_whole_when_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """W18, B1: a request whose client leaves just then does not wait for ever on an error that nobody sees."""
    seen: list[tuple[object, object, bool]] = []
    slot: Any = Answering.__dict__["_view"]

    def change(request: Any, view: ScopeView | None) -> None:
        if view is not None:
            seen.append((view.outliving, view.host, view.mapping is request._scope))
        slot.__set__(request, view)

    monkeypatch.setattr(Answering, "_view", property(slot.__get__, change))

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"whole"]

    async def main() -> bytes:
        async with WsgiToAsgi(app) as adapter:
            return (await request(adapter)).body

    assert run(main, limit=LIMIT) == b"whole"
    assert seen == [(None, None, True)]

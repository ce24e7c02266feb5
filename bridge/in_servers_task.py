"""One request through ``WsgiToAsgi(AsgiToWsgi(app))``: the application runs in the task of the ASGI server's call.

That is the task that the application was written for. What it awaits may belong to the server's loop, be that
asyncio's or trio's; its client's leaving, and whatever the server or a test client says, is the server's own
``receive`` to tell; and the server may cancel it. So the outer request awaits it, in place of a loop of the bridge's.
What it sends goes the way of all answers: to the worker thread in which the WSGI server, which is the outer adapter,
called the inner one; out of that as an iterable; and back to the outer request, which sends it on from within
``send()``::

    send() in the server's loop                      worker thread
    1. leave the chunk, wake the thread              a. next chunk: say that this asks for one (_asks), wait
    2. send what the outer request has got, until    b. it is there: say that this asks no more
       the thread asks again and all of it is sent   c. take it, give it to the outer request, and again from a

Who sees that the chunk was taken and then that the thread asks sees an outer request that has it: c says nothing
before b, and a comes after c. So 2 looks at these in that order.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from bridge._types import ASGIApplication, Environ, Message, Scope, StartResponse
from bridge.errors import AdapterClosed, ApplicationError, ClientDisconnected
from bridge.handoff.baton import Baton
from bridge.handoff.loops import Slot, end_wait
from bridge.hooks import Outcome, Told
from bridge.request_body import LOOK_UP_SECONDS
from bridge.translation.nesting import is_still_in_cgi, scope_within
from bridge.translation.requests import scope_from_environ
from bridge.translation.responses import COMPLETE, START_HELD, AsgiResponse
from bridge.wsgi_request import OWN_TRANSFERS, ReadAhead, WsgiRequest

# What goes through WSGI. Of the rest, which WSGI has no words for, the server is told by the application itself.
_OF_WSGI = ("http.response.start", "http.response.body")


# Seconds in which a worker that is free begins; when all are busy, a call that is cancelled ends.
_BEGINS_AT_ONCE = 0.05


_OUTCOMES: tuple[Outcome, ...] = ("completed", "failed", "disconnected")


def _never() -> bool:
    return False


class Hostable:
    """What ``WsgiToAsgi`` knows of an ``AsgiToWsgi`` that it is given as its application."""

    app: ASGIApplication

    def may_run_in_servers_task(self) -> bool:
        """Tell whether a server's own task may run the application."""
        raise NotImplementedError

    @property
    def takes_servers_lifespan(self) -> bool:
        """Whether the server's lifespan is the application's then."""
        raise NotImplementedError


class HostingRequest(WsgiRequest):
    """The outer adapter's request, which the server awaits, and in which the application runs.

    The server's ``receive`` is the application's alone.
    """

    _hosted: RequestInServersTask | None = None
    _no_answer: ApplicationError | None = None
    _slots: tuple[Slot, ...] = ()  # of those who wait for the worker: the server's task, and one that sends beside it

    # ---- the server's task -------------------------------------------------------------------------------------------

    async def respond_in_loop(self, read_ahead: ReadAhead | None = None) -> None:
        """Run the application for this request and send what it answers, as ``WsgiRequest`` does."""
        try:
            await super().respond_in_loop(read_ahead)
        except ApplicationError as error:
            if error is not self._no_answer:
                raise
            # An application that returns without an answer is the server's to tell of.
        finally:
            # They lead back here.
            self._hosted = self._no_answer = None
            if self._view is not None:
                self._view.host = None

    def abort_in_loop(self) -> None:
        """End this request because the adapter was closed; what goes on after its answer is the server's affair."""
        if not self._is_complete:
            super().abort_in_loop()

    def _go_on_in_loop(self) -> None:
        self._wake_in_loop()

    def _wake_in_loop(self) -> None:
        super()._wake_in_loop()
        slots, self._slots = self._slots, ()
        for slot in slots:
            end_wait(slot)

    def _submit_in_loop(self) -> None:
        super()._submit_in_loop()
        end_wait(self._slot)  # the wait for the worker comes below

    async def _send_response_in_loop(self) -> None:
        await self.send_until_in_loop(self._has_begun, seconds=_BEGINS_AT_ONCE)
        hosted = self._hosted
        if hosted is None:
            await super()._send_response_in_loop()
        elif not self.gone:
            error = await hosted.run_in_loop()
            if not self.is_lost():
                await self.send_until_in_loop(_never)
            if error is not None and self._error is None:
                self._error = error

    def _has_begun(self) -> bool:
        # By a subclass of AsgiToWsgi's the worker may have been led elsewhere.
        return self._hosted is not None or self._start is not None or self._transfer is not None or bool(self._hints)

    async def send_until_in_loop(
        self, holds: Callable[[], bool], *, whole: bool = False, seconds: float = LOOK_UP_SECONDS
    ) -> None:
        """Send what the worker has handed over, until something holds or the worker is done.

        whole: all that is to come belongs into one message. seconds: how long the wait for the worker, who does nothing
            but wait for the application and hand on, may outlast a cancellation, which is raised after it.
        """
        chunks = self._chunks
        cancelled: asyncio.CancelledError | None = None
        while not self.gone:
            # As in WsgiRequest: the order of these reads matters.
            done = self._done
            ended = self._ended
            count = len(chunks)
            if not self._is_complete and (ended or (count and (done or not whole))):
                await self._send_chunks_in_loop(count, ended)
                if self._is_complete:
                    # A test client may have begun to wait for this end while the worker had it. What the application
                    # asks of ``receive`` next, it may ask for no longer than a moment.
                    await self._loop.step_back()
            elif done or holds():
                break
            else:
                slot = self._loop.slot()
                self._slots += (slot,)
                self._asleep = True  # 1
                if not (self._done or self.gone or holds() or self._has_more(len(chunks), whole)):  # 2
                    cancelled = await self._loop.outlast(slot, seconds) or cancelled  # 3
        if cancelled is not None:
            try:
                raise cancelled
            finally:
                del cancelled  # with the traceback it would be a cycle

    def _has_more(self, count: int, whole: bool) -> bool:
        return not self._is_complete and (self._ended or (count > 0 and not whole))

    async def send_past_wsgi_in_loop(self, message: Message) -> None:
        """Send a message that WSGI has no words for."""
        await self._send(message)

    async def ask_server_in_loop(self) -> None:
        """Have the server raise what it has to say of its client, if it has: to a chunk without a byte."""
        if self._is_started and not (self._is_complete or self.gone):
            await self.send_past_wsgi_in_loop({"type": "http.response.body", "body": b"", "more_body": True})

    async def send_start_in_loop(self, *, trailers: bool) -> None:
        """Send the start before the first chunk, once the worker has called ``start_response``."""
        if self._response.state is START_HELD and self._start is None:
            start = self._response.start_message()
            if trailers:
                start["trailers"] = True
            self._start = start
            await self._send_start_in_loop()

    def watch_in_loop(self) -> None:
        """Listen for nothing: ``receive`` is the application's, unless the worker was led elsewhere."""
        # In this order: a worker that has begun, and no more, may still be on its way to the application.
        if self._has_begun() and self._hosted is None:
            super().watch_in_loop()

    @property
    def is_answered(self) -> bool:
        """Whether the last message was sent."""
        return self._is_complete

    @property
    def has_sent_all(self) -> bool:
        """Whether nothing of what the worker has handed over is left to be sent."""
        return self._is_complete or not (self._chunks or self._ended)

    def check_in_loop(self) -> None:
        """Raise what has kept the worker from taking more of an answer that is not complete."""
        if self._is_complete or not (self._done or self.gone):
            return
        if isinstance(self._error, AdapterClosed):
            raise self._error
        raise ClientDisconnected(f"the answer to {self.describe()} cannot be sent any more") from self._error

    def slot(self) -> Slot:
        """Make something to wait for in the loop."""
        return self._loop.slot()

    def lacks_answer(self) -> ApplicationError:
        """Return the error of an application that has returned without one; it will be told to nobody."""
        self._no_answer = ApplicationError(
            f"the application returned without ending its answer to {self.describe()}",
            source='ASGI specs/www.rst, "Response Body - send event"',
        )
        return self._no_answer

    # ---- the worker --------------------------------------------------------------------------------------------------

    def _environ(self) -> Environ:
        environ = super()._environ()
        if self._view is not None:
            self._view.host = self
        return environ

    def hosts(self, inner: Hostable) -> bool:
        """Tell whether an adapter that was called with this request's environ is the one that it was made for."""
        hosted: object = self._adapter.app
        return hosted is inner

    def host_in_worker(self, hosted: RequestInServersTask) -> None:
        """Have the server's task run the application."""
        if not self.gone:
            self._hosted = hosted
        self._wake_loop()

    def _put_in_worker(self, chunk: bytes) -> None:
        if self._hosted is None:
            super()._put_in_worker(chunk)
            return
        # The application says itself when its answer ends, also one of a declared length.
        self._put_start_in_worker()
        self._chunks.append(chunk)
        self._put_size += len(chunk)
        self._wake_loop()

    def tell_loop(self) -> None:
        """Have the loop look again; from the worker."""
        self._wake_loop()

    def is_lost(self) -> bool:
        """Tell whether nobody will send any more."""
        if self._loop.is_closed():
            self.gone = True
        return self.gone

    def _wake_worker(self) -> None:
        super()._wake_worker()
        if self._hosted is not None:
            self._hosted.baton.wake()


class Tally:
    """What has become of the requests of one ``AsgiToWsgi`` that servers' tasks run; their loops may be several."""

    def __init__(self) -> None:
        self._running: set[RequestInServersTask] = set()
        # By thread, each of which writes its own: no lock, in which a signal handler that asks could meet itself.
        self._ended: dict[int, list[int]] = {}

    def running(self) -> tuple[int, int]:
        """Return how many are in flight, and how many have been answered and go on; from any thread."""
        running = self._running.copy()
        answered = sum(request.is_answered for request in running)
        return len(running) - answered, answered

    def ended(self) -> tuple[int, int, int]:
        """Return how many were completed, failed, disconnected; from any thread."""
        completed, failed, disconnected = map(sum, zip((0, 0, 0), *self._ended.copy().values(), strict=True))
        return completed, failed, disconnected

    def begin(self, request: RequestInServersTask) -> None:
        """Count a request."""
        self._running.add(request)

    def end(self, request: RequestInServersTask, outcome: Outcome) -> None:
        """Count it where ``ended`` has it."""
        self._ended.setdefault(threading.get_ident(), [0, 0, 0])[_OUTCOMES.index(outcome)] += 1
        self._running.discard(request)


class RequestInServersTask:
    """The inner adapter's request, and its answer for the WSGI server: an iterator that another thread's task feeds.

    host: the outer adapter's request.
    """

    __slots__ = (
        "_application",
        "_asks",
        "_chunks",
        "_dropped_headers",
        "_ended",
        "_error",
        "_has_start",
        "_host",
        "_is_sending",
        "_response",
        "_scope",
        "_start_is_taken",
        "_tally",
        "_told",
        "_turn",
        "_waiting",
        "baton",
    )

    def __init__(
        self,
        application: ASGIApplication,
        environ: Environ,
        outer: Scope,
        host: HostingRequest,
        tally: Tally,
        dropped_headers: Callable[[Iterable[str]], None],
        told: Told | None,
    ) -> None:
        self._application = application
        self._told = told
        self._host = host
        self._tally = tally
        self._dropped_headers = dropped_headers
        scope: Scope = outer
        if not is_still_in_cgi(environ, outer):
            scope = scope_within(scope_from_environ(environ), environ, outer)
            scope["extensions"] = outer.get("extensions") or {}
        extensions = scope.get("extensions") or {}
        if not OWN_TRANSFERS.isdisjoint(extensions):  # they are ``http.response.body`` in other words
            offered = {name: value for name, value in extensions.items() if name not in OWN_TRANSFERS}
            scope = {**scope, "extensions": offered}
        self._scope = scope
        self._response = AsgiResponse(scope.get("method", ""))
        self.baton = Baton()
        # written by the loop
        self._chunks: deque[bytes] = deque()
        self._has_start = False
        self._ended = False
        self._error: BaseException | None = None
        self._is_sending = False
        self._waiting: deque[Slot] = deque()
        self._turn: Slot | None = None
        # written by the worker
        self._asks = False
        self._start_is_taken = False

    @property
    def is_answered(self) -> bool:
        """Whether the last message was sent."""
        return self._host.is_answered

    # ---- the worker --------------------------------------------------------------------------------------------------

    def respond(self, start_response: StartResponse) -> Iterable[bytes]:
        """Wait until the application's answer begins; return it.

        Raises the application's error, or ClientDisconnected.
        """
        self._host.host_in_worker(self)
        self._wait_in_worker(lambda: self._has_start)
        response = self._response
        if response.dropped:
            self._dropped_headers(response.dropped)
        start_response(response.status_line, response.headers)
        self._start_is_taken = True
        return self

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """Return what comes next of the body. Raises the application's error."""
        self._wait_in_worker(lambda: bool(self._chunks) or self._ended)
        if self._chunks:
            return self._chunks.popleft()  # c
        raise StopIteration

    def _wait_in_worker(self, has_come: Callable[[], bool]) -> None:
        host = self._host
        self._asks = True  # a
        host.tell_loop()
        while not has_come():
            error = self._error
            if error is not None:
                try:
                    raise error
                finally:
                    del error  # with the traceback it would be a cycle
            if host.is_lost():
                raise ClientDisconnected(f"nobody waits for the answer to {host.describe()} any more")
            self.baton.wait(LOOK_UP_SECONDS)
        self._asks = False  # b

    # ---- the server's task -------------------------------------------------------------------------------------------

    async def run_in_loop(self) -> Exception | None:
        """Await the application. Return its error, if that came after the end of its answer."""
        host = self._host
        error: Exception | None = None
        self._tally.begin(self)
        outcome: Outcome = "disconnected"
        try:
            try:
                await self._application(self._scope, host.receive, self.send)
            except Exception as raised:  # noqa: BLE001  it is the server's, which gets it through WSGI, or by the return
                error = raised
            outcome = "completed" if error is None and host.is_answered else "failed"
            if host.is_lost():
                return error  # nothing can be awaited if the loop was closed, and nobody takes an answer
            if self._ended:
                await host.send_until_in_loop(_never, whole=True)
                outcome = "completed" if error is None and host.is_answered else "failed"
                return error
            self._error = error or host.lacks_answer()
            self.baton.wake()
            await host.send_until_in_loop(_never)
            return None
        finally:
            self._tally.end(self, outcome)
            if self._told is not None:
                self._told.end(outcome, error or self._error, status=self._response.status)
            self._error = None
            del error  # with the traceback it would be a cycle

    async def send(self, message: Message) -> None:
        """Take a message from the application and send it on."""
        if self._is_sending:  # another of its tasks
            await self._wait_for_turn()
        self._is_sending = True
        try:
            await self._send_in_loop(message)
        finally:
            self._pass_turn()

    async def _wait_for_turn(self) -> None:
        slot = self._host.slot()
        self._waiting.append(slot)
        try:
            await slot
        except BaseException:
            if self._turn is slot:  # it was cancelled just when it had the turn
                self._pass_turn()
            else:
                self._waiting.remove(slot)
            raise

    def _pass_turn(self) -> None:
        """Let the next task send; nobody who comes later may be before it."""
        self._turn = self._waiting.popleft() if self._waiting else None
        self._is_sending = self._turn is not None
        end_wait(self._turn)

    async def _send_in_loop(self, message: Message) -> None:
        host = self._host
        response = self._response
        kind = message["type"]
        if kind not in _OF_WSGI or response.state is COMPLETE:
            await host.send_past_wsgi_in_loop(message)  # the server also judges what comes too late
            return
        try:
            chunk = response.message(message)
        except ApplicationError:
            await host.ask_server_in_loop()  # a client that has gone comes before what the application did wrong
            raise
        if kind == "http.response.start":
            self._has_start = True
            self.baton.wake()
            await host.send_until_in_loop(self._is_handed_over)
            host.check_in_loop()
            await host.send_start_in_loop(trailers=bool(message.get("trailers")))
            return
        if not message.get("more_body"):
            if chunk:
                self._chunks.append(chunk)
            self._ended = True
            self.baton.wake()
            await host.send_until_in_loop(lambda: host.is_answered, whole=True)
        elif chunk:
            self._chunks.append(chunk)  # 1
            self.baton.wake()
            await host.send_until_in_loop(self._is_handed_over)  # 2
        else:
            # WSGI servers pass over empty chunks; those of an answer to HEAD are the server's to leave out.
            host.check_in_loop()
            body = bytes(message.get("body", b""))
            await host.send_past_wsgi_in_loop({"type": kind, "body": body, "more_body": True})
        host.check_in_loop()

    def _is_handed_over(self) -> bool:
        return not self._chunks and self._start_is_taken and self._asks and self._host.has_sent_all

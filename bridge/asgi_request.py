"""One request of ``AsgiToWsgi``: the application's task on the loop, and the server's thread that serves it.

Who writes what. The loop alone appends chunks (on the right) and writes ``_ended``, ``_error``, ``_is_settled``,
``_wants_body`` (to True), ``_gone``. The serving thread alone takes chunks (from the left), writes ``_taken_size``,
``_wants_body`` (to False), and appends to ``_inbox``. Each side looks at what the other has written only in these
orders:

    loop                                    serving thread
    1. write the news                       a. _has_news = False
    2. _has_news = True                     b. look for news of all kinds
    3. if _asleep: clear it, wake           c. _asleep = True
                                            d. if _has_news: clear _asleep, begin again
                                            e. wait

    application's send(), too fast          serving thread
    1. _sender_waits = True                 a. add to _taken_size
    2. if there is room again: go on        b. if _sender_waits: clear it, put a call into the loop
    3. wait

If b misses what 1 has written, 2 comes after a: then either d sees 2, or 3 sees c. (``write_in_serving_thread``, which
may be called within b, looks at what it waits for instead of ``_has_news``.) Of the second pair, either the thread sees
the application's 1, or the application sees the thread's a.

What is *settled* is decided in the loop alone: a response is settled once its task has suspended or ended after its
last message, or has failed. The serving thread hands over nothing that is complete before that, so an error that comes
in the same step as the last message is known by then (contract: it is raised from the answer's ``close()``); one that
comes later is logged.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import IO, TYPE_CHECKING, Any

from bridge._asgiref import (
    marks_of_this_thread,
    run_thread_sensitive_calls_in,
    unmark_worker,
)
from bridge._types import Environ, Message, StartResponse
from bridge.answers import Chunks, FailedAnswer, FileOfAnswer, WholeAnswer
from bridge.environ_views import ScopeView
from bridge.errors import AdapterClosed, ApplicationError, ApplicationExit, ClientDisconnected
from bridge.handoff.baton import Baton
from bridge.handoff.changes import Changes
from bridge.handoff.loops import Cancellable, forget_async_library
from bridge.handoff.serving_thread import ServingThread
from bridge.hooks import Outcome, Told
from bridge.input_reader import InputReader
from bridge.outliving import CLOSES_LATE, Outliving
from bridge.translation.nesting import scope_within
from bridge.translation.requests import request_line, scope_from_environ
from bridge.translation.responses import AWAITING_START, BODY, COMPLETE, AsgiResponse
from bridge.whereabouts import place_in_coroutine

if TYPE_CHECKING:
    from bridge.asgi_home import Home

logger = logging.getLogger("bridge")

# Seconds. A thread that waits looks up now and then: whether its loop still runs, and, where the server tells, whether
# its client is still there.
_LOOK_UP = 2.0
_LOOK_FOR_CLIENT = 0.25
# Seconds that an application may go on after it was cancelled before a warning is logged, and before a thread whose
# client has gone stops waiting for it.
_STUCK_AFTER = 10.0
_ENDS_WITHIN = 1.0
# Seconds that an application may go on with a body that nobody gets, before it is told so.
_BODILESS_GRACE = 2.0
# Seconds that a read of the body may wait behind chunks that come without a pause.
_READS_WAIT = 1.0

_FILE_BLOCK = 65_536  # bytes that the server reads at a time from a file, unless it has a better way

_CAN_START_EAGERLY = sys.version_info >= (3, 12)

_MAX_HINTS = 100  # early hints that wait for the serving thread; of more, the oldest are left out
_PATIENCE = 1000  # calls of receive() after the disconnect before they are held to let others run

_NO_CONTEXT = contextvars.Context()


class AsgiRequest:
    """One request: what the server's thread and the application's task share."""

    __slots__ = (
        "_app",
        "_asleep",
        "_baton",
        "_body_broke",
        "_changes",
        "_chunks",
        "_client_is_gone",
        "_context",
        "_disconnects",
        "_ended",
        "_environ",
        "_error",
        "_file",
        "_file_error",
        "_first_step",
        "_gone",
        "_has_news",
        "_held",
        "_hints",
        "_home",
        "_inbox",
        "_input",
        "_input_error",
        "_is_bodiless_answer",
        "_is_forsaken",
        "_is_left_asleep",
        "_is_over",
        "_is_settled",
        "_limit",
        "_loop",
        "_opens_file",
        "_outliving",
        "_owed",
        "_owner",
        "_put_size",
        "_refusal",
        "_response",
        "_returned",
        "_sender_waits",
        "_server_write",
        "_serves_wsgi",
        "_serving_thread",
        "_start_response",
        "_taken_size",
        "_task",
        "_thread_id",
        "_timer",
        "_told",
        "_told_late_error",
        "_unread",
        "_wanted_at",
        "_wants_body",
        "_wsgi_is_done",
        "first_context",
        "has_read",
        "is_stuck",
        "scope",
    )

    def __init__(self, home: Home, environ: Environ, owner: object, told: Told | None) -> None:
        options = home.options
        self._told = told
        self._owner = owner  # the adapter: one that nobody holds any more ends
        self._home = home
        self._loop = home.loop
        self._app = options.app
        self._limit = options.write_buffer
        self._environ = environ
        scope = scope_from_environ(environ)
        environ.pop(CLOSES_LATE, None)  # of an earlier request with the same dict
        self._outliving: Outliving | None = None
        view = environ.get("asgi.scope")
        if view is not None and isinstance(view, ScopeView):
            scope = scope_within(scope, environ, view.mapping)
            self._outliving = view.outliving = Outliving(self._is_lost, self._client_left, self._cancel)
            self._limit = 0  # two adapters would hold chunks that neither the client nor the application expects
        self.scope = scope
        scope["wsgi.environ"] = environ
        state = home.state
        if state is not None:
            scope["state"] = {**scope["state"], **state} if "state" in scope else state.copy()
        self._input: InputReader | None = None  # nothing was read, and something may be there; the serving thread's
        self._unread: Any = None  # where that is
        self._response = AsgiResponse(scope["method"])
        self._baton = Baton()
        self._chunks: deque[bytes] = deque()
        self._inbox: deque[Message] = deque()
        self._hints: deque[list[bytes]] | None = None
        self._changes: Changes | None = None  # until somebody waits for one
        self._put_size = 0
        self._taken_size = 0
        self._held = 0
        self._asleep = False
        self._has_news = False
        self._sender_waits = False
        self._wants_body = False
        self._wanted_at = 0.0
        self._body_broke = False
        self._input_error: BaseException | None = None
        self._ended = False
        self._returned = False
        self._is_over = False
        self._serves_wsgi = False
        self._wsgi_is_done = False
        self._told_late_error = False
        self._is_forsaken = False
        self._start_response: StartResponse | None = None
        self._server_write: Callable[[bytes], object] | None = None
        self.has_read = False  # anything from wsgi.input, which is not as the server gave it then
        self._is_settled = False
        self._is_bodiless_answer = False
        self._is_left_asleep = False
        self._disconnects = 0
        self._gone = False
        self._owed = False
        self._opens_file = False
        self._file: IO[bytes] | None = None
        self._file_error: BaseException | None = None
        self._error: BaseException | None = None
        self._refusal: BaseException | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: Cancellable | None = None
        self._first_step = False
        self.is_stuck = False
        self._thread_id = threading.get_ident()
        self._serving_thread = ServingThread(home.pool, self._wake)
        self._context = contextvars.copy_context()
        self.first_context = _NO_CONTEXT  # what the application begins with
        self._client_is_gone: Callable[[], object] | None = (
            environ.get("waitress.client_disconnected") or environ.get("bridge.disconnected") or None
        )
        extensions = scope["extensions"]
        if "wsgi.file_wrapper" in environ:
            extensions["http.response.pathsend"] = {}
        if "wsgi.early_hints" in environ:
            extensions["http.response.early_hint"] = {}

    def describe(self) -> str:
        """Return what a log calls this request by."""
        return request_line(self.scope)

    # ---- for a WSGI application that runs in the serving thread ------------------------------------------------------

    def serve_wsgi_in_loop(self) -> bool:
        """Keep the serving thread for a WSGI application until ``close()``. Return whether it can be had."""
        if self._serves_wsgi or self._gone or self._ended or self._returned or self._is_forsaken:
            return False
        self._serves_wsgi = True
        self._limit = 0  # the application goes on when the server does
        return True

    def wsgi_application_is_done_in_loop(self, error: BaseException | None) -> None:
        """Let the serving thread go: the WSGI application's ``close()`` has run, and left that error."""
        if error is not None and self._ended:
            # For the server's close(). It comes out of the whole application as well, and possibly much later.
            self._error = error
            self._told_late_error = True
        self._wsgi_is_done = True  # 1
        self._wake()  # 2

    def run_in_serving_thread(self, call: Callable[..., None], *arguments: Any) -> Future[None]:
        """Run a call in the serving thread, when it comes by; in the loop."""
        return self._serving_thread.submit(call, *arguments)

    def close_in_serving_thread(self, call: Callable[..., None], *arguments: Any) -> Future[None]:
        """Run a call in the serving thread when the server closes the answer; in the loop."""
        return self._serving_thread.submit_last(call, *arguments)

    def read_in_serving_thread(self) -> bytes:
        """Return the next piece of the body, ``b""`` at its end.

        Raises ClientDisconnected, or what ``wsgi.input`` raises.
        """
        while self._inbox:
            body = self._inbox.popleft()["body"]
            if body:
                return bytes(body)
        if self._body_broke:
            raise ClientDisconnected(f"the client of {self.describe()} went away before its body was read whole")
        reader = self._reader()
        return b"" if reader.is_complete else reader.read_piece()

    def write_in_serving_thread(self, sent: Future[None]) -> None:
        """Hand chunks to the server by its own ``write()`` while the application waits in its; until `sent` is done.

        Raises what the server raises.
        """
        sent.add_done_callback(self._is_sent_in_loop)
        chunks = self._chunks
        while True:
            is_sent = sent.done()
            while chunks:
                chunk = chunks.popleft()
                if self._server_write is None:
                    assert self._start_response is not None  # this is within ``respond``
                    response = self._response
                    self._server_write = self._start_response(response.status_line, response.headers)
                self._server_write(chunk)
                self._take(len(chunk))
            if is_sent:
                return
            self._asleep = True  # c
            if chunks or sent.done():  # d
                self._asleep = False
            elif not self._baton.wait(_LOOK_UP):  # e
                self._home.check_loop()

    def _is_sent_in_loop(self, _sent: Future[None]) -> None:
        self._wake()

    # ---- the serving thread ------------------------------------------------------------------------------------------

    def respond(self, start_response: StartResponse) -> Iterable[bytes]:
        """Run the application for this request, in the server's thread, until its answer begins; return the answer.

        Raises the application's error, an ApplicationError, or what ``wsgi.input`` raised.
        """
        self._prefetch()
        self._start_response = start_response
        try:
            self._home.put(self._begin_in_loop)
            has_chunk = self._wait_for_chunk()
            if not has_chunk and self._error is not None and not self._ended:
                raise self._error_for_server(before_start=self._server_write is None)
            return self._answer(start_response)
        except BaseException as error:
            # The application's error, or one from outside: a signal handler's, a greenlet that is killed.
            self._is_forsaken = True
            self._leave()
            if self._told is not None and not self._home.has_loop():
                self._told.end("failed", error)
            raise
        finally:
            self._start_response = None  # it leads to the server

    def _prefetch(self) -> None:
        """Read a small body that is declared, so that the application need not ask for it."""
        environ = self._environ
        source = environ.get("wsgi.input")
        if source is not None and not environ.get("CONTENT_LENGTH") and environ.get("wsgi.input_terminated"):
            self._unread = source  # it alone tells whether there is a body
            return
        reader = self._input = InputReader(environ)
        declared = reader.declared
        if reader.is_complete:
            self._inbox.append({"type": "http.request", "body": b"", "more_body": False})
            return
        if (
            declared is None
            or declared > self._home.options.prefetch_size
            or "100-continue" in environ.get("HTTP_EXPECT", "").lower()
        ):
            return
        pieces: list[bytes] = []
        self.has_read = True
        try:
            size = 0
            # Bounded also where the body is longer than declared, as only wsgi.input_terminated allows.
            while not reader.is_complete and size <= declared:
                piece = reader.read_piece()
                pieces.append(piece)
                size += len(piece)
        except OSError:
            self._body_broke = True
        body = b"".join(pieces)
        if body or reader.is_complete:
            self._inbox.append({"type": "http.request", "body": body, "more_body": not reader.is_complete})

    def _reader(self) -> InputReader:
        """Return what reads the body, which most requests do not have; in the serving thread."""
        reader = self._input
        if reader is None:
            # Not by the environ: middleware may have put another input there for the time of its call.
            reader = self._input = InputReader({"wsgi.input": self._unread, "wsgi.input_terminated": True})
        return reader

    def _answer(self, start_response: StartResponse) -> Iterable[bytes]:
        response = self._response
        if response.dropped:
            self._home.options.dropped_headers(response.dropped)
        file = self._file
        if file is not None:
            self._file = None
            try:
                start_response(response.status_line, response.headers)
                answer: Iterable[bytes] = self._environ["wsgi.file_wrapper"](file, _FILE_BLOCK)
            except BaseException:
                file.close()
                raise
            if not self._serves_wsgi:
                self._leave()
            if self._error is not None:
                self._log_late_error(self._error)
            return answer
        if self._server_write is not None:
            return Chunks(self)
        write = start_response(response.status_line, response.headers)
        if self._serves_wsgi:
            self._server_write = write
        if response.bodiless:
            # Not even an empty chunk, whose length the server might declare to be that of the body: HEAD, 204, 304.
            parts = []
        elif self._is_settled and self._ended:
            chunks = self._chunks
            parts = [chunks[0] if len(chunks) == 1 else b"".join(chunks)]
        else:
            return Chunks(self)
        if self._serves_wsgi and not self._wsgi_is_done:
            return WholeAnswer(parts, self)
        self._leave()
        if CLOSES_LATE in self._environ and not self._is_over:
            return WholeAnswer(parts, self)
        return parts if self._error is None else FailedAnswer(parts, self._error_for_server())

    def next_chunk(self) -> bytes:
        """Return what is there of the body, or comes next. Raises StopIteration after the end, or the error."""
        if self._held:
            self._take(self._held)
            self._held = 0
        if not self._wait_for_chunk():
            if not self._serves_wsgi or not self._ended:
                self._leave()
            # If the server has told that its client is gone, it is told no error: it would only fill a log.
            if self._error is not None and not self._ended and not self._gone:
                raise self._error_for_server()
            raise StopIteration
        chunks = self._chunks
        chunk = chunks.popleft()
        if chunks and len(chunk) < self._limit:
            # The application was faster than the client: neighbours go as one.
            parts = [chunk]
            size = len(chunk)
            while chunks and size + len(chunks[0]) <= self._limit:
                part = chunks.popleft()
                parts.append(part)
                size += len(part)
            chunk = b"".join(parts)
        if not self._limit:
            self._held = len(chunk)  # by the other adapter, until its client has it
        else:
            self._take(len(chunk))
        # Whoever waits for this thread is served also beside a task that sends without a pause: calls after one chunk,
        # reads after a while, for they may block, and the client may be waiting for a chunk that is here already.
        self._owed = bool(self._serving_thread.calls) or (
            self._wants_body and time.monotonic() - self._wanted_at > _READS_WAIT
        )
        return chunk

    def _take(self, size: int) -> None:
        self._taken_size += size  # a
        if self._sender_waits:  # b
            self._sender_waits = False
            self._home.put(self._tell_in_loop)

    def finish(self) -> None:
        """End the answer, as the server does with the iterable's ``close()``.

        Raises the application's error if it came with the end of a complete answer.
        """
        if self._serves_wsgi:
            if not self._is_settled:
                self.abandon()
            self._serve_wsgi_application(None)
        self._leave()
        if CLOSES_LATE in self._environ:
            # Not for long: it may be in code of its own, and what goes on may be background work of what is between.
            self._serve_wsgi_application(_ENDS_WITHIN)
            self._environ.pop(CLOSES_LATE, None)  # an error that comes now is for the log
        if self._is_settled and self._error is not None and self._ended:
            raise self._error_for_server()

    def _serve_wsgi_application(self, seconds: float | None) -> None:
        """Run what is left of a WSGI application, which is its ``close()``; or wait for that, some seconds at most."""
        thread = self._serving_thread
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            self._has_news = False  # a
            if self._wsgi_is_done or self._is_over or self._refusal is not None or not self._home.has_loop():  # b
                return
            left = _LOOK_UP if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return
            if self._serves_wsgi and thread.call_last():
                self._run_calls()
                continue
            self._asleep = True  # c
            if self._has_news:  # d
                self._asleep = False
                continue
            self._baton.wait(left)  # e

    def _leave(self) -> None:
        """Serve the application no longer. If its answer is not complete, its client is gone."""
        if self._file is not None:
            self._file.close()  # the answer that it was for is not handed over
            self._file = None
        has_calls = self._serving_thread.leave()
        if has_calls or not self._is_settled:
            self.abandon()

    def let_go_if_answered_in_loop(self) -> None:
        """Let a WSGI application that waits for its ``close()`` have it in a thread of the pool."""
        if self._serves_wsgi and self._ended:
            self._is_forsaken = True
            self._left_in_loop()

    def forsake(self) -> None:
        """Take note that the server has let go of its answer without ``close()``; from any thread."""
        self._is_forsaken = True
        self.abandon()

    def abandon(self) -> None:
        """Let the loop know that nobody serves the application any more; from any thread."""
        try:
            self._loop.put(self._left_in_loop)
        except RuntimeError:
            pass  # the loop is closed, and with it all that ran there

    def _wait_for_chunk(self) -> bool:
        """Serve the application until a chunk is there (True), or the end or an error is settled (False)."""
        chunks = self._chunks
        thread = self._serving_thread
        while True:
            self._has_news = False  # a
            # b
            if self._hints:
                self._tell_hints()
            if self._owed:
                self._owed = False
                self._run_calls()
                if self._wants_body and not self._ended and time.monotonic() - self._wanted_at > _READS_WAIT:
                    self._read_body()
            # The order of these reads: what is settled was complete before.
            if self._is_settled:
                return bool(chunks)
            if self._refusal is not None:
                raise self._refusal
            if chunks and not self._ended:
                return True
            if self._opens_file:
                self._open_file()
            if thread.calls and not self._ended:
                self._run_calls()
            elif self._wants_body and not self._ended:
                self._read_body()
            else:
                self._sleep()

    def _sleep(self) -> None:
        self._asleep = True  # c
        if self._has_news:  # d
            self._asleep = False
            return
        ask = self._client_is_gone
        if not self._baton.wait(_LOOK_UP if ask is None else _LOOK_FOR_CLIENT):  # e
            self._look_up(ask)

    def _look_up(self, ask: Callable[[], object] | None) -> None:
        """Look whether there still is somebody to wait for."""
        if self._is_left_asleep:
            self._baton.wait()  # for the end of the process
        home = self._home
        home.check_loop()
        home.look_for_block()
        if ask is None or not ask():
            return
        self._client_is_gone = None
        home.put(self._client_left_in_loop)

    def _client_left_in_loop(self) -> None:
        self._give_up_in_loop()
        # The thread is not kept by an application that goes on.
        grace = self._home.options.disconnect_grace or 0.0
        self._loop.call_later(grace + _ENDS_WITHIN, self._stop_waiting_in_loop)

    def _stop_waiting_in_loop(self) -> None:
        self.refuse_in_loop(ClientDisconnected(f"the client of {self.describe()} has gone away"))

    def _run_calls(self) -> None:
        before = marks_of_this_thread()
        try:
            error = self._serving_thread.run_calls()
        finally:
            unmark_worker(before)
        if self._serving_thread.has_calls_to_pass_on:
            self._home.put(self._serving_thread.pass_on_in_loop)
        if error is not None and _is_for_thread(error):
            raise error

    def _read_body(self) -> None:
        """Read a piece of the body that the application waits for."""
        reader = self._reader()
        self.has_read = True  # after that: whoever sees it may read, in another thread if this one was forsaken
        try:
            piece = reader.read_piece(lines=self._response.state is BODY)
        except OSError:
            self._body_broke = True
        except Exception as error:  # noqa: BLE001  raised to the server, unless the application has an answer
            self._body_broke = True
            self._input_error = error
        else:
            self._inbox.append({"type": "http.request", "body": piece, "more_body": not reader.is_complete})
        # Before the put: who is notified may ask for the next piece.
        self._wants_body = False
        self._home.put(self._tell_in_loop)

    def _open_file(self) -> None:
        """Open the file that is the body."""
        path = self._response.path
        assert path is not None  # it is what the application waits for
        try:
            # The server closes it, by the wrapper's close().
            closes_late = self._serves_wsgi or CLOSES_LATE in self._environ
            self._file = FileOfAnswer(path, self) if closes_late else open(path, "rb")  # noqa: SIM115
        except Exception as error:  # noqa: BLE001  the application's to get
            self._file_error = error
        self._opens_file = False
        self._home.put(self._tell_in_loop)

    def _tell_hints(self) -> None:
        hints = self._hints
        tell = self._environ["wsgi.early_hints"]
        while hints:
            links = hints.popleft()
            try:
                tell([("Link", link.decode("latin-1")) for link in links])
            except Exception:
                # Hints are only that; the answer is what counts.
                logger.warning("bridge: the server failed to send early hints for %s", self.describe(), exc_info=True)

    def _error_for_server(self, *, before_start: bool = False) -> BaseException:
        """Return the error as the server gets it: the original, but nothing that would end its thread or its loop."""
        error, self._error = self._error, None  # its traceback leads back here
        assert error is not None
        if before_start and self._input_error is not None:
            return self._input_error
        if isinstance(error, ApplicationExit):
            # A WSGI application behind WsgiToAsgi: as if there were no bridge. But StopIteration would end an iterable.
            cause = error.__cause__
            if cause is not None and (before_start or not isinstance(cause, StopIteration)):
                return cause
        if not isinstance(error, Exception) or isinstance(error, StopIteration):
            wrapped = ApplicationError(f"the application raised {type(error).__name__} for {self.describe()}: {error}")
            wrapped.__cause__ = error
            return wrapped
        if isinstance(error, ApplicationError) and not hasattr(error, "__notes__"):
            error.add_note(f"bridge: while answering {self.describe()}")
        return error

    # ---- the loop ----------------------------------------------------------------------------------------------------

    def _begin_in_loop(self) -> None:
        """Start the application's task."""
        if not self._home.enter_in_loop(self):
            # It was let in just before the adapter was closed.
            self._refusal = AdapterClosed(f"the adapter was closed before {self.describe()}")
            if self._told is not None:
                self._told.end("failed", self._refusal)
            self._wake()
            return
        loop = self._loop.asyncio_loop
        context = self._context
        if _CAN_START_EAGERLY:
            # The ordinary application answers in its first step: no turn of the loop is needed for that.
            self._first_step = True
            self._task = asyncio.Task(self._run_in_loop(), loop=loop, context=context, eager_start=True)  # type: ignore[call-arg]  # since 3.12
            self._first_step = False
            if self._returned:
                self._task = None
            if self._ended and not self._is_settled:
                self._settle_in_loop()
        else:
            assert loop is not None
            self._task = loop.create_task(self._run_in_loop(), context=context)
            # A task that is cancelled before its first step never enters its coroutine.
            self._task.add_done_callback(self._task_is_done_in_loop)

    def _task_is_done_in_loop(self, _task: asyncio.Task[None]) -> None:
        if not self._returned:
            self._returned_in_loop(asyncio.CancelledError())

    async def _run_in_loop(self) -> None:
        error: BaseException | None = None
        try:
            if len(self._context):
                forget_async_library()
            run_thread_sensitive_calls_in(self._serving_thread, self._context)
            self.first_context = contextvars.copy_context()
            await self._app(self.scope, self.receive, self.send)
        except BaseException as raised:  # noqa: BLE001  it is the server's to get, and must not end the loop
            error = raised
        try:
            self._returned_in_loop(error)
        finally:
            del error  # with the traceback it would be a cycle

    def _returned_in_loop(self, error: BaseException | None) -> None:
        """Take note that the application is done."""
        late_error: BaseException | None = None
        outcome: Outcome = "completed"
        self._returned = True
        if self._timer is not None:
            self._timer.cancel()
        if error is None and self._ended and not self._gone:
            self._home.completed += 1
        else:
            outcome, error, late_error = self._judge_in_loop(error)
            self._home.count_in_loop(outcome)
        if self._told is not None:
            self._told.end(outcome, error or late_error, status=self._response.status)
        self._home.leave_in_loop(self)  # it has been counted: at no moment is it neither in flight nor ended
        if not self._is_settled:
            if self._gone and error is None and not self._ended:
                error = ClientDisconnected(f"the client of {self.describe()} has gone away")
            self._error = error
            self._settle_in_loop()
        if self._changes is not None:
            self._changes.tell()  # tasks that outlive it learn that the response is over
        self._is_over = True  # 1
        self._wake()  # 2
        if self._outliving is not None:
            self._outliving.end_in_application_loop(late_error)
        self._serving_thread.finish_in_loop()
        self._task = None
        self._context = self.first_context = _NO_CONTEXT  # a value in it may lead back here

    def _judge_in_loop(self, error: BaseException | None) -> tuple[Outcome, BaseException | None, BaseException | None]:
        """Return what an end amounts to that is not the ordinary one, its error, and one that came after the answer."""
        late_error: BaseException | None = None
        if self._gone:
            if error is not None and not _comes_of_disconnect(error):
                logger.warning(
                    "bridge: the application failed on %s after its client had gone", self.describe(), exc_info=error
                )
            # Not kept: the traceback holds on to all that the application has to clean up.
            return "disconnected", None, None
        if self._is_settled:
            # Its answer was handed over: this is the end of its background work.
            if error is None:
                return "completed", None, None
            if self._told_late_error:
                pass
            elif CLOSES_LATE in self._environ:
                self._error = error  # for the server's close()
            elif self._outliving is None or self._outliving.is_forsaken:
                self._log_late_error(error)
            else:
                late_error = error
            return "failed", error, late_error
        if self._body_broke and self._disconnects and (error is None or _comes_of_disconnect(error)):
            # It was told that its client has gone, and gave no answer: it was right.
            return "disconnected", error or ClientDisconnected(f"the client of {self.describe()} has gone away"), None
        if error is None:
            error = ApplicationError(
                f"the application returned without "
                f"{'an answer' if self._response.state is AWAITING_START else 'ending its answer'}",
                source='ASGI specs/www.rst, "Response Body - send event"',
            )
        return "failed", error, None

    def _is_lost(self) -> bool:
        return self._refusal is not None or not self._home.has_loop()

    def _client_left(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.put(self._client_left_in_loop)

    def _cancel(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.put(self.cancel_in_loop)

    def _log_late_error(self, error: BaseException) -> None:
        logger.error("bridge: the application failed on %s after its answer", self.describe(), exc_info=error)

    def _settle_in_loop(self) -> None:
        self._is_settled = True
        self._wake()

    def _wake(self) -> None:
        self._has_news = True  # 2
        if self._asleep and not self._is_left_asleep:  # 3
            self._asleep = False
            self._baton.wake()

    async def _change_in_loop(self) -> None:
        """Wait until something has changed of what tasks of the application wait for."""
        if self._changes is None:
            self._changes = Changes(self._loop)
        await self._changes.wait()

    def _tell_in_loop(self) -> None:
        if self._changes is not None:
            self._changes.tell()

    async def receive(self) -> Message:
        """Give the application its next message: the ``receive`` of ASGI."""
        while True:
            is_over = self._ended or self._gone or self._returned or self._is_bodiless_answer
            if self._inbox and not is_over:
                # What was read for a receive() that was cancelled is still here.
                return self._inbox.popleft()
            if is_over or self._body_broke:
                self._disconnects += 1
                if self._disconnects > _PATIENCE:
                    await asyncio.sleep(0)  # an application that does not listen must not stop the loop
                return {"type": "http.disconnect"}
            reader = self._input
            if (reader is None or not reader.is_complete) and not self._wants_body:
                self._wanted_at = time.monotonic()
                self._wants_body = True  # 1
                self._wake()
            await self._change_in_loop()

    async def send(self, message: Message) -> None:
        """Take a message from the application: the ``send`` of ASGI.

        Raises ApplicationError for a message that ASGI does not allow here, ClientDisconnected once the client is gone.
        """
        if self._gone or (self._returned and not self._ended):
            raise self._nobody_listens()
        response = self._response
        chunk = response.message(message)
        if chunk:
            self._chunks.append(chunk)  # 1
            self._put_size += len(chunk)
        if response.state is COMPLETE:
            if message["type"] == "http.response.pathsend" and not response.bodiless:
                await self._wait_for_file_in_loop()
            if not self._ended:
                self._ended = True
                if self._changes is not None:
                    self._changes.tell()
                self._release_thread_in_loop()
                if not self._first_step:
                    self._loop.call_soon(self._step_is_over_in_loop)
        elif chunk:
            self._wake()
            if self._put_size - self._taken_size > self._limit:
                await self._wait_for_room_in_loop()
        elif message["type"] == "http.response.start":
            if CLOSES_LATE in self._environ:
                self._limit = 0  # as for a request that came through the other adapter
        else:
            if message["type"] == "http.response.early_hint":
                self._put_hints_in_loop(message)
            elif response.bodiless and message.get("body"):
                self._settle_bodiless_in_loop()
            # Nothing that is waited for holds the application here: an endless stream to HEAD must not stop the loop.
            await asyncio.sleep(0)

    def _release_thread_in_loop(self) -> None:
        """Keep the serving thread for nothing but handing over the answer: background work must not delay that."""
        if self._serves_wsgi:
            return
        if self._serving_thread.leave():
            self._serving_thread.pass_on_in_loop()

    def _settle_bodiless_in_loop(self) -> None:
        """Hand over an answer whose body is not for the client: HEAD, 204, 304.

        The application may go on to its end for longer than an ordinary body takes; then it is treated as one whose
        client has gone.
        """
        if not self._is_bodiless_answer:
            self._is_bodiless_answer = True
            self._tell_in_loop()
            self._release_thread_in_loop()
            self._settle_in_loop()
            self._timer = self._loop.call_later(_BODILESS_GRACE, self._give_up_in_loop)

    def _step_is_over_in_loop(self) -> None:
        if not self._is_settled:
            self._settle_in_loop()

    async def _wait_for_room_in_loop(self) -> None:
        while not self._gone and not self._returned:
            self._sender_waits = True  # 1
            # The end of the answer goes out with what is before it, and another task may have sent it.
            if self._ended or self._put_size - self._taken_size <= self._limit:  # 2
                return
            await self._change_in_loop()  # 3
        raise self._nobody_listens()

    def _nobody_listens(self) -> ClientDisconnected:
        # Also to tasks that go on sending after the application itself has returned.
        reason = "went away before it was answered whole" if self._gone else "got an answer that broke off"
        return ClientDisconnected(f"the client of {self.describe()} {reason}")

    async def _wait_for_file_in_loop(self) -> None:
        # Until it is open: applications remove a file as soon as it was sent (docs/extensions.rst, "Path Send"). In the
        # serving thread, for a disk may be slow.
        self._opens_file = True  # 1
        self._wake()
        while self._opens_file and not self._gone and not self._returned:
            await self._change_in_loop()
        error, self._file_error = self._file_error, None
        if error is not None:
            raise error
        if self._file is None:
            raise self._nobody_listens()

    def _put_hints_in_loop(self, message: Message) -> None:
        if "wsgi.early_hints" in self._environ and self._response.state is AWAITING_START:
            if self._hints is None:
                self._hints = deque(maxlen=_MAX_HINTS)
            self._hints.append([bytes(link) for link in message.get("links") or ()])
            self._wake()

    def _left_in_loop(self) -> None:
        """Take note that the server's thread has left, or begins to."""
        if not self._serves_wsgi or self._is_forsaken:
            self._serving_thread.leave()
            self._serving_thread.pass_on_in_loop()
        if not self._is_settled:
            self._give_up_in_loop()

    def _give_up_in_loop(self) -> None:
        """Tell the application that its client is gone; cancel it if it goes on, and its answer is not complete."""
        if self._gone or self._ended or self._returned:
            return
        self._gone = True
        self._tell_in_loop()
        grace = self._home.options.disconnect_grace
        if grace is not None:
            self._timer = self._loop.call_later(grace, self.cancel_in_loop)

    def refuse_in_loop(self, error: BaseException, *, wake: bool = True) -> None:
        """Give the server's thread an error instead of an answer that is not complete.

        wake: whether to wake the thread for it; one that the interpreter's exit does not wait for is left asleep, since
            its server would only fill the standard error with what is no error.
        """
        if self._serves_wsgi:
            self._is_forsaken = True
            self._left_in_loop()
        if not self._is_settled:
            if wake:
                self._refusal = error
                self._wake()
            else:
                self._is_left_asleep = True
            self._give_up_in_loop()

    def release(self, error: BaseException) -> None:
        """Give the server's thread an error although the loop does not react; from any thread."""
        self._refusal = error
        self._baton.wake()

    def cancel_in_loop(self) -> None:
        """Cancel the application, whatever it is doing; once."""
        if self._returned or self.is_stuck or self._task is None:
            return
        self.is_stuck = True  # until it has returned
        self._task.cancel()
        self._timer = self._loop.call_later(_STUCK_AFTER, self._warn_in_loop)

    def _warn_in_loop(self) -> None:
        place = place_in_coroutine(None if self._task is None else self._task.get_coro())
        logger.warning(
            "bridge: the application still runs for %s, %.0f seconds after it was cancelled because its client had "
            "gone or the adapter was closed%s",
            self.describe(),
            _STUCK_AFTER,
            f", in {place}" if place else "",
        )

    @property
    def is_answered(self) -> bool:
        """Whether the answer is complete, so that what still runs is background work."""
        return self._ended or self._is_bodiless_answer

    @property
    def thread_id(self) -> int:
        """The serving thread's ident."""
        return self._thread_id


def _comes_of_disconnect(error: BaseException | None) -> bool:
    """Tell whether an error is what an application made of a disconnect: frameworks raise one of their own then."""
    if error is None or isinstance(error, (ClientDisconnected, asyncio.CancelledError)):
        return error is not None
    if isinstance(error, BaseExceptionGroup):
        return any(map(_comes_of_disconnect, error.exceptions))
    return _comes_of_disconnect(error.__cause__ or error.__context__)


def _is_for_thread(error: BaseException) -> bool:
    """Tell whether an error that came up in a call was meant for the thread that ran it.

    gevent raises in a greenlet that it kills or whose time is up, signal handlers raise in the main thread (gunicorn's
    end its workers by SystemExit, Python's own for Ctrl-C is written in C and leaves no frame). Everything else is the
    application's own, which has got it.
    """
    if type(error).__module__.partition(".")[0] in ("gevent", "greenlet"):
        return True
    if threading.current_thread() is not threading.main_thread():
        return False
    if isinstance(error, KeyboardInterrupt):
        return True
    handlers = {getattr(signal.getsignal(number), "__code__", None) for number in signal.valid_signals()} - {None}
    return any(frame.f_code in handlers for frame, _ in traceback.walk_tb(error.__traceback__))

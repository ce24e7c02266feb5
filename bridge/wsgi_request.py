"""One request through ``WsgiToAsgi``: the loop's side sends, the worker thread's side runs the application.

Who writes what. The worker alone writes ``_chunks`` (at the right end), ``_start``, ``_hints``, ``_put_size``,
``_ended``, ``_transfer``, ``_error`` and ``_done``. The loop alone takes chunks (from the left) and writes
``_sent_size``, ``_is_started``, ``_is_complete`` and ``gone``. No lock is needed, because each side writes in an order
that the other reads backwards:

    worker: start, then chunks, then ended or error, then done
    loop:   done, then ended, then the number of chunks, then start

So whoever sees the later of two sees the earlier as well.

Sleep and wake, both ways, follow one pattern. Who is about to sleep (1) says so, (2) looks once more, (3) sleeps; who
has news (a) leaves it, (b) wakes whoever says that it sleeps. Either (2) sees the news or (b) sees the sleeper.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from bridge._asgiref import RequestTasks, mark_worker, take_over_context, unmark_worker
from bridge._types import Environ, Message, Receive, Scope, Send
from bridge.answering import Answering
from bridge.environ_views import ScopeView
from bridge.errors import (
    AdapterClosed,
    ApplicationError,
    ApplicationExit,
    ClientDisconnected,
    Overloaded,
)
from bridge.file_wrapper import BLOCK_SIZE, FileTransfer, FileWrapper, plan_transfer
from bridge.handoff.baton import Baton
from bridge.handoff.changes import Changes
from bridge.handoff.loops import Cancellable, Slot, end_wait, forget_async_library
from bridge.handoff.workers import Worker, WorkerPool, current_worker
from bridge.input import Input
from bridge.outliving import CLOSES_LATE, Outliving
from bridge.refusals import refusal_messages, refuse
from bridge.request_body import LOOK_UP_SECONDS, RequestBody
from bridge.translation.requests import request_line
from bridge.translation.responses import WsgiResponse, early_hint_links

if TYPE_CHECKING:
    from bridge.in_flight import InFlight
    from bridge.wsgi_to_asgi import WsgiToAsgi

logger = logging.getLogger("bridge")

# Extensions by which a server sends a file itself.
OWN_TRANSFERS = frozenset(("http.response.pathsend", "http.response.zerocopysend"))

_MAX_HINTS = 16  # early hints that wait to be sent; of more the oldest are left out, as a server may

_STOP_SECONDS = 1.0  # how long a cancelled receive() is waited for

# Raised in a coroutine these end or corrupt the loop that runs it, or turn into another error (PEP 479).
_NO_CONTEXT = contextvars.Context()

_LOOP_BREAKERS = (StopIteration, StopAsyncIteration, asyncio.CancelledError)


ReadAhead = Callable[[RequestBody, int], Awaitable[None]]


def error_for_loop(error: BaseException, request: str) -> BaseException:
    """Return an application's error as it may be raised in a loop: the original, but nothing that would end it."""
    if not isinstance(error, Exception) or isinstance(error, _LOOP_BREAKERS):
        wrapped = ApplicationExit(f"the application raised {type(error).__name__} for {request}: {error}")
        wrapped.__cause__ = error
        return wrapped
    if isinstance(error, ApplicationError):
        error.add_note(f"bridge: while answering {request}")
    return error


class WsgiRequest(Answering):
    """One request: ``respond`` is awaited in the loop; everything else follows from it."""

    generation: int  # written by home

    __slots__ = (
        "_adapter",
        "_asleep",
        "_baton",
        "_begun",
        "_blocked",
        "_body",
        "_chunks",
        "_close_later",
        "_closing",
        "_context",
        "_done",
        "_ended",
        "_error",
        "_expects_continue",
        "_fields",
        "_file_in_use",
        "_hints",
        "_home",
        "_is_complete",
        "_is_over",
        "_is_started",
        "_limit",
        "_loop",
        "_put_size",
        "_receives_in",
        "_refused",
        "_response",
        "_scope",
        "_send",
        "_sent_size",
        "_slot",
        "_start",
        "_tasks",
        "_timer",
        "_transfer",
        "generation",
        "gone",
        "receive",
        "was_reported",
    )

    def __init__(
        self,
        adapter: WsgiToAsgi,
        home: InFlight,
        scope: Scope,
        fields: Environ,
        receive: Receive,
        send: Send,
        expects_continue: bool,
        limit: int,
    ) -> None:
        self._adapter = adapter
        self._home = home
        self._loop = home.loop
        self._scope = scope
        self._fields = fields
        self.receive = receive
        self._send = send
        self._expects_continue = expects_continue
        self._limit = limit
        self._body: RequestBody | None = None
        self.gone = False
        self.was_reported = False  # as stuck
        # written by the worker
        self._response = WsgiResponse(scope.get("method", ""))
        self._chunks: deque[bytes] = deque()
        self._start: Message | None = None
        self._hints: deque[list[bytes]] | None = None
        self._put_size = 0
        self._ended = False
        self._error: BaseException | None = None
        self._done = False
        self._begun = 0  # the ident of the worker's thread
        self._blocked = False
        # The body has one of its own: an application may read in one thread and write in another.
        self._baton: Baton | None = None
        self._transfer: FileTransfer | None = None
        self._close_later: Callable[[], object] | None = None
        self._closing: list[Worker] | None = None
        self._view: ScopeView | None = None
        # written by the loop
        self._asleep = True
        self._is_complete = False
        self._is_started = False
        self._sent_size = 0
        self._file_in_use = False  # by the server or by a thread that reads it
        self._slot: Slot | None = None
        self._refused: Overloaded | None = None
        self._is_over = False
        self._timer: Cancellable | None = None
        self._context = contextvars.copy_context()
        self._receives_in = contextvars.copy_context()  # receive() may be a middleware's that has set variables
        self._tasks: RequestTasks | None = None

    def body(self) -> RequestBody:
        """Return the body, which most requests never need; from any thread."""
        # Whoever makes it and the loop do, each in this order:
        #
        #   make (one thread at a time)           loop
        #   1. make the body, and keep it         a. note what has come: the start was sent (_is_started), the client is
        #   2. tell it what has come                 gone (gone), the request is over (_is_over)
        #                                         b. tell the body, if it is there
        #
        # If b finds none, 1 comes after a, and 2 sees what a has noted. Both may tell it; it is told the same.
        if self._body is not None:
            return self._body
        adapter = self._adapter
        with adapter.makes_body:
            if self._body is not None:
                return self._body
            has_begun = self._is_started
            body = RequestBody(
                self.receive,
                self._loop,
                self._scope,
                self._receives_in,
                max_size=adapter.max_body_size,
                read_timeout=adapter.read_timeout,
                expects_continue=self._expects_continue and not has_begun,
                response_has_begun=has_begun,
                ahead=adapter.write_buffer,
            )
            body.on_disconnect = self.disconnected_in_loop
            self._body = body  # 1
        if self._is_started and not has_begun:  # 2
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.put(body.response_began_in_loop)
        if self.gone or self._is_over:
            body.gone = True
            body.on_disconnect = None
        return body

    # ---- the loop's side ---------------------------------------------------------------------------------------------

    async def respond_in_loop(self, read_ahead: ReadAhead | None) -> None:
        """Run the application for this request and send what it answers.

        read_ahead: what is to be received of the body before a worker thread is taken.

        Raises the application's error, an ApplicationError, or whatever ``send`` raised but an OSError.
        """
        home = self._home
        try:
            try:
                if read_ahead is not None:
                    home.enter_watched(self)
                    await read_ahead(self.body(), self._adapter.prefetch_size)
                if not self.gone:
                    home.enter(self)
                    self._slot = slot = self._loop.slot()
                    self._submit_in_loop()
                    await slot
                    chunks = self._chunks
                    if (
                        self._done
                        and self._ended
                        and len(chunks) <= 1
                        and not (self._is_started or self.gone or self._hints)
                    ):
                        # The ordinary answer, a start and one piece of a body: what _send_response_in_loop would do.
                        start = self._start
                        assert start is not None  # the worker writes it before the end
                        self._is_started = True
                        await self._send(start)
                        if self._body is not None:
                            self._body.response_began_in_loop()
                        if not self.gone:
                            self._is_complete = True
                            body = chunks.popleft() if chunks else b""
                            await self._send({"type": "http.response.body", "body": body, "more_body": False})
                    else:
                        await self._send_response_in_loop()
                    if self._refused is not None and not self.gone:
                        await self._refuse_in_loop(self._refused)
            except BaseException as failure:
                if not await self._has_settled_in_loop(failure):
                    raise
            finally:
                self._end_in_loop()
            outliving = None if self._view is None else self._view.outliving
            if outliving is not None and not outliving.is_forsaken:
                home.leave(self)  # its answer has ended
                await self._outlived_in_loop(outliving)
            error, self._error = self._error, None
            if error is not None:
                home.failed += 1
            elif self.gone and not self._is_complete:
                home.disconnected += 1
            else:
                home.completed += 1
        finally:
            home.leave(self)  # it has been counted: at no moment is it neither in flight nor ended
        if self._body is not None and self._body.pump_task is not None:
            await self._body.stopped_in_loop(_STOP_SECONDS)
        if error is not None:
            try:
                raise error
            finally:
                del error  # with the traceback it would be a cycle

    async def _has_settled_in_loop(self, failure: BaseException) -> bool:
        """Do what an error of ``respond_in_loop``'s asks for. Return whether that was all; if not, it was counted."""
        home = self._home
        if isinstance(failure, OSError):
            # From send() or receive(): the server says that its client is gone (specs/www.rst, "Disconnected Client").
            self.give_up_in_loop()
            return True
        if isinstance(failure, Overloaded):
            self._done = True
            await self._refuse_in_loop(failure)
            return True
        if isinstance(failure, GeneratorExit):
            # The loop was closed under this request; nothing can be awaited, and nobody is there to answer.
            self.abandon()
            return False
        self.give_up_in_loop()
        if isinstance(failure, Exception):
            # From send() or receive(): an error of the server's.
            home.failed += 1
            return False
        # Cancelled.
        home.disconnected += 1
        if self._view is not None and self._view.outliving is not None:
            await self._cancelled_in_loop(self._view.outliving)
        return False

    async def _outlived_in_loop(self, outliving: Outliving) -> None:
        """Wait for the end of an ASGI application behind ``AsgiToWsgi``, which goes on after its answer."""
        changes = self._changes_of(outliving)
        try:
            while outliving.may_end():
                await changes.wait(LOOK_UP_SECONDS)
        except GeneratorExit:
            raise  # the loop was closed: nothing can be awaited
        except BaseException:
            self._home.disconnected += 1
            await self._cancelled_in_loop(outliving)
            raise
        error, outliving.error = outliving.error, None
        self._error = self._error or error

    def _changes_of(self, outliving: Outliving) -> Changes:
        changes = Changes(self._loop)

        def tell_in_application_loop() -> None:
            with contextlib.suppress(RuntimeError):  # this loop is closed
                self._loop.put(changes.tell)

        outliving.begin_to_wait(tell_in_application_loop)
        return changes

    async def _cancelled_in_loop(self, outliving: Outliving) -> None:
        """Cancel an application behind ``AsgiToWsgi`` because its call was cancelled here; wait shortly for its end.

        trio lets nothing be awaited then.
        """
        changes = self._changes_of(outliving)
        outliving.cancel()
        if outliving.may_end():
            await changes.wait(_STOP_SECONDS)

    def _end_in_loop(self) -> None:
        if self._transfer is not None:
            self._finish_transfer()
        if self._timer is not None:
            self._timer.cancel()
        self._is_over = True
        if self._body is not None:
            self._body.stop_in_loop()
            if self._done:
                self._body.close()
        if self._view is not None and self._view.outliving is not None and (self.gone or not self._is_complete):
            self._view.outliving.is_forsaken = True

    async def _refuse_in_loop(self, reason: Overloaded) -> None:
        logger.warning("bridge: %s is answered 503: %s", self.describe(), reason)
        try:
            await refuse(self._send, self._scope, 503, "The server is busy.", retry_after=1)
        except OSError:
            self.give_up_in_loop()

    def _submit_in_loop(self) -> None:
        """Queue the request for a worker thread. Raises Overloaded."""
        adapter = self._adapter
        try:
            waits = adapter.workers.submit(self.run_in_worker, self._dropped)
        except BaseException:
            self._slot = None  # no worker has it
            raise
        if waits:
            self._home.stuck.waits_in_loop()
            if adapter.queue_timeout is not None:
                self._timer = self._loop.call_later(adapter.queue_timeout, self._queue_timeout_in_loop)

    def _queue_timeout_in_loop(self) -> None:
        adapter = self._adapter
        if not self._begun and not self.gone and adapter.workers.withdraw(self.run_in_worker):
            self._refused = Overloaded(f"no thread became free for {adapter.queue_timeout} seconds (queue_timeout)")
            self._done = True
            self._wake_in_loop()

    def _dropped(self, reason: BaseException | None) -> None:
        """Take note, in any thread, that a user's executor will never run this request."""
        if not self._begun and not self._done:
            if reason is None:
                self._refused = Overloaded("the executor did not run it")
            else:
                self._error = reason
            self._done = True
            self._wake_loop()

    async def _send_response_in_loop(self) -> None:
        chunks = self._chunks
        while True:
            # See the top of the file: the order of these reads matters.
            done = self._done
            ended = self._ended
            count = len(chunks)
            if self.gone:
                return
            if self._hints and not self._is_started:
                await self._send({"type": "http.response.early_hint", "links": self._hints.popleft()})
            elif not self._is_complete and (count or ended):
                await self._send_chunks_in_loop(count, ended)
            elif not self._is_complete and self._transfer is not None:
                await self._send_file_in_loop(self._transfer)
            elif done:
                return
            else:
                self._slot = self._loop.slot()
                self._asleep = True  # 1
                if self._has_news():  # 2
                    self._asleep = False
                    continue
                if self._is_started and not self._is_complete:
                    self._home.watch(self)
                    self.body().watch_in_loop()  # again: before the start it was too early if 100-continue is expected
                await self._slot  # 3

    def _has_news(self) -> bool:
        if self._done or self.gone:
            return True
        if self._is_complete:
            return False
        return bool(self._chunks or self._ended or self._transfer is not None or (self._hints and not self._is_started))

    async def _send_chunks_in_loop(self, count: int, ended: bool) -> None:
        """Send what is there of the body; the start before it, if that was not sent."""
        chunks = self._chunks
        if count == 1:
            body = chunks.popleft()
            count = 0
        elif count == 0:
            body = b""
        else:
            # The worker was faster than the client: neighbours go as one message.
            parts = []
            size = 0
            while count and size < self._limit:
                part = chunks.popleft()
                parts.append(part)
                size += len(part)
                count -= 1
            body = b"".join(parts)
        await self._send_start_in_loop()
        if self.gone:
            return
        last = ended and count == 0
        # Before the send: servers tell of a disconnect as soon as they have the last message, and that is no lost
        # client.
        self._is_complete = last
        await self._send({"type": "http.response.body", "body": body, "more_body": not last})
        self._sent_size += len(body)
        if self._blocked:
            self._wake_worker()

    async def _send_start_in_loop(self) -> None:
        if not self._is_started:
            start = self._start
            assert start is not None  # the worker writes it before the first chunk
            self._is_started = True
            await self._send(start)
            if self._body is not None:
                self._body.response_began_in_loop()

    async def _send_file_in_loop(self, transfer: FileTransfer) -> None:
        """Send a file; the worker thread is free meanwhile, and closes it after."""
        await self._send_start_in_loop()
        if self.gone:
            return  # and the file is closed, or about to be
        response = self._response
        extensions = self._scope.get("extensions") or {}
        short = response.remaining is not None and response.remaining > transfer.count
        if transfer.path is not None:
            self._file_in_use = True
            self._is_complete = True
            await self._send({"type": "http.response.pathsend", "path": transfer.path})
            transfer.count = 0
        elif "http.response.zerocopysend" in extensions:
            self._file_in_use = True
            self._is_complete = not short
            await self._send(
                {
                    "type": "http.response.zerocopysend",
                    "file": transfer.file,
                    "offset": transfer.offset,
                    "count": transfer.count,
                    "more_body": short,
                }
            )
            transfer.count = 0
        else:
            self._home.watch(self)
            self.body().watch_in_loop()
            await self._send_blocks_in_loop(transfer, short)
        if (short or transfer.count) and not self.gone and self._error is None:
            self._error = ApplicationError(
                f"the application declared {response.declared} bytes (Content-Length) for {request_line(self._scope)}, "
                "and its file is shorter",
                source='PEP 3333, "Handling the Content-Length Header"',
            )
        self._finish_transfer()

    async def _send_blocks_in_loop(self, transfer: FileTransfer, short: bool) -> None:
        files = self._adapter.files
        while transfer.count and not self.gone:
            self._file_in_use = True
            block = await self._read_block_in_loop(files, transfer)
            self._file_in_use = False
            if not block or self.gone:
                return
            last = not transfer.count and not short
            self._is_complete = last
            await self._send({"type": "http.response.body", "body": block, "more_body": not last})

    async def _read_block_in_loop(self, files: WorkerPool, transfer: FileTransfer) -> bytes:
        """Read a block in a thread for files: a disk may be slow, and the worker thread is serving others."""
        slot = self._loop.slot()
        outcome: list[bytes] = []

        def read_in_worker() -> None:
            try:
                outcome.append(transfer.read())
            except Exception as error:  # noqa: BLE001  raised to the server by the loop
                self._error = error
            try:
                self._loop.put(partial(end_wait, slot))
            except RuntimeError:
                self.gone = True

        try:
            files.submit(read_in_worker)
        except Overloaded as error:
            self._error = error
            return b""
        await slot
        return outcome[0] if outcome else b""

    def _finish_transfer(self) -> None:
        """Send the closing of the file to the thread that ran the application."""
        # The loop does this when the transfer ends. The worker does it if the request was given up just then:
        #
        #   loop                              worker
        #   1. gone                           a. note itself in _closing, then the transfer
        #   2. if there is a transfer: this   b. if gone: this
        #
        # One of them sees the other's first step. Both may; then the list's pop lets one of them through.
        self._transfer = None
        try:
            worker = self._closing.pop() if self._closing is not None else None
        except IndexError:
            worker = None
        if worker is None:
            self._wake_worker()
            return
        worker.pool.submit_to(worker, self._close_in_worker)

    def _go_on_in_loop(self) -> None:
        """Go on, within this call from the worker."""
        slot = self._slot
        assert slot is not None  # the worker was given the request after it was made
        self._loop.go_on(slot)

    def _wake_in_loop(self) -> None:
        end_wait(self._slot)

    def watch_in_loop(self) -> None:
        """Begin to listen for a disconnect."""
        self.body().watch_in_loop()

    def disconnected_in_loop(self) -> None:
        """Take note that the server said http.disconnect."""
        if not self._is_complete:
            self.give_up_in_loop()

    def give_up_in_loop(self) -> None:
        """End this request as soon as the application lets us: its client is gone, or its call was cancelled."""
        if self.gone:
            return
        self.gone = True
        try:
            self._tell_that_it_is_gone_in_loop()
        finally:
            self._wake_in_loop()  # nobody else does from now on: no error may keep this task waiting

    def _tell_that_it_is_gone_in_loop(self) -> None:
        if self._body is not None:
            self._body.give_up_in_loop()
        if self._tasks is not None:
            self._tasks.cancel_in_loop()
        self._wake_worker()
        if self._view is not None and self._view.outliving is not None:
            self._view.outliving.leave()
        if self._transfer is not None and not self._file_in_use:
            self._finish_transfer()  # the loop may be waiting in a send() that the server does not end
        if self._slot is None:  # no worker has it
            self._done = True
        elif not self._done:
            if not self._begun and self._adapter.workers.withdraw(self.run_in_worker):
                self._done = True
            else:
                stuck = self._home.stuck
                stuck.abandoned_in_loop(self)
                if self._is_done():  # the worker finished in between and had nothing to take back
                    stuck.came_back(self)

    def abort_in_loop(self) -> None:
        """End this request because the adapter was closed."""
        self._error = AdapterClosed(f"the adapter was closed while {request_line(self._scope)} was running")
        self.give_up_in_loop()

    def abandon(self) -> None:
        """Free the worker of a request whose loop was closed; from any thread."""
        self._lost()
        if self._tasks is not None:
            self._tasks.close()
        self._wake_worker()
        self._file_in_use = False
        if self._transfer is not None:
            self._finish_transfer()

    def _wake_worker(self) -> None:
        self._blocked = False
        if self._baton is not None:
            self._baton.wake()

    def _is_done(self) -> bool:
        return self._done

    @property
    def thread_id(self) -> int:
        """The ident of the thread that runs the application, 0 when none does."""
        return 0 if self._done else self._begun

    # ---- the worker's side -------------------------------------------------------------------------------------------

    def run_in_worker(self) -> None:
        """Run the application from its call to its ``close()``: the job of one worker thread."""
        self._begun = threading.get_ident()
        if not self.gone:
            context = self._context
            try:
                context.run(self._serve_in_worker, context)
            except BaseException as error:  # noqa: BLE001  raised to the server by the loop
                self._failed_in_worker(error)
                del error
        # Only this thread takes _close_later back, in a later job.
        if self._close_later is None:
            self._finish_in_worker()

    def _serve_in_worker(self, context: contextvars.Context) -> None:
        if len(context):
            take_over_context(context)
            forget_async_library()
        loop = self._loop
        tasks = self._tasks = RequestTasks() if loop.asyncio_loop is not None else None
        if tasks is not None and self.gone:
            tasks.give_up()  # the loop may have looked for the tasks just before they were there
        before = mark_worker(loop.asyncio_loop, loop.pid, tasks)
        try:
            # Any: what it returns may be anything, and is looked at.
            iterable: Any = self._adapter.app(self._environ(), self._start_response)
            if type(iterable) is list or type(iterable) is tuple:
                try:
                    self._put_whole_in_worker(iterable)  # and there is nothing to close
                except BaseException:
                    self._response.finish_writing()
                    raise
            else:
                self._answer_and_close_in_worker(iterable)
        finally:
            unmark_worker(before)

    def _answer_and_close_in_worker(self, iterable: Any) -> None:
        try:
            self._answer_in_worker(iterable)
        except BaseException:
            # PEP 3333, "The Application/Framework Side": close() is called also then. Of two errors the first is told.
            try:
                self._close_iterable_in_worker(iterable)
            except BaseException:
                logger.exception("bridge: close() failed after another error, for %s", self.describe())
            raise
        if self._close_later is None:
            self._close_iterable_in_worker(iterable)

    def _answer_in_worker(self, iterable: Any) -> None:
        if isinstance(iterable, FileWrapper) and self._put_file_in_worker(iterable):
            return
        try:
            chunks = iter(iterable)
        except TypeError as error:
            raise ApplicationError(
                f"the application returned an object of type {type(iterable).__name__}, not an iterable of bytes",
                source='PEP 3333, "Specification Details"',
            ) from error
        if self._view is not None and (self._view.outliving is not None or "wsgi.environ" in self._scope):
            self._limit = 1  # two adapters would hold chunks that neither the client nor the application expects
        for chunk in chunks:
            if self._put_chunk_in_worker(chunk):
                break
        if not self.gone:
            self._end_in_worker()

    def _close_iterable_in_worker(self, iterable: Any) -> None:
        self._response.finish_writing()
        self._learned()
        close = getattr(iterable, "close", None)
        if close is not None:
            close()

    def _environ(self) -> Environ:
        environ = super()._environ()
        scope = self._scope
        if "wsgi.environ" in scope and type(scope["wsgi.environ"]) is dict:
            scope["wsgi.environ"][CLOSES_LATE] = True
        environ["wsgi.input"] = Input(self._take_in_worker)
        environ["wsgi.multithread"] = self._adapter.multithread
        extensions = scope.get("extensions")
        if extensions and "http.response.early_hint" in extensions:
            environ["wsgi.early_hints"] = self._early_hints
        return environ

    def _take_in_worker(self) -> bytes:
        try:
            return self.body().take_in_worker()
        except ClientDisconnected:
            self._learned()
            raise

    def _learned(self) -> None:
        if self._tasks is not None:
            self._tasks.forgive()

    def is_gone(self) -> bool:
        """Tell whether the client has gone away, as far as the server has said: ``environ["bridge.disconnected"]``."""
        return self.gone

    def _early_hints(self, headers: Iterable[tuple[str, str]], /) -> None:
        """Send ``103 Early Hints`` with the Link fields among headers; nothing once the response has started."""
        links = early_hint_links(headers)
        if links and self._start is None and not self.gone:
            if self._hints is None:
                self._hints = deque(maxlen=_MAX_HINTS)
            self._hints.append(links)
            self._wake_loop()

    def _put_whole_in_worker(self, chunks: list[bytes] | tuple[bytes, ...]) -> None:
        """Hand on a body that is there as a whole: one message, unless it is longer than the limit."""
        response = self._response
        whole = response.whole(chunks)
        if whole is not None:
            self._put_start_in_worker()
            self._chunks.append(whole)
            self._ended = True
            return
        parts: list[bytes] = []
        size = 0
        for chunk in chunks:
            sendable = response.chunk(chunk)
            if sendable:
                parts.append(sendable)
                size += len(sendable)
                if size >= self._limit and len(parts) < len(chunks):
                    self._put_in_worker(b"".join(parts))
                    if self.gone:
                        return
                    parts = []
                    size = 0
        try:
            response.end()
        except ApplicationError:
            # Too short. If some of it was sent already, the client gets the rest of it before its connection breaks.
            if self._start is not None and parts:
                self._put_in_worker(b"".join(parts))
            raise
        self._put_start_in_worker()
        if parts:
            self._chunks.append(parts[0] if len(parts) == 1 else b"".join(parts))
        # The loop is woken by ``_finish_in_worker``, once for both: a list has no close() that it could wait for.
        self._ended = True

    def _put_chunk_in_worker(self, chunk: bytes) -> bool:
        """Hand on one chunk of the iterable. Return True if no further one is wanted."""
        if self.gone:
            return True
        response = self._response
        sendable = response.chunk(chunk)
        if sendable:
            self._put_in_worker(sendable)
            return self.gone
        # PEP 3333, "Handling the Content-Length Header": stop when enough was sent. The application is asked once more
        # after the last declared byte, so that code behind its last yield runs as it does under other servers.
        return bool(chunk)

    def _send_written(self, chunk: bytes) -> None:
        self._put_in_worker(chunk)

    def _put_in_worker(self, chunk: bytes) -> None:
        response = self._response
        if self._start is None:
            self._put_start_in_worker()
        self._chunks.append(chunk)
        self._put_size += len(chunk)
        if response.remaining == 0:
            # All that was declared is there: the response is whole for the client, whatever the application still does.
            self._ended = True
            self._wake_loop()
            return
        self._wake_loop()
        if self._put_size - self._sent_size > self._limit:
            self._wait_for_room_in_worker()

    def _put_start_in_worker(self) -> None:
        if self._start is not None:
            return
        if self._body is not None and self._body.too_large:
            raise self._body.too_large_error()
        response = self._response
        self._start = response.start_message()
        if response.dropped:
            self._adapter.dropped_headers(response.dropped)

    def _end_in_worker(self) -> None:
        response = self._response
        response.end()
        if not self._ended:
            self._put_start_in_worker()
            self._ended = True
            self._wake_loop()

    def _put_file_in_worker(self, wrapper: FileWrapper) -> bool:
        """Leave a plain file to the loop. Return False if it has to be read here."""
        response = self._response
        if not response.expects_body or self._put_size:
            return False
        extensions = self._scope.get("extensions") or ()
        transfer = plan_transfer(wrapper, response.remaining, extensions)
        if transfer is None or (self._body is not None and self._body.too_large):
            wrapper.block_size = max(wrapper.block_size, BLOCK_SIZE // 4)
            return False
        if not transfer.count or (transfer.count <= self._limit // 4 and OWN_TRANSFERS.isdisjoint(extensions)):
            # So short that it is cheaper to send it as any other body than to come back for closing it.
            wrapper.block_size = max(wrapper.block_size, transfer.count)
            return False
        self._put_start_in_worker()
        worker = current_worker()
        if worker is not None and worker.pool is self._adapter.workers:
            worker.pool.announce(worker)
            self._closing = [worker]
            self._close_later = wrapper.close
            self._transfer = transfer
            self._wake_loop()
            if self.gone:
                self._finish_transfer()
            return True
        self._transfer = transfer
        self._wake_loop()
        # A thread of a user's executor cannot be found again: it waits, to close the file itself.
        baton = self._baton = self._baton or Baton()
        while not self._transfer_is_over():
            if not baton.wait(LOOK_UP_SECONDS) and self._loop.is_closed():
                self.abandon()
        self._transfer = None
        return True

    def _transfer_is_over(self) -> bool:
        return self._transfer is None or (self.gone and not self._file_in_use)

    def _close_in_worker(self) -> None:
        """Close the file that the loop has sent: a job of its own, in the thread that ran the application."""
        context = self._context
        close, self._close_later = self._close_later, None
        self._response.finish_writing()
        self._learned()
        try:
            context.run(self._close_marked_in_worker, close)
        except BaseException as error:  # noqa: BLE001  raised to the server by the loop
            self._failed_in_worker(error)
        self._finish_in_worker()

    def _close_marked_in_worker(self, close: Callable[[], object] | None) -> None:
        loop = self._loop
        before = mark_worker(loop.asyncio_loop, loop.pid, self._tasks)
        try:
            if close is not None:
                close()
        finally:
            unmark_worker(before)

    def _failed_in_worker(self, error: BaseException) -> None:
        """Decide what becomes of an error of the application. Raises nothing, whatever the error's own methods do."""
        try:
            self._judge_in_worker(error)
        except Exception as failure:  # noqa: BLE001  str(error), a filter of a logger: the request has to end all the same
            self._error = ApplicationError(f"the application raised {type(error).__name__}, which cannot be told of")
            self._error.__cause__ = failure

    def _judge_in_worker(self, error: BaseException) -> None:
        if self._body is not None and self._body.too_large and self._start is None:
            self._start, refusal = refusal_messages(self._scope, 413, str(self._body.too_large_error()))
            self._chunks.append(refusal["body"])
            self._ended = True
            return
        if self.gone:
            if not isinstance(error, (ClientDisconnected, asyncio.CancelledError, GeneratorExit)):
                logger.warning(
                    "bridge: the application failed on %s after the client had gone", self.describe(), exc_info=error
                )
            return
        self._error = error_for_loop(error, self.describe())

    def _finish_in_worker(self) -> None:
        self._context = _NO_CONTEXT  # a value in it may lead back here
        self._done = True
        self._wake_loop()
        if self.gone:
            if self._body is not None:
                self._body.close()
            self._home.stuck.came_back(self)

    def _wake_loop(self) -> None:
        if self._asleep and not self.gone:  # whoever gave the request up has woken its task
            self._asleep = False
            try:
                self._loop.put(self._go_on_in_loop)
            except RuntimeError:
                # The loop was closed: nobody will send anything any more.
                self._lost()

    def _lost(self) -> None:
        """Take note that the loop was closed; from any thread."""
        self.gone = True
        if self._body is not None:
            self._body.gone = True

    def _wait_for_room_in_worker(self) -> None:
        baton = self._baton = self._baton or Baton()
        while True:
            self._blocked = True  # 1
            if self.gone or self._put_size - self._sent_size <= self._limit:  # 2
                self._blocked = False
                return
            if not baton.wait(LOOK_UP_SECONDS) and self._loop.is_closed():  # 3
                self.gone = True

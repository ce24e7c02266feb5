"""One request through ``WsgiToAsgi`` that a WSGI server's thread waits for: the application runs in that thread.

``AsgiToWsgi`` runs asgiref's thread-sensitive calls in the thread that its server called it in. A WSGI application is
as thread-sensitive as code can be: it was written for the thread, and the context, of its server. So where there is
such a thread it gets no worker, and runs there in steps: the call, each ``next()`` of the iterable, and its
``close()``. Between two steps the loop sends what the step gave, through whatever middleware stands between the
adapters. A chunk is made when the server asks for it, then, and ``close()`` runs within the server's own.

``wsgi.input`` is the server's own too, as long as nothing was read from it.

The steps follow one another, so the loop and the thread never write at the same time, but for what is said of
``_gone``.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from bridge._asgiref import RequestTasks, mark_worker, take_over_context, unmark_worker
from bridge._types import Environ, Scope, Send
from bridge.answering import Answering
from bridge.environ_views import ScopeView
from bridge.errors import AdapterClosed, ApplicationError, ClientDisconnected
from bridge.file_wrapper import BLOCK_SIZE, FileWrapper, plan_transfer
from bridge.input import Input
from bridge.translation.responses import WsgiResponse
from bridge.wsgi_request import error_for_loop

if TYPE_CHECKING:
    from bridge.asgi_request import AsgiRequest
    from bridge.in_flight import InFlight
    from bridge.wsgi_to_asgi import WsgiToAsgi

logger = logging.getLogger("bridge")

# What the server has put into its environ for the application, or has not: it is the server's thread.
_OF_SERVER = ("wsgi.input", "wsgi.input_terminated", "wsgi.early_hints", "wsgi.multithread")


class RequestInServingThread(Answering):
    """One request; ``respond_in_loop`` is awaited in the loop.

    server: the request of the outer adapter, which has agreed to serve this one.
    """

    # For InFlight. The thread is the server's, and none of bridge's.
    generation = 0
    was_reported = False
    thread_id = 0

    def __init__(
        self,
        adapter: WsgiToAsgi,
        home: InFlight,
        scope: Scope,
        fields: Environ,
        send: Send,
        server: AsgiRequest,
    ) -> None:
        self._adapter = adapter
        self._home = home
        self._scope = scope
        self._fields = fields
        self._send = send
        self._server = server
        # The application runs in the server's own context, where it would be without bridges: what it leaves there, its
        # server or a test client may look for. But if middleware between the adapters has set variables, it sees them.
        context = contextvars.copy_context()
        first = server.first_context
        is_changed = any(first.get(variable, first) is not context[variable] for variable in context)
        self._context: contextvars.Context | None = context if is_changed else None
        self._view: ScopeView | None = None
        self._response = WsgiResponse(scope.get("method", ""))
        self._iterable: Any = None
        self._iterator: Iterator[bytes] | None = None
        self._chunks: list[bytes] = []  # that the last step gave
        self._path: str | None = None  # of the file that is the body
        self._is_over = False  # nothing more is asked of the application but close()
        self._is_started = False
        self._is_complete = False
        self._error: BaseException | None = None
        self._task: asyncio.Task[Any] | None = None
        self._tasks = RequestTasks()
        self._gone = False  # may come at any time; both sides look at it between steps
        self._was_aborted = False

    # ---- the loop ----------------------------------------------------------------------------------------------------

    async def respond_in_loop(self) -> None:
        """Run the application for this request and send what it answers.

        Raises the application's error, an ApplicationError, or whatever ``send`` raised but an OSError.
        """
        home = self._home
        home.enter_watched(self)
        self._task = asyncio.current_task()
        try:
            await self._answer_and_close_in_loop()
        except asyncio.CancelledError:
            home.disconnected += 1
            raise
        except Exception:
            home.failed += 1
            raise
        else:
            if self._gone and not self._is_complete:
                home.disconnected += 1
            else:
                home.completed += 1
        finally:
            home.leave(self)  # it has been counted: at no moment is it neither in flight nor ended
            self._task = None

    async def _answer_and_close_in_loop(self) -> None:
        try:
            await self._answer_in_loop()
        except OSError:  # from send(): the client is gone
            self._give_up_in_loop()
        except asyncio.CancelledError:
            self._give_up_in_loop()
            if not self._was_aborted:
                raise
        except Exception:  # from send(): an error of the server's, or of what stands between
            self._give_up_in_loop()
            raise
        finally:
            try:
                await self._close_in_loop()
            finally:
                error, self._error = self._error, None
                self._server.wsgi_application_is_done_in_loop(error)
        if self._was_aborted:
            error = AdapterClosed(f"the adapter was closed while {self.describe()} was running")
        if error is not None:
            try:
                raise error
            finally:
                del error  # with the traceback it would be a cycle

    async def _answer_in_loop(self) -> None:
        await self._step_in_loop(self._call_in_thread)
        while True:
            if self._path is not None:
                await self._start_in_loop()
                self._is_complete = True
                await self._send({"type": "http.response.pathsend", "path": self._path})
                return
            if self._is_over or self._chunks:
                await self._send_chunks_in_loop()
            if self._is_over or self._gone or self._error is not None:
                return
            await self._step_in_loop(self._next_in_thread)

    async def _send_chunks_in_loop(self) -> None:
        body = b"".join(self._chunks)
        self._chunks = []
        await self._start_in_loop()
        self._is_complete = self._is_over
        await self._send({"type": "http.response.body", "body": body, "more_body": not self._is_over})

    async def _start_in_loop(self) -> None:
        if not self._is_started:
            self._is_started = True
            if self._response.dropped:
                self._adapter.dropped_headers(self._response.dropped)
            await self._send(self._response.start_message())

    async def _step_in_loop(self, run: Callable[[], None]) -> None:
        await asyncio.wrap_future(self._server.run_in_serving_thread(self._run_in_thread, run))

    async def _close_in_loop(self) -> None:
        """Run the iterable's ``close()``, whatever happens to this task meanwhile.

        Raises CancelledError after it if the task was cancelled.
        """
        self._response.finish_writing()
        if getattr(self._iterable, "close", None) is None:
            return
        server = self._server
        # A server that gets an answer whole closes it; where it gets none, it waits in this very request.
        submit = server.close_in_serving_thread if self._is_complete else server.run_in_serving_thread
        closing = asyncio.wrap_future(submit(self._run_in_thread, self._close_in_thread))
        cancelled: asyncio.CancelledError | None = None
        while not closing.done():
            try:
                await asyncio.shield(closing)
            except asyncio.CancelledError as error:
                self._give_up_in_loop()
                cancelled = error
        if cancelled is not None and not self._was_aborted:
            raise cancelled

    def _give_up_in_loop(self) -> None:
        """Let the application end as soon as it lets us: its client is gone, or its call was cancelled."""
        self._gone = True
        self._tasks.cancel_in_loop()

    def watch_in_loop(self) -> None:
        """Do nothing: ``send`` tells of a client that is gone."""

    def abort_in_loop(self) -> None:
        """End this request because the adapter was closed."""
        self._was_aborted = True
        if self._task is not None:
            self._task.cancel()

    def abandon(self) -> None:
        """Do nothing: the server's thread looks itself whether its loop has ended."""

    # ---- the serving thread ------------------------------------------------------------------------------------------

    def _run_in_thread(self, run: Callable[[], None]) -> None:
        if self._context is None:
            self._run_marked_in_thread(run)
        else:
            self._context.run(self._run_marked_in_thread, run)

    def _run_marked_in_thread(self, run: Callable[[], None]) -> None:
        if self._context is not None:
            take_over_context(self._context)
        before = mark_worker(self._home.loop.asyncio_loop, os.getpid(), self._tasks)
        try:
            run()
        except BaseException as error:  # noqa: BLE001  raised to the server by the loop
            self._failed_in_thread(error)
            del error
        finally:
            unmark_worker(before)

    def _call_in_thread(self) -> None:
        if self._gone:
            return
        self._iterable = iterable = self._adapter.app(self._environ(), self._start_response)
        if type(iterable) is list or type(iterable) is tuple:
            for chunk in iterable:
                self._take(chunk)
            self._end_in_thread()
            return
        if isinstance(iterable, FileWrapper) and self._plan_file_in_thread(iterable):
            return
        try:
            self._iterator = iter(iterable)
        except TypeError as error:
            raise ApplicationError(
                f"the application returned an object of type {type(iterable).__name__}, not an iterable of bytes",
                source='PEP 3333, "Specification Details"',
            ) from error
        self._next_in_thread()

    def _plan_file_in_thread(self, wrapper: FileWrapper) -> bool:
        """Leave a plain file to the server. Return False if it has to be read here."""
        response = self._response
        if response.expects_body:
            transfer = plan_transfer(wrapper, response.remaining, self._scope.get("extensions") or ())
            if transfer is not None and transfer.path is not None:
                self._path = transfer.path
                return True
        wrapper.block_size = max(wrapper.block_size, BLOCK_SIZE // 4)
        return False

    def _next_in_thread(self) -> None:
        assert self._iterator is not None
        if self._gone:
            return
        for chunk in self._iterator:
            if self._take(chunk):
                break
            if self._chunks:
                return
        self._end_in_thread()

    def _take(self, chunk: bytes) -> bool:
        """Take a chunk. Return whether the client gets no more of them: HEAD, 204, 304, or all that was declared."""
        sendable = self._response.chunk(chunk)
        if sendable:
            self._chunks.append(sendable)
        # The application is asked once more after the last declared byte, as in a worker.
        return not sendable and bool(chunk)

    def _end_in_thread(self) -> None:
        self._response.end()
        self._is_over = True

    def _close_in_thread(self) -> None:
        self._learned()
        close = getattr(self._iterable, "close", None)
        self._iterable = self._iterator = None
        if close is not None:
            close()

    def _environ(self) -> Environ:
        environ = super()._environ()
        outer: Environ = self._scope["wsgi.environ"]
        environ.pop("wsgi.input_terminated", None)
        environ.update((key, outer[key]) for key in _OF_SERVER if key in outer)
        if self._server.has_read:
            environ["wsgi.input"] = Input(self._server.read_in_serving_thread)
            environ["wsgi.input_terminated"] = True
        return environ

    def is_gone(self) -> bool:
        """Tell whether the client has gone away."""
        return self._gone

    def _learned(self) -> None:
        self._tasks.forgive()

    def _send_written(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        sent = asyncio.run_coroutine_threadsafe(self._send_chunks_in_loop(), self._asyncio_loop())
        self._server.write_in_serving_thread(sent)
        try:
            sent.result()
        except OSError:
            self._gone = True
            raise

    def _asyncio_loop(self) -> asyncio.AbstractEventLoop:
        loop = self._home.loop.asyncio_loop
        assert loop is not None  # the outer adapter's are asyncio's
        return loop

    def _failed_in_thread(self, error: BaseException) -> None:
        if self._gone:
            if not isinstance(error, (ClientDisconnected, asyncio.CancelledError, GeneratorExit)):
                logger.warning(
                    "bridge: the application failed on %s after the client had gone", self.describe(), exc_info=error
                )
        elif self._error is None:
            self._error = error_for_loop(error, self.describe())
        else:
            logger.error("bridge: close() failed after another error, for %s", self.describe(), exc_info=error)

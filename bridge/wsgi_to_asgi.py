"""``WsgiToAsgi``: a WSGI application as an ASGI application.

Here are the options and the router; one request is in ``wsgi_request``, its body in ``request_body``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
import weakref
from concurrent.futures import Executor
from types import TracebackType
from typing import Any, Literal, Self

from bridge._types import Message, Receive, Scope, Send, WSGIApplication
from bridge.asgi_request import AsgiRequest
from bridge.dropped_headers import DroppedHeaders
from bridge.errors import AdapterClosed, BadRequest, ServerError, UsageError
from bridge.handoff.executors import ExecutorWorkers
from bridge.handoff.loops import make_loop, running_loop_key
from bridge.handoff.workers import WorkerPool
from bridge.hooks import RequestHooks, ToldSend, check_hooks
from bridge.in_flight import InFlight
from bridge.in_servers_task import Hostable, HostingRequest
from bridge.in_serving_thread import RequestInServingThread
from bridge.lifespan import answer_lifespan
from bridge.refusals import refuse, refuse_websocket
from bridge.request_body import RequestBody, spool_type
from bridge.stats import Stats
from bridge.stuck import Request as Stuck
from bridge.translation.headers import framing, ordinary_environ_fields
from bridge.translation.requests import fields_from_scope, request_line
from bridge.wsgi_request import ReadAhead, WsgiRequest

logger = logging.getLogger("bridge")

# Threads that read files for servers that cannot send a file by themselves. They do nothing but read from disks.
_FILE_THREADS = 4

_THREADS = 40

_PAIRS = (list, tuple)

_adapters: weakref.WeakSet[WsgiToAsgi] = weakref.WeakSet()


class WsgiToAsgi:
    """A WSGI application as an ASGI application.

    Like running ``app`` under a threaded WSGI server whose sockets are those of the ASGI server that calls this
    object::

        from flask import Flask
        from bridge import WsgiToAsgi

        app = Flask(__name__)
        asgi = WsgiToAsgi(app)      # uvicorn module:asgi

    Where a WSGI server waits for the answer (``AsgiToWsgi`` around FastAPI around this), the application runs in that
    server's thread instead, as long as the options on threads and bodies are left as they are.

    It may be called from several event loops, of asyncio, uvloop and trio. ``close`` ends it for good; it may also be
    used as a context manager, with or without ``async``.

    app: the WSGI application (PEP 3333).
    threads: how many worker threads, and so how many requests run at once. Default 40, as many as Starlette and
        FastAPI give to their own synchronous endpoints. Threads start when they are needed and end after 30 seconds
        without work.
    executor: a ``concurrent.futures`` thread executor of yours to run requests in, instead of ``threads``; it is never
        shut down here. Default None.
    max_queued: how many requests may wait for a thread; beyond that the answer is 503. Default None: any number, since
        servers have limits of their own (uvicorn's ``--limit-concurrency``).
    queue_timeout: seconds that a request may wait for a thread before the answer is 503. Default None: any time.
    max_headers: how many header fields a request may have; beyond that the answer is 431. Default 1000: far above what
        browsers and proxies send (HTTP/2 counts each cookie), far below what servers let through.
    max_body_size: bytes that a request body may have; beyond that the answer is 413. Default None: the application's
        or the proxy's limit holds.
    body: ``"auto"`` (default) receives a body of a declared length up to ``prefetch_size`` before a thread is taken,
        so that slow clients hold no threads, and streams all others while the application reads; ``"stream"`` streams
        every body; ``"spool"`` receives every body whole first, in memory up to ``prefetch_size`` and in a temporary
        file beyond.
    prefetch_size: bytes; see body. Default 65,536.
    read_timeout: seconds that a read of ``wsgi.input`` waits for the client's next bytes before it raises
        ``ReadTimeout``. Default None: the server's own timeouts hold.
    write_buffer: bytes of a response that wait for a slow client before the application waits; also the size up to
        which neighbouring chunks go as one message. Default 131,072, two of the blocks in which most frameworks read
        files: one can be made while another is sent.
    mount: the path that the application is mounted at, SCRIPT_NAME, for servers and frameworks that do not tell it by
        ``root_path``. Default None: ``root_path`` is used.
    underscore_headers: pass on header fields with an underscore in their name. Default False: a client could otherwise
        imitate a field that a proxy sets (``X_Real_User`` for ``X-Real-User``).
    shutdown_grace: seconds that the server's shutdown waits for requests that are under way. Default 10.
    stuck_after: seconds after which a warning names the function in which an application keeps its thread, if its
        client has gone, or if other requests wait for a thread. Default 30.
    hooks: a RequestHooks of yours that is told of the start and the end of each request. Default None.

    Raises UsageError for an option that has no meaning.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        threads: int = _THREADS,
        executor: Executor | None = None,
        max_queued: int | None = None,
        queue_timeout: float | None = None,
        max_headers: int = 1000,
        max_body_size: int | None = None,
        body: Literal["auto", "stream", "spool"] = "auto",
        prefetch_size: int = 65_536,
        read_timeout: float | None = None,
        write_buffer: int = 131_072,
        mount: str | None = None,
        underscore_headers: bool = False,
        shutdown_grace: float = 10.0,
        stuck_after: float = 30.0,
        hooks: RequestHooks | None = None,
    ) -> None:
        if not callable(app):
            raise UsageError(f"app must be a WSGI application, a callable; {type(app).__name__} is none")
        if body not in ("auto", "stream", "spool"):
            raise UsageError(f'body must be "auto", "stream" or "spool", not {body!r}')
        for name, value, least in (
            ("write_buffer", write_buffer, 1),
            ("max_headers", max_headers, 1),
            ("prefetch_size", prefetch_size, 0),
            ("max_body_size", max_body_size, 0),
            ("queue_timeout", queue_timeout, 0),
            ("read_timeout", read_timeout, 0),
            ("shutdown_grace", shutdown_grace, 0),
            ("stuck_after", stuck_after, 0),
        ):
            if value is not None and not value >= least:
                raise UsageError(f"{name} must be at least {least}, not {value}")
        check_hooks(hooks)
        self.app = app
        self._hooks = hooks
        self.queue_timeout = queue_timeout
        self.mount = mount
        self.multithread = executor is not None or threads > 1
        self._underscore_headers = underscore_headers
        self._max_headers = max_headers
        self.max_body_size = max_body_size
        self._body = body
        if body == "spool" or read_timeout is not None:
            spool_type()  # which loads it now
        self.prefetch_size = prefetch_size
        self.read_timeout = read_timeout
        self.write_buffer = write_buffer
        self._shutdown_grace = shutdown_grace
        self._stuck_after = stuck_after
        self.workers: WorkerPool | ExecutorWorkers = (
            WorkerPool(threads, max_queued=max_queued)
            if executor is None
            else ExecutorWorkers(executor, max_queued=max_queued)
        )
        self.files = WorkerPool(_FILE_THREADS, name="bridge-files")
        # Whoever says how many threads or how much of a body has thought of workers.
        self._leaves_threads_to_bridge = (
            executor is None
            and threads == _THREADS
            and max_queued is queue_timeout is max_body_size is read_timeout is None
            and body == "auto"
        )
        # An application itself must not be asked what it is (PEP 3333, "Application Objects").
        self._inner = app if isinstance(app, Hostable) and self._leaves_threads_to_bridge else None
        self._closed = False
        self.dropped_headers = DroppedHeaders().tell
        self._ended = [0, 0, 0]  # completed, failed, disconnected on loops that have ended
        self._forget()
        _adapters.add(self)

    def _forget(self) -> None:
        self._homes: dict[object, InFlight] = {}
        if isinstance(self.workers, ExecutorWorkers):
            self.workers.forget()
        self._abandoned: dict[Stuck, float] = {}  # requests that run for nobody, with the time
        self.makes_body = threading.RLock()  # whoever makes a request's body holds it

    # ---- the application ---------------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope, as an ASGI application.

        Raises what the WSGI application raised, or an ApplicationError if it broke PEP 3333; AdapterClosed after
        ``close``; ServerError for a scope that ASGI does not know.
        """
        if scope["type"] != "http" or self._closed:
            await self._serve_no_request(scope, receive, send)
            return
        if self._hooks is not None and type(send) is not ToldSend:
            await self._serve_and_tell(self._hooks, scope, receive, send)
            return
        # What _home would find, without a call: a loop of asyncio's kind runs, unless trio runs on top of it.
        home = None if "trio" in sys.modules else self._homes.get(asyncio.get_running_loop())
        if home is None:
            home = self._home()
        headers: Any = scope.get("headers")
        if type(headers) is not list or (headers and type(headers[0]) not in _PAIRS):
            # Iterators give their items once, and these are asked for several times.
            try:
                headers = [tuple(pair) for pair in headers or ()]
            except TypeError as error:
                raise ServerError(f"the server gave headers that are no pairs: {request_line(scope)}") from error
            scope = {**scope, "headers": headers}
        declared: int | None = None
        expects_continue = False
        try:
            if len(headers) > self._max_headers:
                raise BadRequest(f"the request has more than {self._max_headers} header fields", 431)
            fields = ordinary_environ_fields(headers) or fields_from_scope(
                scope, headers, underscores=self._underscore_headers
            )
            if "CONTENT_LENGTH" in fields or "HTTP_EXPECT" in fields:
                declared, expects_continue = framing(fields)
                if self.max_body_size is not None and declared is not None and declared > self.max_body_size:
                    raise BadRequest(f"the body may have {self.max_body_size} bytes at most", 413)
        except BadRequest as error:
            await self._refuse(scope, send, error, home)
            return
        server = self._server_with_thread(scope, receive) if "wsgi.environ" in scope else None
        if server is not None:
            await RequestInServingThread(self, home, scope, fields, send, server).respond_in_loop()
            return
        if self._inner is not None and self._inner.may_run_in_servers_task():
            await HostingRequest(self, home, scope, fields, receive, send, expects_continue, 1).respond_in_loop()
            return
        read_ahead: ReadAhead | None = None
        if declared and self._body == "auto":
            if declared <= self.prefetch_size and not expects_continue:
                read_ahead = RequestBody.prefetch_in_loop
        elif self._body == "spool":
            read_ahead = RequestBody.spool_in_loop
        request = WsgiRequest(self, home, scope, fields, receive, send, expects_continue, self.write_buffer)
        await request.respond_in_loop(read_ahead)

    async def _serve_and_tell(self, hooks: RequestHooks, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request and tell hooks of its start and its end."""
        told = ToldSend(hooks, scope, send)
        try:
            await self(scope, receive, told)
        except BaseException as error:
            told.end(error)
            raise
        told.end(None)

    async def _serve_no_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what is no HTTP request, or comes too late."""
        kind = scope["type"]
        if self._closed:
            raise AdapterClosed(f"this adapter was closed before {kind} {scope.get('path', '')!r}; make a new one")
        if kind == "lifespan":
            home = self._home()
            inner = self._inner
            if inner is not None and inner.takes_servers_lifespan and inner.may_run_in_servers_task():
                await self._pass_lifespan_on(inner, home, scope, receive, send)
                return
            await answer_lifespan(receive, send, lambda: self._shut_down(home))
        elif kind == "websocket":
            await receive()  # websocket.connect
            await refuse_websocket(send, scope)
        else:
            raise ServerError(f"the server called with a scope of type {kind!r}; WsgiToAsgi serves http and lifespan")

    @staticmethod
    async def _refuse(scope: Scope, send: Send, reason: BadRequest, home: InFlight) -> None:
        try:
            await refuse(send, scope, reason.status, str(reason))
        except OSError:
            home.disconnected += 1
        else:
            home.completed += 1

    async def _pass_lifespan_on(
        self, inner: Hostable, home: InFlight, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Let an application that runs in the server's tasks have the server's lifespan, too."""

        async def receive_in_order() -> Message:
            message: Message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self._shut_down(home)
            return message

        await inner.app(scope, receive_in_order, send)

    def _server_with_thread(self, scope: Scope, receive: Receive) -> AsgiRequest | None:
        """Return the request of ``AsgiToWsgi`` that this one is part of, if its thread can run the application.

        It can if nobody between the two adapters has a hand in the body, and if no option asks for something else.
        """
        request = getattr(receive, "__self__", None)
        if (
            type(request) is not AsgiRequest
            or not self._leaves_threads_to_bridge
            or type(scope["wsgi.environ"]) is not dict
            or not request.serve_wsgi_in_loop()
        ):
            return None
        return request

    def _home(self) -> InFlight:
        """Return this adapter's requests on the running loop."""
        key, trio = running_loop_key()
        home = self._homes.get(key)
        if home is None:
            self._drop_closed_loops()
            home = self._homes[key] = InFlight(
                make_loop(key, trio),
                stuck_after=self._stuck_after,
                abandoned=self._abandoned,
                queued=lambda: self.workers.counts()[2],
            )
        return home

    # ---- the end -----------------------------------------------------------------------------------------------------

    async def _shut_down(self, home: InFlight) -> None:
        """End one loop's part; the threads end with the last loop, and start again if a request comes after all."""
        await home.drain(self._shutdown_grace)
        for key, other in list(self._homes.items()):
            # One whose requests outlast the grace is still to be found by close(); it goes when its loop is closed.
            if other is home and not home:
                self._drop(key)
        if all(other is home for other in self._homes.values()):
            self._retire_threads()

    def _drop(self, key: object) -> None:
        home = self._homes.pop(key, None)
        if home is not None:
            self._ended[0] += home.completed
            self._ended[1] += home.failed
            self._ended[2] += home.disconnected

    def _drop_closed_loops(self) -> None:
        for key, home in list(self._homes.items()):
            if home.loop.is_closed():
                self._drop(key)
                home.abandon()

    def _retire_threads(self) -> None:
        self.workers.retire()
        self.files.retire()

    def close(self) -> None:
        """End this adapter: requests under way end with AdapterClosed, threads end, further calls raise AdapterClosed.

        May be called from any thread, and more than once. It waits for nothing: ``async with`` lets requests end first.
        A request that waits for its client just then, in ``receive()`` or ``send()``, ends when the server lets it.
        """
        self._closed = True
        self._drop_closed_loops()
        for home in list(self._homes.values()):
            with contextlib.suppress(RuntimeError):  # closed just now: its workers look up, see it, and end
                home.loop.put(home.abort)
        self._retire_threads()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        home = self._homes.get(running_loop_key()[0])
        if home is not None:
            await home.drain(self._shutdown_grace)
        self.close()

    def stats(self) -> Stats:
        """Return what this adapter is doing and has done, in this process; from any thread."""
        homes = list(self._homes.values())
        threads, busy, queued = self.workers.counts()
        return Stats(
            threads=threads,
            busy=busy,
            stuck=len(self._abandoned),
            queued=queued,
            in_flight=sum(len(home) for home in homes),
            completed=self._ended[0] + sum(home.completed for home in homes),
            failed=self._ended[1] + sum(home.failed for home in homes),
            disconnected=self._ended[2] + sum(home.disconnected for home in homes),
        )


def _forget_in_child() -> None:
    # The requests under way are the parent's, and so are its loops: the child serves none of them.
    for adapter in list(_adapters):
        adapter._forget()  # noqa: SLF001


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)

"""``AsgiToWsgi``: an ASGI application as a WSGI application.

Here are the options and the router; what there is for each process is in ``asgi_home``, one request in
``asgi_request``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import weakref
from collections.abc import Iterable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Literal, Self

from bridge._types import ASGIApplication, Environ, StartResponse
from bridge.asgi_home import Home, Options
from bridge.asgi_request import AsgiRequest
from bridge.dropped_headers import DroppedHeaders
from bridge.environ_views import ScopeView
from bridge.errors import AdapterClosed, ApplicationError, Overloaded, UsageError
from bridge.handoff.loop_thread import LoopFactory, lock_at_first_use
from bridge.hooks import RequestHooks, Told, check_hooks, told_of_environ
from bridge.in_servers_task import Hostable, RequestInServersTask, Tally
from bridge.refusals import refuse_in_wsgi
from bridge.stats import Stats
from bridge.wsgi_to_asgi import WsgiToAsgi

logger = logging.getLogger("bridge")

_adapters: weakref.WeakSet[AsgiToWsgi] = weakref.WeakSet()


class AsgiToWsgi(Hostable):
    """An ASGI application as a WSGI application.

    The application runs on an event loop in a thread of its own, one for all adapters of a process, which starts at the
    first request; so the adapter may be made before a server forks::

        from fastapi import FastAPI
        from bridge import AsgiToWsgi

        app = FastAPI()
        wsgi = AsgiToWsgi(app)      # gunicorn module:wsgi

    ``start`` begins before the first request, ``close`` ends for good; the adapter may also be used as a context
    manager, which closes it.

    app: the ASGI application (version 3, one callable).
    lifespan: ``"auto"`` (default) runs the application's startup before the first request of each process, and its
        shutdown at the end of it, and serves an application without a lifespan as it is; ``"on"`` takes an application
        that does not answer the startup for one that failed to start; ``"off"`` runs neither.
    loop: a running asyncio loop of yours to run the application on. It has to run in another thread than those that
        serve requests, and to go on until ``close``. Default None: a loop of bridge's.
    loop_factory: makes the loop of bridge's, such as ``uvloop.new_event_loop``. Adapters with the same factory share a
        loop. Default None: asyncio's own.
    startup_timeout: seconds after which requests are answered 503 while the startup goes on. Default 30, as long as
        gunicorn lets a worker be silent.
    startup_retry: seconds after a failed startup before the next request tries again; until then requests are answered
        500. Default 5.
    disconnect_grace: seconds between ``http.disconnect`` and the cancellation of an application whose client went away
        before it was answered whole; None: it is never cancelled. Default 2.
    shutdown_grace: seconds that ``close`` waits for requests and background work under way, and as many for the
        application's shutdown. Default 10. When the process ends only background work and the shutdown are waited for:
        requests have no server any more.
    prefetch_size: bytes; a request body of a declared length up to this is read before the application runs. Default
        65,536.
    write_buffer: bytes of a response that wait for a slow client before the application's ``send`` waits. Default
        131,072, two of the blocks in which most frameworks read files: one can be made while another is sent.
    hooks: a RequestHooks of yours that is told of the start and the end of each request. Default None.

    Raises UsageError for an option that has no meaning.
    """

    def __init__(
        self,
        app: ASGIApplication,
        *,
        lifespan: Literal["auto", "on", "off"] = "auto",
        loop: asyncio.AbstractEventLoop | None = None,
        loop_factory: LoopFactory | None = None,
        startup_timeout: float = 30.0,
        startup_retry: float = 5.0,
        disconnect_grace: float | None = 2.0,
        shutdown_grace: float = 10.0,
        prefetch_size: int = 65_536,
        write_buffer: int = 131_072,
        hooks: RequestHooks | None = None,
    ) -> None:
        if not callable(app):
            raise UsageError(f"app must be an ASGI application, a callable; {type(app).__name__} is none")
        if lifespan not in ("auto", "on", "off"):
            raise UsageError(f'lifespan must be "auto", "on" or "off", not {lifespan!r}')
        if loop is not None and loop_factory is not None:
            raise UsageError("give loop= or loop_factory=, not both: a loop that runs needs no factory")
        for name, value, least in (
            ("startup_timeout", startup_timeout, 0),
            ("startup_retry", startup_retry, 0),
            ("disconnect_grace", disconnect_grace, 0),
            ("shutdown_grace", shutdown_grace, 0),
            ("prefetch_size", prefetch_size, 0),
            ("write_buffer", write_buffer, 1),
        ):
            if (value is None and name != "disconnect_grace") or (value is not None and not value >= least):
                raise UsageError(f"{name} must be at least {least}, not {value}")
        check_hooks(hooks)
        self.app = app
        self._hooks = hooks
        self._options = Options(
            app=app,
            lifespan=lifespan,
            loop=loop,
            loop_factory=loop_factory,
            startup_timeout=startup_timeout,
            startup_retry=startup_retry,
            disconnect_grace=disconnect_grace,
            shutdown_grace=shutdown_grace,
            # A WSGI application runs in the server's thread, and reads there for itself.
            prefetch_size=0 if isinstance(app, WsgiToAsgi) else prefetch_size,
            write_buffer=write_buffer,
            dropped_headers=DroppedHeaders().tell,
        )
        self._closed = False
        self._loop_pid = os.getpid()  # of a loop of the user's
        self._forget()
        _adapters.add(self)

    def _forget(self) -> None:
        """Begin anew in a child of a fork: what the parent has is the parent's."""
        self.__dict__.pop("_lock", None)
        self._home: Home | None = None
        self._ended = [0, 0, 0]  # completed, failed, disconnected on loops that have ended
        self._hosted = Tally()

    @property
    def _mutex(self) -> AbstractContextManager[bool]:
        # Reentrant: the handler of a signal may close the adapter in the thread that just starts it.
        return lock_at_first_use(self)

    # ---- the application ---------------------------------------------------------------------------------------------

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request, as a WSGI application.

        Raises what the ASGI application raised before its answer began, or an ApplicationError if it broke ASGI;
        AdapterClosed after ``close``; UsageError in the loop's own thread, which the application needs, and if a loop
        of yours does not run; ServerError for an environ that is none.
        """
        home = self._home
        view = environ.get("asgi.scope")
        # Looked at for None first: the check of a mapping's type is slow, and most environs have none.
        if (
            view is not None
            and isinstance(view, ScopeView)
            and view.host is not None
            and view.host.hosts(self)
            and not self._closed
        ):
            request = RequestInServersTask(
                self.app,
                environ,
                view.mapping,
                view.host,
                self._hosted,
                self._options.dropped_headers,
                self._told(environ),
            )
            return request.respond(start_response)
        if home is None or self._closed or not home.is_ready or home.pid != os.getpid() or not home.has_loop():
            try:
                home = self._ready_home()
            except (Overloaded, RuntimeError) as error:
                if isinstance(error, UsageError):
                    raise
                return self._refuse(environ, start_response, 503, error)
            except ApplicationError as error:
                return self._refuse(environ, start_response, 500, error)
        if home.is_in_loop():
            raise self._in_loop_error("called")
        told = None if self._hooks is None else self._told(environ)
        return AsgiRequest(home, environ, self, told).respond(start_response)

    def _told(self, environ: Environ) -> Told | None:
        return None if self._hooks is None else told_of_environ(self._hooks, environ)

    def may_run_in_servers_task(self) -> bool:
        # Not once it has been started on a loop of the bridge's, nor if the user has thought of a loop.
        options = self._options
        return self._home is None and not self._closed and options.loop is None and options.loop_factory is None

    @property
    def takes_servers_lifespan(self) -> bool:
        return self._options.lifespan != "off"

    def _refuse(
        self, environ: Environ, start_response: StartResponse, status: int, error: Exception
    ) -> Iterable[bytes]:
        """Answer a request that does not reach the application; the log tells why."""
        method, path = environ.get("REQUEST_METHOD"), environ.get("PATH_INFO")
        logger.error("bridge: %s %r is answered %d: %s", method, path, status, error)
        told = self._told(environ)
        if told is not None:
            told.end("completed", status=status)
        reason = "The server is not ready." if status == 503 else "The application failed to start."
        return refuse_in_wsgi(start_response, method, status, reason, retry_after=1 if status == 503 else None)

    @staticmethod
    def _in_loop_error(what: str) -> UsageError:
        return UsageError(
            f"AsgiToWsgi was {what} in the thread of the event loop that its application needs, which would wait for "
            "itself: use another thread (asyncio.to_thread), or call the ASGI application itself"
        )

    def _ready_home(self) -> Home:
        """Return what this process has, with its application started."""
        home = self._home
        if home is not None and home.pid != os.getpid():
            self._forget()  # forked by a server in C, without Python's knowing
        with self._mutex:
            home = self._home
            if self._closed:
                raise AdapterClosed("this adapter was closed; make a new one")
            if home is not None and not home.has_loop() and self._options.loop is None:
                self._drop(home)
                home = None
            if home is None:
                self._check_loop_of_user()
                home = Home(self._options)
                if self._closed:  # meanwhile, in this thread
                    home.end()
                    raise AdapterClosed("this adapter was closed while it started")
                self._home = home
            home.check_loop()
        if home.is_in_loop():
            raise self._in_loop_error("called")
        if not home.is_ready:
            home.make_ready()
        return home

    def _check_loop_of_user(self) -> None:
        if self._options.loop is not None and self._loop_pid != os.getpid():
            raise UsageError(
                "the event loop that AsgiToWsgi was given (loop=) is the parent process's, and does not run in this "
                "one: make the adapter after the fork, or leave loop= out for a loop of bridge's own in each process"
            )

    def _drop(self, home: Home) -> None:
        """Let go of a home whose loop has ended."""
        self._home = None
        home.forget()
        self._ended[0] += home.completed
        self._ended[1] += home.failed
        self._ended[2] += home.disconnected

    # ---- the start and the end ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the loop, and run the application's startup, now instead of at the first request.

        Not before a server forks: a child starts for itself.

        Raises ApplicationError if the startup fails, Overloaded if it takes longer than ``startup_timeout``,
        AdapterClosed after ``close``.
        """
        self._ready_home()

    def close(self) -> None:
        """End this adapter: requests under way may end within ``shutdown_grace``, then the application's shutdown runs.

        May be called from any thread but the loop's, and more than once. Further requests raise AdapterClosed.

        Raises UsageError in the loop's own thread.
        """
        home = self._home
        if home is not None and home.pid == os.getpid() and home.is_in_loop():
            raise self._in_loop_error("closed")
        self._closed = True
        with self._mutex:
            home = self._home
        if home is None or home.pid != os.getpid():
            return
        home.end()
        with self._mutex:
            if self._home is home:
                self._drop(home)

    def __del__(self) -> None:
        # One that was made for a single request, say: its application is shut down, and nobody waits for that.
        home = getattr(self, "_home", None)
        if home is not None and home.pid == os.getpid():
            home.end_unattended()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.close()

    def stats(self) -> Stats:
        """Return what this adapter is doing and has done, in this process; from any thread."""
        home = self._home
        in_flight, background = self._hosted.running()
        completed, failed, disconnected = map(sum, zip(self._ended, self._hosted.ended(), strict=True))
        if home is None or home.pid != os.getpid():
            return Stats(0, 0, 0, 0, in_flight, completed, failed, disconnected, background)
        threads, busy, queued = home.pool.counts()
        requests = home.requests()
        answered = sum(request.is_answered for request in requests)
        return Stats(
            threads=threads + home.has_own_thread,
            busy=busy,
            stuck=sum(request.is_stuck for request in requests),
            queued=queued,
            in_flight=in_flight + len(requests) - answered,
            completed=completed + home.completed,
            failed=failed + home.failed,
            disconnected=disconnected + home.disconnected,
            background=background + answered,
        )


def _forget_in_child() -> None:
    # The requests under way are the parent's, and so is the loop.
    for adapter in list(_adapters):
        adapter._forget()  # noqa: SLF001


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)

"""gunicorn, for ``serve --wsgi gunicorn``: an arbiter and one worker with threads.

Without ``--reload`` the application is loaded in the arbiter's process, so that what is wrong with it ends the command.
With it the worker loads the application, and a new worker does so anew when one of its files has changed.
"""

from __future__ import annotations

import functools
import signal
import socket
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bridge import AsgiToWsgi
from bridge._types import Environ, StartResponse, WSGIApplication
from bridge.cli.errors import CommandError, report_until_changed

Made = tuple[WSGIApplication, AsgiToWsgi | None]


def on_gunicorn(made: Made, listener: socket.socket, *, threads: int, log_level: str, grace: int) -> int:
    """Serve until SIGINT or SIGTERM, and end the adapter in each worker."""
    application, adapter = made
    settings = _settings(listener, threads, log_level, grace)
    if adapter is not None:

        def start(worker: Any) -> None:
            _end_by_one_signal(worker)
            adapter.start()

        settings["post_worker_init"] = start
        settings["worker_exit"] = lambda _arbiter, _worker: adapter.close()
    return _run(lambda: application, settings)


def reloading_on_gunicorn(
    make: Callable[[], Made], listener: socket.socket, *, threads: int, log_level: str, grace: int
) -> int:
    """Serve what ``make`` returns, called in each new worker.

    An application that cannot be loaded is answered 500 until a file has changed.
    """
    adapters: list[AsgiToWsgi] = []
    workers: list[Any] = []

    def load() -> WSGIApplication:
        try:
            application, adapter = make()
        except CommandError as error:
            report_until_changed(error)
            for path in _files_of(error):
                workers[-1].reloader.add_extra_file(path)
            return _not_loaded
        if adapter is not None:
            adapters.append(adapter)
        return application

    def end_adapters(_arbiter: Any, _worker: Any) -> None:
        for adapter in adapters:
            adapter.close()

    settings = _settings(listener, threads, log_level, grace)
    shorten_grace = settings["post_fork"]

    def post_fork(arbiter: Any, worker: Any) -> None:
        workers.append(worker)
        shorten_grace(arbiter, worker)

    # It watches each file that was imported. Its other way to watch looks at whole folders, and not by itself.
    changed = {"reload": True, "reload_engine": "poll", "post_fork": post_fork, "worker_exit": end_adapters}
    return _run(load, settings | changed)


def _settings(listener: socket.socket, threads: int, log_level: str, grace: int) -> dict[str, Any]:
    def shorten_grace(_arbiter: Any, worker: Any) -> None:
        # Before the arbiter kills it, a worker has to wait for its requests and then for the adapter.
        worker.cfg.set("graceful_timeout", grace)

    return {
        "bind": f"fd://{listener.detach()}",  # the arbiter closes it
        "worker_class": "gthread",
        "threads": threads,
        "loglevel": log_level,
        "graceful_timeout": 3 * grace,
        "post_fork": shorten_grace,
        "post_worker_init": _end_by_one_signal,
        "control_socket_disable": True,  # it would be in the user's home directory
    }


def _end_by_one_signal(worker: Any) -> None:
    """Let a worker end at Ctrl-C without waiting for a lock.

    1. The worker's thread hands a request to the thread pool, and has the pool's lock.
    2. Ctrl-C reaches the arbiter, which sends SIGQUIT.
    3. The threaded worker's handler runs in the same thread and shuts the pool down, for which it waits for that lock:
       for ever, until the arbiter kills it, without the lifespan's shutdown.

    The handler of all kinds of workers leaves the pool to the interpreter's exit. Ctrl-C reaches the worker as well,
    where a second signal would cut its end short.
    """
    from gunicorn.workers.base import Worker  # noqa: PLC0415  an extra: only this server needs it

    signal.signal(signal.SIGQUIT, functools.partial(Worker.handle_quit, worker))
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(load: Callable[[], WSGIApplication], settings: dict[str, Any]) -> int:
    from gunicorn.app.base import BaseApplication  # noqa: PLC0415  as above
    from gunicorn.glogging import Logger  # noqa: PLC0415  as above

    class RootLogger(Logger):  # type: ignore[misc]  # it has no hints
        """Hands gunicorn's records on to the root logger, in place of a handler and a format of its own."""

        def setup(self, cfg: Any) -> None:
            super().setup(cfg)
            self.error_log.handlers.clear()
            self.error_log.propagate = True

    class Site(BaseApplication):  # type: ignore[misc]  # as above
        def load_config(self) -> None:
            self.cfg.set("logger_class", RootLogger)
            for name in settings.keys() & self.cfg.settings.keys():
                self.cfg.set(name, settings[name])

        def load(self) -> Any:
            return load()

    try:
        Site().run()
    except SystemExit as end:  # how it ends, in its workers too
        return end.code if isinstance(end.code, int) else 0
    return 0


def _not_loaded(_environ: Environ, start_response: StartResponse) -> list[bytes]:
    start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
    return [b"The application could not be loaded. The server's log says why.\n"]


def _files_of(error: CommandError) -> Iterator[str]:
    """The files of which a change may heal an error: a module that was not imported is not watched otherwise."""
    yield str(Path.cwd())  # whose time changes when a module is created there
    cause = error.__cause__
    if cause is not None:
        yield from (frame.filename for frame in traceback.extract_tb(cause.__traceback__))
    if isinstance(cause, SyntaxError) and cause.filename is not None:
        yield cause.filename

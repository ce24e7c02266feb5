"""The WSGI servers that ``serve --wsgi`` runs: each a function that serves until SIGINT or SIGTERM.

An adapter that is given ends with the server: its requests have ``STOP_GRACE`` seconds, then the lifespan's shutdown
runs.
"""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bridge import AsgiToWsgi
from bridge._types import WSGIApplication
from bridge.cli.threaded_server import ThreadedServer

# Seconds that running requests have to end once the server is told to stop; a guess at how long a user waits. Without a
# limit one client of an endless stream would keep Ctrl-C from working.
STOP_GRACE = 3

# Seconds in which the last bytes of answers go out once the adapter has ended.
_LAST_WRITES = 1

Run = Callable[[WSGIApplication, socket.socket, int, AsgiToWsgi | None], int]


@contextmanager
def _until_stopped() -> Iterator[None]:
    """Run the block until SIGINT or SIGTERM, either of which is the ordinary way to end it."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)


def _on_wsgiref(application: WSGIApplication, listener: socket.socket, threads: int, adapter: AsgiToWsgi | None) -> int:
    server = ThreadedServer(listener, application, threads)
    with _until_stopped():
        server.serve_forever()
    server.take_no_more()
    server.server_close()
    if adapter is None:
        server.wait_for_requests(STOP_GRACE)
    else:
        adapter.close()
        server.wait_for_requests(_LAST_WRITES)
    return 0


def _on_waitress(
    application: WSGIApplication, listener: socket.socket, threads: int, adapter: AsgiToWsgi | None
) -> int:
    from waitress import wasyncore  # noqa: PLC0415  an extra: only this server needs it
    from waitress.server import create_server  # noqa: PLC0415  as above

    # The look-ahead lets it see a client that leaves while the application runs.
    server: Any = create_server(application, sockets=[listener], threads=threads, channel_request_lookahead=1)
    # In a thread, so that it goes on writing answers while the requests under way come to their end.
    serving = threading.Thread(target=server.run, name="waitress", daemon=True)

    def stop_listening() -> None:
        wasyncore.dispatcher.close(server)  # its own close() takes the wake-ups of the requests under way as well

    def close_when_written() -> None:
        for channel in [*server.active_channels.values()]:
            channel.close_when_flushed = True

    def run_in_its_thread(call: Callable[[], None]) -> None:
        done = threading.Event()
        server.trigger.pull_trigger(call)
        server.trigger.pull_trigger(done.set)
        done.wait(_LAST_WRITES)

    with _until_stopped():
        serving.start()
        while serving.is_alive():
            serving.join(1.0)
    # Before the process closes the listener: its thread would fail, and say so, if it waited for a closed one.
    run_in_its_thread(stop_listening)
    if adapter is None:
        server.task_dispatcher.shutdown(timeout=STOP_GRACE)
    else:
        adapter.close()
        server.task_dispatcher.shutdown(timeout=_LAST_WRITES)
    run_in_its_thread(close_when_written)
    until = time.monotonic() + _LAST_WRITES
    while server.active_channels and time.monotonic() < until:
        time.sleep(0.01)
    return 0


WSGI_SERVERS: dict[str, Run] = {"wsgiref": _on_wsgiref, "waitress": _on_waitress}
"""Those that run in this process; ``gunicorn_server`` has the one that does not."""

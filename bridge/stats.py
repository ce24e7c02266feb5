"""What an adapter tells about itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts of one adapter in this process, at one moment.

    threads: threads of bridge's that exist. WsgiToAsgi: its worker threads, 0 with an executor of the user's, whose
        threads are its own. AsgiToWsgi: that of the event loop, and those for thread-sensitive calls of background
        work.
    busy: worker threads that run something.
    stuck: requests whose client has gone, or whose call was cancelled, while the application still runs in its own
        code.
    queued: requests, or thread-sensitive calls of background work, that wait for a thread.
    in_flight: requests between the server's call and the answer's end.
    completed: requests that were answered whole, also those that bridge itself answered (400, 413, 431, 503).
    failed: requests that ended with an error of the application or the server.
    disconnected: requests whose client went away, or whose call was cancelled, before the answer was whole.
    background: calls of an ASGI application that go on although their answer is complete (background tasks).
    """

    threads: int
    busy: int
    stuck: int
    queued: int
    in_flight: int
    completed: int
    failed: int
    disconnected: int
    background: int = 0

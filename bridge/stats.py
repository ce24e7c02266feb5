"""What an adapter tells about itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts of one adapter in this process, at one moment.

    threads: worker threads that exist; 0 with an executor of the user's, whose threads are its own.
    busy: threads that run a request.
    stuck: requests whose client has gone, or whose call was cancelled, while the application still runs in its own
        code.
    queued: requests that wait for a thread.
    in_flight: requests between the server's call and its return.
    completed: requests that were answered whole, also those that bridge itself answered (400, 413, 431, 503).
    failed: requests that ended with an error of the application or the server.
    disconnected: requests whose client went away, or whose call was cancelled, before the answer was whole.
    """

    threads: int
    busy: int
    stuck: int
    queued: int
    in_flight: int
    completed: int
    failed: int
    disconnected: int

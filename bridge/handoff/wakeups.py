"""Wake-ups from many threads to one loop: a queue of calls, and one wake-up for all that wait in it.

Whatever wakes a loop takes system calls, for every wake-up. Under load a loop is woken for one call and finds that
a hundred more have come, so the calls queue here and only the first of them wakes the loop.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

logger = logging.getLogger("bridge")


class Wakeups:
    """A queue of calls from any thread, run in order by one loop.

    schedule: runs a callable in the loop soon and may be called from any thread; raises RuntimeError once the loop is
        closed.
    is_closed: tells whether it is; asked only while a drain is scheduled already. Default: it never is.
    """

    # No call is lost. A thread and the loop do, each in this order:
    #
    #   put (any thread)                 drain (loop)
    #   1. append the call               a. free the token
    #   2. try to take the token         b. run the calls that are in the queue now
    #   3. if it was taken: schedule
    #
    # If 2 fails, somebody else holds the token: a drain is scheduled and has not come to (a), so its (b) sees the
    # append of 1. The other orders (2 before 1, b before a) lose calls. The worst that this order does is one spare
    # drain.
    #
    # The token is a lock that is only ever tried: a plain flag is a few nanoseconds cheaper, but needs an order of
    # writes that a build without the global lock does not promise.

    __slots__ = ("_calls", "_is_closed", "_schedule", "_token")

    def __init__(self, schedule: Callable[[Callable[[], None]], object], is_closed: Callable[[], bool] = bool) -> None:
        self._calls: deque[Callable[[], None]] = deque()
        self._is_closed = is_closed
        self._token = threading.Lock()
        self._schedule = schedule

    def put(self, call: Callable[[], None]) -> None:
        """Run call in the loop soon, after all calls that were put before it.

        Raises RuntimeError if the loop is closed.
        """
        self._calls.append(call)
        try:
            if self._token.acquire(False):
                self._schedule(self._drain_in_loop)
            elif self._is_closed():
                # A drain was scheduled before the loop was closed, and will never run.
                raise RuntimeError("the event loop is closed")
        except BaseException:
            # The loop is closed, or a signal handler has raised between two of these steps, and nobody can tell whether
            # the token was taken. A drain too many does no harm, one too few would be the last.
            try:
                self._schedule(self._drain_in_loop)
            except RuntimeError:
                if self._is_closed():
                    self._calls.clear()  # nothing of it will ever run
                self._free_token()
            raise

    def _free_token(self) -> None:
        try:
            self._token.release()
        except RuntimeError:
            pass  # it is free already

    def _drain_in_loop(self) -> None:
        self._free_token()
        calls = self._calls
        # Bounded by what is there now: calls that come while these run have taken the token and get a drain of their
        # own, so that a flood of calls does not keep the loop from its sockets.
        for _ in range(len(calls)):
            call = calls.popleft()
            try:
                call()
            except Exception:
                # One request's error must not take the calls of others along.
                logger.exception("bridge: a call into the event loop failed; this is a bug in bridge")
            except BaseException:
                # Ctrl-C in the middle of a call: it goes on to the loop, and the calls behind this one run later.
                if calls and self._token.acquire(False):
                    self._schedule(self._drain_in_loop)
                raise

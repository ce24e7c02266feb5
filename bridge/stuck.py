"""Telling of applications that keep their worker threads for long."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol

from bridge.handoff.loops import Cancellable
from bridge.whereabouts import place_in_thread

logger = logging.getLogger("bridge")

_TOLD = 5  # places that one warning names


class Request(Protocol):
    """What this file needs of a request."""

    was_reported: bool

    @property
    def thread_id(self) -> int:
        """The worker thread that has the request, 0 before and after."""
        ...

    def describe(self) -> str: ...


class StuckLook:
    """Looks for them now and then, while there is reason to: one for the requests of one adapter on one loop.

    after: seconds after which an application is told of.
    abandoned: those that run for nobody, with the time by the monotonic clock; one for all loops of the adapter.
    queued: how many requests wait for a thread.
    requests: those that are under way.
    call_later: runs a call in the loop after some seconds.
    """

    __slots__ = ("_abandoned", "_after", "_call_later", "_is_set", "_queued", "_requests", "_seen")

    def __init__(
        self,
        after: float,
        abandoned: dict[Request, float],
        queued: Callable[[], int],
        requests: Callable[[], Iterable[Request]],
        call_later: Callable[[float, Callable[[], None]], Cancellable],
    ) -> None:
        self._after = after
        self._queued = queued
        self._requests = requests
        self._call_later = call_later
        self._abandoned = abandoned
        self._seen: list[Request] = []  # that ran at the last look
        self._is_set = False

    def abandoned_in_loop(self, request: Request) -> None:
        """Take note of a request that is over for the server while the application still runs."""
        self._abandoned[request] = time.monotonic()
        self._set()

    def came_back(self, request: Request) -> None:
        """Take note, in any thread, that such an application has returned."""
        self._abandoned.pop(request, None)

    def waits_in_loop(self) -> None:
        """Take note that a request may have to wait for a thread."""
        if not self._is_set:
            self._seen = [request for request in self._requests() if request.thread_id]
            self._set()

    def _set(self, seconds: float | None = None) -> None:
        if not self._is_set:
            self._is_set = True
            self._call_later(self._after if seconds is None else seconds, self._look)

    def _look(self) -> None:
        self._is_set = False
        next_look = self._look_at_abandoned()
        queued = self._queued()
        if queued:
            self._look_at_running(queued)
            next_look = self._after if next_look is None else min(next_look, self._after)
        else:
            self._seen = []
        if next_look is not None:
            self._set(next_look)

    def _look_at_abandoned(self) -> float | None:
        """Warn of each application that has run too long for nobody, once; return the seconds until the next may be."""
        now = time.monotonic()
        next_look = None
        for request, since in list(self._abandoned.items()):
            if request.was_reported:
                continue
            left = since + self._after - now
            if left > 0:
                next_look = left if next_look is None else min(left, next_look)
                continue
            request.was_reported = True
            place = place_in_thread(request.thread_id)
            logger.warning(
                "bridge: the application still runs for %s, %.0f seconds after its client went away%s; "
                "its thread is free when it returns",
                request.describe(),
                now - since,
                f", in {place}" if place else "",
            )
        return next_look

    def _look_at_running(self, queued: int) -> None:
        """Warn of the applications that ran at the last look, too, while requests wait for a thread."""
        running = [request for request in self._requests() if request.thread_id]
        stuck = [request for request in self._seen if request.thread_id]
        self._seen = running
        if not stuck:
            return
        places = Counter(place_in_thread(request.thread_id) or "C code" for request in stuck)
        told = [f"{count} in {place}" for place, count in places.most_common(_TOLD)]
        if len(places) > _TOLD:
            told.append("others elsewhere")
        logger.warning(
            "bridge: %d requests wait for a thread, and %d have kept theirs for over %g seconds, such as %s: %s",
            queued,
            len(stuck),
            self._after,
            stuck[0].describe(),
            "; ".join(told),
        )

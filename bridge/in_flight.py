"""The requests of one adapter that are under way on one event loop, and what has become of those that ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bridge.handoff.loops import Loop, Slot, end_wait, wait_at_most
from bridge.stuck import Request as Stuck
from bridge.stuck import StuckLook

# A request gets a watch for its client's disconnect once it has been under way for one to two of these. Most requests
# are over by then and never pay for a task; 50 ms is short beside any wait that would be worth ending.
WATCH_SECONDS = 0.05


class Request(Protocol):
    """What this file needs of a request."""

    generation: int
    was_reported: bool

    @property
    def thread_id(self) -> int: ...
    def describe(self) -> str: ...
    def watch_in_loop(self) -> None: ...
    def abort_in_loop(self) -> None: ...
    def abandon(self) -> None: ...


class InFlight:
    """The requests of one adapter on one loop. All methods run in that loop but those that say otherwise.

    stuck_after, abandoned, queued: see ``StuckLook``.
    """

    __slots__ = (
        "_count",
        "_drained",
        "_generation",
        "_ticking",
        "_watched",
        "_young",
        "completed",
        "disconnected",
        "failed",
        "loop",
        "stuck",
    )

    def __init__(
        self,
        loop: Loop,
        *,
        stuck_after: float,
        abandoned: dict[Stuck, float],
        queued: Callable[[], int],
    ) -> None:
        self.loop = loop
        self.stuck = StuckLook(stuck_after, abandoned, queued, self._requests, loop.call_later)
        self.completed = 0
        self.failed = 0
        self.disconnected = 0
        self._young: dict[Request, None] = {}  # in order of age; not watched yet
        self._watched: set[Request] = set()
        self._count = 0  # of both, for other threads: one that looks while a request changes over would miss it
        self._generation = 0
        self._ticking = False
        self._drained: Slot | None = None

    def __len__(self) -> int:
        return self._count

    def enter(self, request: Request) -> None:
        """Take in a request that a watch may be set on; it may have been taken in as one that listens for itself."""
        if request in self._watched:
            self._watched.remove(request)
        else:
            self._count += 1
        request.generation = self._generation
        self._young[request] = None
        if not self._ticking:
            self._ticking = True
            self.loop.call_later(WATCH_SECONDS, self._tick)

    def enter_watched(self, request: Request) -> None:
        """Take in a request that listens for itself."""
        self._watched.add(request)
        self._count += 1

    def leave(self, request: Request) -> None:
        """Let go of a request; it may have been let go of before."""
        try:
            del self._young[request]  # the ordinary case
        except KeyError:
            if request not in self._watched:
                return
            self._watched.remove(request)
        self._count -= 1
        if not self._count and self._drained is not None:
            end_wait(self._drained)

    def _tick(self) -> None:
        for request in list(self._young):
            if request.generation == self._generation:
                break
            self.watch(request)
        self._generation += 1
        if self._young:
            self.loop.call_later(WATCH_SECONDS, self._tick)
        else:
            self._ticking = False

    def watch(self, request: Request) -> None:
        """Set the watch for a disconnect now."""
        if request in self._young:
            del self._young[request]
            self._watched.add(request)
            request.watch_in_loop()

    async def drain(self, grace: float) -> None:
        """Wait until no request is under way, at most grace seconds."""
        if not self:
            return
        self._drained = self.loop.slot()
        try:
            await wait_at_most(self.loop, self._drained, grace)
        finally:
            self._drained = None

    def abort(self) -> None:
        """End all requests with an error that says that the adapter was closed."""
        self._for_all(lambda request: request.abort_in_loop())

    def abandon(self) -> None:
        """Free the workers of a loop that was closed under them; from any thread, for the loop will not do it."""
        self._for_all(lambda request: request.abandon())
        self._young.clear()
        self._watched.clear()
        self._count = 0

    def _for_all(self, call: Callable[[Request], None]) -> None:
        for request in self._requests():
            call(request)

    def _requests(self) -> list[Request]:
        return [*self._young, *self._watched]

"""An `Interleaving` in which a thread that is chosen again simply goes on.

The one that it is built on hands over to the test at each step. Orders with few interruptions have hundreds of steps
and hardly a change of threads, so here each thread chooses who goes on, and hands over only to another one.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from tests.handoff.interleaving import STEPS, Interleaving, Stopped, Strand, always
from tests.harness import LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Chain(Interleaving):
    """A run of several threads, one at a time, each of which wakes the next one."""

    def __init__(self, choose: Callable[[int], int]) -> None:
        super().__init__(choose)
        self._steps = 0

    @property
    def is_over(self) -> bool:
        """Whether `stop` was called."""
        return self._is_over

    def go_on(self) -> None:
        """Run until it is quiet. Raises what a thread raised."""
        self._steps = 0
        chosen = self._next()
        if chosen is None:
            return
        chosen.turn.release()
        assert self._back.acquire(timeout=LIMIT), f"{self.running()} wait for something that no test knows of"
        for strand in self._strands:
            if strand.error is not None:
                raise strand.error
        assert self._steps < STEPS, f"after {STEPS} steps it still goes on"

    def step(self, ready: Callable[[], bool] = always, *, may_be_late: bool = False) -> bool:
        """Choose who goes on; go on when chosen, which is not before `ready()`."""
        strand = self._by_thread.get(threading.get_ident())
        if strand is None:
            return True  # the test itself, while all threads stand still
        if self._is_over:
            raise Stopped
        strand.ready = ready
        if self._hand_over() is not strand:
            strand.turn.acquire()
            if self._is_over:
                raise Stopped
        return True

    def _next(self) -> Strand | None:
        self._steps += 1
        able = [strand for strand in self._strands if not strand.is_over and strand.ready()]
        if not able or self._steps >= STEPS:
            return None
        chosen = able[self._choose(len(able))] if len(able) > 1 else able[0]
        if chosen is not self._strands[0]:
            self._strands.remove(chosen)
            self._strands.insert(0, chosen)
        return chosen

    def _hand_over(self) -> Strand | None:
        """Let the one that is chosen go on, if that is another; the test, if it is quiet."""
        chosen = self._next()
        if chosen is None:
            self._back.release()
        elif chosen is not self._by_thread.get(threading.get_ident()):
            chosen.turn.release()
        return chosen

    def _run_in_strand(self, strand: Strand) -> None:
        self._by_thread[threading.get_ident()] = strand
        strand.turn.acquire()
        try:
            if not self._is_over:
                strand.run()
        except Stopped:
            pass
        except BaseException as error:
            strand.error = error
        strand.is_over = True
        del self._by_thread[threading.get_ident()]
        if strand.error is not None:
            self._back.release()
        elif not self._is_over:
            self._hand_over()


@contextlib.contextmanager
def chained(choose: Callable[[int], int]) -> Iterator[Chain]:
    """A run that leaves no thread behind."""
    run = Chain(choose)
    try:
        yield run
    finally:
        run.stop()

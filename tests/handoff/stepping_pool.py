"""A pool whose every step is a step of an `Interleaving`."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from bridge.handoff import workers
from bridge.handoff.workers import WorkerPool
from tests.handoff.interleaving import Interleaving, StepBaton, StepLock, interleaved
from tests.races.fields import stepping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class StepThread:
    """threading.Thread, which may also fail to start."""

    def __init__(
        self, run: Interleaving, refuses: Callable[[], bool], *, target: Callable[[], object], name: str, daemon: bool
    ) -> None:
        assert daemon
        self._run = run
        self._refuses = refuses
        self._target = target
        self._name = name

    def start(self) -> None:
        """Be chosen from now on."""
        if self._refuses():
            raise RuntimeError("can't start new thread")
        self._run.start(self._target, self._name)


class StepQueue(OrderedDict[Any, None]):
    """The pool's queue, each addition and each removal a step, and each look whether it is empty."""

    run: Interleaving

    def __setitem__(self, job: Any, nothing: None) -> None:
        self.run.step()
        super().__setitem__(job, nothing)

    def __len__(self) -> int:
        self.run.step()
        return super().__len__()

    def popitem(self, last: bool = True) -> tuple[Any, None]:
        self.run.step()
        return super().popitem(last)


def never() -> bool:
    """A system that has threads to give."""
    return False


@contextlib.contextmanager
def stepping_pool(
    choose: Callable[[int], int],
    threads: int,
    *,
    late: int = 0,
    refuses: Callable[[], bool] = never,
    kind: type[WorkerPool] = WorkerPool,
    bare: bool = True,
    **options: Any,
) -> Iterator[tuple[Interleaving, WorkerPool]]:
    """A run, and a pool in it.

    late: how many sleeps may last until their end although work has come.
    kind: what the pool is an object of.
    bare: what is done without the mutex are steps, too.
    refuses: whether the system gives no thread, asked each time.
    """
    with pytest.MonkeyPatch.context() as patch, interleaved(choose, late=late) as run:
        stepped = SimpleNamespace(
            Lock=partial(StepLock, run),
            RLock=partial(StepLock, run),
            Thread=partial(StepThread, run, refuses),
            local=threading.local,
        )
        patch.setattr(workers, "threading", stepped)
        patch.setattr(workers, "Baton", partial(StepBaton, run))
        patch.setattr(workers.logger, "disabled", True)
        if bare:
            patch.setattr(workers, "OrderedDict", partial(_queue, run))
            kind = stepping(kind, run, ["_on_the_way"])
        yield run, kind(threads, name="pool", **options)


def _queue(run: Interleaving) -> StepQueue:
    queue = StepQueue()
    queue.run = run
    return queue

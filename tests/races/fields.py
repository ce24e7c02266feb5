"""Attributes and containers each use of which is a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tests.handoff.interleaving import Interleaving, StepDeque

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


def step_field(run: Interleaving, name: str) -> Any:
    """An attribute, each look at which and each change of which is a step."""

    def look(owner: Any) -> Any:
        run.step()
        return owner.__dict__[name]

    def change(owner: Any, value: object) -> None:
        run.step()
        owner.__dict__[name] = value

    return property(look, change)


def stepping(kind: type[T], run: Interleaving, names: Iterable[str], *, queues: Iterable[str] = ()) -> type[T]:
    """Return a class as kind is, with these attributes as steps.

    queues: attributes that are deques which two threads use.
    """

    def init(owner: Any, *arguments: Any, **options: Any) -> None:
        kind.__init__(owner, *arguments, **options)
        for name in queues:
            setattr(owner, name, shared_deque(run))

    return type(kind.__name__, (kind,), {name: step_field(run, name) for name in names} | {"__init__": init})


class SharedDeque(StepDeque):
    """A deque that two threads use: each removal a step, too, and one behind the begin of each walk."""

    def __iter__(self) -> Iterator[Any]:
        items = super().__iter__()
        self.run.step()
        return items

    def popleft(self) -> Any:
        self.run.step()
        return super().popleft()


def shared_deque(run: Interleaving, items: Iterable[Any] = ()) -> SharedDeque:
    """Return a deque in a run."""
    made = SharedDeque(items)
    made.run = run
    return made

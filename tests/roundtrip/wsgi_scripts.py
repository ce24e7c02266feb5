"""WSGI applications as scripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Start:
    """Call `start_response`; `again`: with `exc_info`, as for an answer that an error replaces."""

    status: str
    headers: tuple[tuple[str, str], ...]
    again: bool = False


@dataclass(frozen=True)
class Write:
    """Call `write()`; None: with all that was read so far and not given out again."""

    chunk: bytes | None


@dataclass(frozen=True)
class Read:
    """Call a method of `wsgi.input`; a size of None leaves it out."""

    method: Literal["read", "readline", "readlines", "next"]
    size: int | None = None


@dataclass(frozen=True)
class Fail:
    """Raise something."""

    error: str


Op = Start | Write | Read | Fail

Form = Literal["list", "tuple", "generator", "iterable"]


@dataclass(frozen=True)
class Step:
    """What is done for one chunk, and the chunk; None: all that was read so far and not given out again."""

    ops: tuple[Op, ...]
    chunk: bytes | None


@dataclass(frozen=True)
class WsgiScript:
    """What an application does: in its call, for each chunk, at the end of the iteration and in `close()`.

    A list or tuple is made in the call. `iterable` is an object of its own with a `close()`; a generator has Python's.
    `in_step`: it waits after each chunk until the client has it, so that nothing may hold a chunk back.
    `waits_to_hear`: when its client has left it goes on only when the bridge tells it so.
    `shrugs`: an error of the input is the end of the reading, and of nothing else.
    """

    form: Form
    call: tuple[Op, ...] = ()
    steps: tuple[Step, ...] = ()
    last: tuple[Op, ...] = ()
    close: tuple[Fail, ...] = ()
    in_step: bool = False
    waits_to_hear: bool = False
    shrugs: bool = False

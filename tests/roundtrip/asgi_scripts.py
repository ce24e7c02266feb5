"""ASGI applications as scripts."""

from __future__ import annotations

from dataclasses import dataclass

from tests.roundtrip.wsgi_scripts import Fail


@dataclass(frozen=True)
class Begin:
    """Send `http.response.start`."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Send:
    """Send `http.response.body`; a body of None is all that was received so far and not given out again.

    `terse`: leave out the keys that have their default.
    """

    body: bytes | None
    more: bool
    terse: bool = False


@dataclass(frozen=True)
class Receive:
    """Receive until there are so many bytes, or the body or its client is at its end; None: in any case until then."""

    size: int | None


@dataclass(frozen=True)
class Listen:
    """Receive until `http.disconnect` comes. Done only where it must come: after the end, or if the client has left."""


@dataclass(frozen=True)
class Pause:
    """Let the loop go on."""


AsgiOp = Begin | Send | Receive | Listen | Pause | Fail


@dataclass(frozen=True)
class AsgiScript:
    """What an application does in turn; then it returns.

    `in_step`: it waits after each body until the client has it, so that nothing may hold one back.
    `shrugs`: a client that left in the middle of its body is the end of the body, and of nothing else.
    """

    ops: tuple[AsgiOp, ...]
    in_step: bool = False
    shrugs: bool = False

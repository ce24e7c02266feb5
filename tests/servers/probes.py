"""Questions that several tests ask a server with the application under test."""

from __future__ import annotations

from itertools import count

from tests.servers.content import MEGABYTE
from tests.servers.running import RunningServer, eventually

_numbers = count()


def fresh_name() -> str:
    """A name that no other meeting has."""
    return f"meeting-{next(_numbers)}"


def slow_client_stalls(server: RunningServer, name: str, taken: int) -> bool:
    """Whether the download of that name stops while its client, which took `taken` bytes, reads no more.

    The kernel's buffers on both sides and the server's own are all that it may fill: a few megabytes.
    """
    made = -1

    def stands_still() -> bool:
        nonlocal made
        before, made = made, int(server.ask(f"/made?name={name}").body)
        return made == before

    return eventually(stands_still, within=5, pause=0.2) and made - taken < 12 * MEGABYTE

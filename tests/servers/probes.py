"""One question about a server for each limit, asked in the same words of a bridged and of a native application."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from itertools import count

from tests.servers.content import BLOCK, MEGABYTE
from tests.servers.limits import Limit
from tests.servers.running import RunningServer, eventually
from tests.servers.wire import Wire, head

_numbers = count()


def fresh_name() -> str:
    """A name that no other meeting has."""
    return f"meeting-{next(_numbers)}"


def continues_early(server: RunningServer) -> bool:
    """Whether 100 (Continue) arrives although the application, which runs, has not asked for the body."""
    name = fresh_name()
    with Wire(server.port) as wire:
        wire.send(head("POST", f"/read-late?name={name}", "Content-Length: 5", "Expect: 100-continue"))
        # Both requests pass the same event loop, so the server has done by now what it does by itself. It may not
        # have called the application, if that is its limit.
        server.ask(f"/entered?name={name}&within=1")
        early = wire.readable(0.2)
        server.ask(f"/release?name={name}")
        assert wire.take_head().startswith(b"HTTP/1.1 100 "), "the body was never asked for"
        wire.send(b"whole")
        assert wire.answer().body.startswith(b"5 ")
    return early


def gathers_uploads(server: RunningServer) -> bool:
    """Whether the application does not run while half of a large body is still missing."""
    name = fresh_name()
    with Wire(server.port) as wire:
        wire.send(head("POST", f"/upload?name={name}", f"Content-Length: {2 * MEGABYTE}"), bytes(MEGABYTE))
        answer = server.ask(f"/entered?name={name}&within=1").body
        wire.reset()
    return answer == b"no"


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


def has_no_back_pressure(server: RunningServer) -> bool:
    """Whether a long download is made whole although its client has read only the beginning."""
    name, size = fresh_name(), 64 * MEGABYTE
    with Wire(server.port, receive_buffer=BLOCK) as wire:
        wire.send(head("GET", f"/download?name={name}&size={size}"))
        taken = len(wire.response().read(BLOCK))
        return not slow_client_stalls(server, name, taken)


def hides_late_errors(server: RunningServer) -> bool:
    """Whether a client whose response broke off in the middle is left waiting."""
    with Wire(server.port, within=2) as wire:
        wire.send(head("GET", "/fail-after?declared=no"))
        try:
            wire.answer()
        except http.client.IncompleteRead:
            return False
        except TimeoutError:
            return True
    raise AssertionError("the broken response was taken for a whole one")


def send_outlives_client(server: RunningServer) -> bool:
    """Whether a call that waits in `send()` has not returned two seconds after its client vanished."""
    name, size = fresh_name(), 64 * MEGABYTE
    with Wire(server.port, receive_buffer=BLOCK) as wire:
        wire.send(head("GET", f"/download?name={name}&size={size}"))
        slow_client_stalls(server, name, len(wire.response().read(BLOCK)))
        wire.reset()
    return not eventually(lambda: server.counts()["in_flight"] == 1, within=2)


PROBES: dict[Limit, Callable[[RunningServer], bool]] = {
    Limit.CONTINUES_EARLY: continues_early,
    Limit.GATHERS_UPLOADS: gathers_uploads,
    Limit.NO_BACK_PRESSURE: has_no_back_pressure,
    Limit.HIDES_LATE_ERRORS: hides_late_errors,
    Limit.SEND_OUTLIVES_CLIENT: send_outlives_client,
}

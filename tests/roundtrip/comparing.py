"""Compares a request without a bridge to the same one with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.roundtrip.differences import (
    A_BREACH,
    SOMETHING_ELSE,
    also_allowed,
    as_seen,
    environ_as_compared,
    response_headers,
    scope_as_compared,
    what,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.roundtrip.sight import Run, Seen

# From these on an application knows that its client has left, which with a bridge is sooner or later.
HEARING = frozenset(("disconnect", "send failed", "read failed"))

MISSING = Ellipsis  # neither an environ nor a scope has it


def faults(native: Run, bridged: Run, staying: Run, *, is_direct: bool) -> Iterator[str]:
    """Say what a client, a server or an application could tell the bridge by.

    staying: the native run with a client that takes all of the response.
    is_direct: there is a single round trip, so that an error which comes with the end of the answer is in time.
    """
    # A bridge may write() where the application does, and no more.
    yield from (fault for fault in bridged.manners if fault not in native.manners)
    yield from faults_of_closing(bridged.seen)
    if native.sight.ending == "left":
        yield from faults_after_leaving(native, bridged, staying)
        yield from faults_of_errors_for_nobody(bridged, staying)
    elif bridged.sight.ending == "left":
        # The law: request bytes that nobody read. The bridge did, found that the client is gone, and told in time.
        yield from faults_of_prefix(bridged, native)
        yield from faults_of_errors_for_nobody(bridged, staying)
    else:
        yield from faults_of_response(native, bridged)
        yield from faults_of_errors(native, bridged, is_direct=is_direct)
        yield from faults_of_seen(native.seen, bridged.seen)


def faults_of_response(native: Run, bridged: Run) -> Iterator[str]:
    """Compare what the client saw."""
    instead = also_allowed(native)
    allowed = [as_seen(native.sight)] + ([as_seen(instead)] if instead else [])
    if as_seen(bridged.sight) not in allowed:
        yield f"the client sees {as_seen(bridged.sight)} instead of {allowed}"


def faults_of_errors(native: Run, bridged: Run, *, is_direct: bool) -> Iterator[str]:
    """Compare what reached the server."""
    expected = [what(error, native.seen.raised) for error in native.sight.errors]
    expected_late = [what(error, native.seen.raised) for error in native.sight.late_errors]
    got = [what(error, bridged.seen.raised) for error in bridged.sight.errors]
    got_late = [what(error, bridged.seen.raised) for error in bridged.sight.late_errors]
    if bridged.sight.ending == "refused" and not expected:
        expected, expected_late = expected_late, []
    # Of two errors the first is told: a close() that fails after another error is logged.
    if got[:1] != expected[:1] or [error for error in got if error not in expected]:
        yield f"the server gets {got} instead of {expected}"
    # A8: an error after the whole answer is logged, if it was not known yet when the answer was handed over.
    if [error for error in got_late if error not in expected_late]:
        yield f"the server gets {got_late} late, instead of {expected_late}"
    in_time = is_direct and native.seen.coroutine and native.seen.late_from is None and not native.sight.bodiless
    if in_time and got_late != expected_late:
        yield f"the server gets {got_late} late, instead of {expected_late}, which came in time"


def faults_of_seen(native: Seen, bridged: Seen) -> Iterator[str]:
    """Compare what the application saw."""
    if bridged.calls != native.calls:
        yield f"the application was called {bridged.calls} times instead of {native.calls}"
    else:
        yield from faults_of_given(native, bridged)
    if bridged.events != native.events:
        yield f"the application saw {bridged.events} instead of {native.events}"
    if bridged.heard != native.heard:
        yield f"the application heard of a disconnect: {bridged.heard} instead of {native.heard}"


def faults_of_given(native: Seen, bridged: Seen) -> Iterator[str]:
    """Compare the environs or scopes."""
    if native.coroutine:
        expected, got = scope_as_compared(native.given), scope_as_compared(bridged.given)
    else:
        expected = environ_as_compared(native.given, native.given)
        got = environ_as_compared(bridged.given, native.given)
    for key in sorted(expected.keys() | got.keys()):
        one, other = got.get(key, MISSING), expected.get(key, MISSING)
        if one != other or type(one) is not type(other):
            yield f"{key} is {one!r} instead of {other!r}"


def faults_of_closing(seen: Seen) -> Iterator[str]:
    """W10: close() runs exactly once."""
    if seen.closes != seen.opened or seen.calls > 1:
        yield f"{seen.calls} calls, {seen.opened} iterables or coroutines, {seen.closes} of them closed"


def faults_after_leaving(native: Run, bridged: Run, staying: Run) -> Iterator[str]:
    """Compare what happened to a client that left, up to its leaving; then each side learns of it when it can."""
    if bridged.sight.ending != "left":
        instead = also_allowed(staying)
        if instead is None or as_seen(bridged.sight) != as_seen(instead):
            yield f"the client did not leave: {bridged.sight}"
        return
    if native.sight.took_its_share:
        if as_seen(native.sight) != as_seen(bridged.sight):
            yield f"the client that left saw {as_seen(bridged.sight)} instead of {as_seen(native.sight)}"
        if bridged.seen.calls != 1:
            yield f"the application was called {bridged.seen.calls} times"
        else:
            yield from faults_of_given(native.seen, bridged.seen)
        # W17: with a bridge the application may be ahead of the client, but does nothing that it would not have done.
        yield from faults_of_order(native.seen.events[: native.seen.left_at], bridged.seen.events)
        yield from faults_of_order(until_hearing(bridged.seen), staying.seen.events)
    else:
        yield from faults_of_prefix(bridged, native)
        # It is told where it was told natively; if it has an iterable, that may be closed before.
        yield from faults_of_order(until_hearing(bridged.seen), native.seen.events)


def faults_of_errors_for_nobody(bridged: Run, staying: Run) -> Iterator[str]:
    """Demand that the server gets no error that blames the application for its client's leaving."""
    allowed = [what(error, staying.seen.raised) for error in staying.sight.errors + staying.sight.late_errors]
    for error in bridged.sight.errors + bridged.sight.late_errors:
        kind = what(error, bridged.seen.raised)
        if kind not in allowed and kind[0] in (A_BREACH, SOMETHING_ELSE):
            yield f"the client left, and the server gets {kind}"


def faults_of_order(first: list[tuple[Any, ...]], events: list[tuple[Any, ...]]) -> Iterator[str]:
    """Demand that events begin with others."""
    if events[: len(first)] != first:
        yield f"the application does not begin with {first}: {events}"


def faults_of_prefix(bridged: Run, native: Run) -> Iterator[str]:
    """The client that left in the middle of its body saw nothing but the beginning of what it had seen natively."""
    if not native.sight.body.startswith(bridged.sight.body):
        yield f"the client that left saw {bridged.sight.body!r} instead of {native.sight.body!r}"
    # Headers that come without a byte of the body came when it had left.
    if bridged.sight.body and (
        bridged.sight.status != native.sight.status
        or response_headers(bridged.sight.headers) != response_headers(native.sight.headers)
    ):
        yield f"the client that left saw {as_seen(bridged.sight)} instead of {as_seen(native.sight)}"
    if bridged.seen.calls:
        yield from faults_of_given(native.seen, bridged.seen)


def until_hearing(seen: Seen) -> list[tuple[Any, ...]]:
    """Return the events before the application learnt that its client left, or was closed."""
    events = []
    for event in seen.events:
        if event[0] in HEARING or event[0] == "close":
            break
        events.append(event)
    return events

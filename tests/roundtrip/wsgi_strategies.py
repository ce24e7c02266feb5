"""Random WSGI applications."""

from __future__ import annotations

import itertools

from hypothesis import strategies as st

from tests.roundtrip.failures import FAILURES
from tests.roundtrip.pools import CHUNKS, RESPONSE_HEADER_LISTS
from tests.roundtrip.requests import Request
from tests.roundtrip.strategies import requests
from tests.roundtrip.wsgi_scripts import Fail, Form, Op, Read, Start, Step, Write, WsgiScript

FORMS: list[Form] = ["list", "tuple", "generator", "iterable"]
STATUSES = [
    *("200 OK", "200 OK", "200 OK", "200 OK", "201 Created", "404 Not Found", "500 Oh!", "599 \xfc", "302"),
    *("204 No Content", "304 Not Modified"),
]
READS: list[Op] = [
    *(Read("read"), Read("read", 0), Read("read", 1), Read("read", 3), Read("read", -1), Read("read", 100_000)),
    *(Read("readline"), Read("readline", 2), Read("readlines"), Read("next")),
]
OPS = [*READS, *READS, *[Write(chunk) for chunk in CHUNKS[::3]]]
PLACED_OPS = [(place, op) for op in OPS for place in range(6)]
MANNERS = list(itertools.product(FORMS, (False, True), (False, True)))

failures = st.sampled_from(sorted(FAILURES)).map(Fail)
starts = st.builds(Start, st.sampled_from(STATUSES), st.sampled_from(RESPONSE_HEADER_LISTS))
lengths = st.integers(0, 9)


@st.composite
def wsgi_scripts(draw: st.DrawFn) -> WsgiScript:
    """A script; most are legal in all they do."""
    form, in_step, shrugs = draw(st.sampled_from(MANNERS))
    chunks = draw(st.lists(st.sampled_from(CHUNKS), max_size=4))
    places: list[list[Op]] = [[] for _ in range(len(chunks) + 2)]  # the call, each chunk, the end
    # PEP 3333, "The start_response() Callable": not later than the first non-empty chunk.
    started = min(draw(st.sampled_from([0, 0, 0, 1, 2])), len(places) - 1)
    for number in range(started - 1):
        chunks[number] = b""
    for place, op in draw(st.lists(st.sampled_from(PLACED_OPS), max_size=4)):
        where = min(place, len(places) - 1)
        places[max(where, started) if isinstance(op, Write) else where].append(op)
    written = [op.chunk for place in places for op in place if isinstance(op, Write)]
    start = with_length(draw(starts), [*chunks, *written], draw(lengths))
    special = draw(st.integers(0, 30))
    if special < 30:
        places[started].insert(0, start)
    if special in (1, 2, 3):
        # The answer is replaced, also where it is too late for that; now and then without exc_info.
        where = draw(st.integers(started, len(places) - 1))
        again = draw(starts)
        places[where].append(Start(again.status, again.headers, again=special != 3))
    elif 4 <= special < 12:
        where = draw(st.integers(0, len(places) - 1))
        places[where].insert(draw(st.integers(0, len(places[where]))), draw(failures))
    return WsgiScript(
        form=form,
        call=tuple(places[0]),
        steps=tuple(Step(tuple(ops), chunk) for ops, chunk in zip(places[1:-1], chunks, strict=True)),
        last=tuple(places[-1]),
        close=(draw(failures),) if special in (11, 12, 13) else (),
        in_step=in_step,
        shrugs=shrugs,
    )


def wsgi_cases(*, leaves: bool = False) -> st.SearchStrategy[tuple[WsgiScript, Request]]:
    """A script and a request."""
    return st.tuples(wsgi_scripts(), requests(asgi=False, leaves=leaves))


def with_length(start: Start, pieces: list[bytes | None], choice: int) -> Start:
    """Add Content-Length as it should be, or none, or seldom a wrong one; an echo's is not known."""
    if None in pieces or choice < 4:
        return start
    total = sum(map(len, filter(None, pieces)))
    name = "Content-Length" if choice % 2 else "content-length"
    length = {8: total + 1, 9: max(0, total - 1)}.get(choice, total)
    return Start(start.status, (*start.headers, (name, str(length))))

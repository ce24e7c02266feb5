"""Random ASGI applications."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import strategies as st

from tests.roundtrip.asgi_scripts import AsgiOp, AsgiScript, Begin, Listen, Pause, Receive, Send
from tests.roundtrip.failures import FAILURES
from tests.roundtrip.pools import CHUNKS
from tests.roundtrip.requests import Request
from tests.roundtrip.strategies import requests
from tests.roundtrip.wsgi_scripts import Fail, Start
from tests.roundtrip.wsgi_strategies import lengths, starts, with_length

OPS: list[AsgiOp] = [Receive(None), Receive(0), Receive(1), Receive(3), Receive(100_000), Pause()]
LAST: list[AsgiOp] = [Listen(), Listen(), Pause()]

# A coroutine makes RuntimeErrors of these two by itself.
failures = st.sampled_from(sorted(FAILURES.keys() - {"StopIteration", "StopAsyncIteration"})).map(Fail)
bodies = st.lists(st.sampled_from(list(itertools.product(CHUNKS, (False, True)))), max_size=4)
places_and_ops = st.lists(st.sampled_from(list(itertools.product(range(6), OPS))), max_size=4)
manners = st.sampled_from(list(itertools.product((False, True), repeat=3)))
last_ops = st.lists(st.sampled_from(LAST), max_size=2)


@st.composite
def asgi_cases(draw: st.DrawFn, *, leaves: bool = False) -> tuple[AsgiScript, Request]:
    """A script and a request; most scripts are legal in all they do."""
    request = draw(requests(asgi=True, leaves=leaves))
    pieces = draw(bodies)
    begin = begin_of(with_length(draw(starts), [body for body, _ in pieces], draw(lengths)))
    ops: list[AsgiOp] = [begin, *[Send(body, more=True, terse=terse) for body, terse in pieces]]
    last = ops[-1]
    ends_at_once, in_step, shrugs = draw(manners)
    if isinstance(last, Send) and ends_at_once:
        ops[-1] = Send(last.body, more=False, terse=last.terse)
    else:
        ops.append(Send(b"", more=False, terse=ends_at_once))
    for place, op in draw(places_and_ops):
        ops.insert(min(place, len(ops) - 1), op)
    ops += draw(last_ops)
    special = draw(st.integers(0, 15))
    if 1 <= special <= 5:
        ops.insert(draw(st.integers(0, len(ops))), draw(failures))
    elif special == 6:
        del ops[draw(st.integers(0, len(ops))) :]
    elif special == 7:
        ops.insert(draw(st.integers(0, len(ops))), begin)
    if request.method == "HEAD" or begin.status in (204, 304):
        ops = without_late_receives(ops)
    return AsgiScript(tuple(ops), in_step=in_step, shrugs=shrugs), request


def begin_of(start: Start) -> Begin:
    """Return the start as ASGI has it."""
    headers: Any = ((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in start.headers)
    return Begin(int(start.status[:3]), tuple(headers))


def without_late_receives(ops: list[AsgiOp]) -> list[AsgiOp]:
    """Leave out what is received once the body has begun.

    A4: an answer without content is complete by then, so the bridge has nothing to say but `http.disconnect`.
    """
    kept: list[AsgiOp] = []
    has_begun = False
    for op in ops:
        has_begun = has_begun or isinstance(op, Send)
        if not (has_begun and isinstance(op, Receive)):
            kept.append(op)
    return kept

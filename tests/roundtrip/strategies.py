"""Random requests."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.roundtrip.pools import REQUEST_HEADER_LISTS, SHAPES, TARGETS
from tests.roundtrip.requests import Request

shapes = st.sampled_from(SHAPES)
targets = {asgi: st.sampled_from(TARGETS[asgi]) for asgi in TARGETS}
headers = st.sampled_from(REQUEST_HEADER_LISTS)
bytes_until_leaving = st.integers(0, 24)


@st.composite
def requests(draw: st.DrawFn, *, asgi: bool, leaves: bool = False) -> Request:
    """A request to an application of one kind; `leaves`: its client goes away, in the request or in the response."""
    shape = draw(shapes)
    sending = receiving = None
    if leaves:
        receiving = draw(bytes_until_leaving)
        length = sum(map(len, shape.get("body", ())))
        if length and receiving % 2:
            sending, receiving = min(receiving // 2, length - 1), None
    return Request(
        headers=draw(headers), leaves_sending=sending, leaves_receiving=receiving, **shape, **draw(targets[asgi])
    )

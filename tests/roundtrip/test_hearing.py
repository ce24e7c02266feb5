"""Whether, and how soon, an application hears that its client left: with a bridge no later than at its next chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tests.roundtrip.asgi_scripts import AsgiScript, Begin, Listen, Receive, Send
from tests.roundtrip.examples import tried
from tests.roundtrip.requests import Request
from tests.roundtrip.stacks import OPTIONS, Stack
from tests.roundtrip.wsgi_scripts import Form, Start, Step, WsgiScript

if TYPE_CHECKING:
    from tests.roundtrip.playing import Servers

Stacks = dict[tuple[str, int, str], Stack]

chunks = st.lists(st.binary(min_size=1, max_size=4), min_size=2, max_size=5)
FORMS: list[Form] = ["generator", "iterable"]
options = st.sampled_from(sorted(OPTIONS))


def leaving_before_the_last(chunks: list[bytes], mark: int) -> Request:
    """Return a request whose client leaves while chunks are left."""
    return Request(leaves_receiving=min(mark, sum(map(len, chunks[:-1]))))


@tried(0.01)
@given(chunks=chunks, mark=st.integers(0, 12), form=st.sampled_from(FORMS), how=options)
def test_wsgi(servers: Servers, stacks: Stacks, chunks: list[bytes], mark: int, form: Form, how: str) -> None:
    """W18: `bridge.disconnected` tells; the application is closed at its next chunk, and once, as it is natively."""
    steps = tuple(Step((), chunk) for chunk in chunks)
    script = WsgiScript(
        form,
        (Start("200 OK", ()),),
        steps,
        in_step=True,
        waits_to_hear=True,
    )
    request = leaving_before_the_last(chunks, mark)
    native = servers.play(script, request).seen
    bridged = servers.play(script, request, stacks["wsgi", 1, how]).seen
    asked = [event for event in native.events if event[0] == "chunk"]
    # Asked for a chunk too many, it hears while it makes that one.
    ahead = [("chunk", chunks[len(asked)])] if bridged.heard else []
    assert [event for event in bridged.events if event[0] == "chunk"] == asked + ahead
    assert ("end",) not in bridged.events
    assert bridged.closes == native.closes == 1


@tried(0.003)
@given(chunks=chunks, mark=st.integers(0, 12), how=options)
def test_asgi(servers: Servers, stacks: Stacks, chunks: list[bytes], mark: int, how: str) -> None:
    """A6: `receive()` says http.disconnect, and `send()` raises OSError from then on, as they do natively."""
    ops = [op for chunk in chunks for op in (Send(chunk, more=True), Listen())]
    # The (empty) body is read first: one that nobody reads hides what comes behind it.
    script = AsgiScript((Receive(None), Begin(200, ()), *ops, Send(b"", more=False)), in_step=True)
    request = leaving_before_the_last(chunks, mark)
    native = servers.play(script, request).seen
    bridged = servers.play(script, request, stacks["asgi", 1, how]).seen
    assert native.heard
    assert native.events[-1] == ("send failed",)
    # It may hear already from the very send() that the client left at.
    assert bridged.events in (native.events, [*native.events[: native.left_at], ("send failed",)])

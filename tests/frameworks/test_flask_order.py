"""Flask's hooks run in their order, in one thread, and each request's end is reached."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from flask import Flask, Response, abort, after_this_request, g, stream_with_context
from flask.typing import ResponseReturnValue

from tests.frameworks.law import Request, Visit, get, head, natively, through_the_bridge, visit
from tests.harness.limits import eventually

Event = tuple[str, int]
"""What happened, and in which thread."""


def make_site(events: list[Event]) -> Flask:
    """An application that tells what it does."""
    site = Flask("site")

    def note(what: str) -> None:
        events.append((what, threading.get_ident()))

    @site.before_request
    def before() -> None:
        g.number = 42
        note("before request")

    @site.after_request
    def after(response: Response) -> Response:
        note("after request")
        response.call_on_close(lambda: note("response closed"))
        return response

    @site.teardown_request
    def teardown(error: BaseException | None) -> None:
        note(f"teardown of the request: {error!r}")

    @site.teardown_appcontext
    def teardown_context(error: BaseException | None) -> None:
        note(f"teardown of the context: {error!r}")

    @site.get("/plain")
    def plain() -> ResponseReturnValue:
        @after_this_request
        def after_this(response: Response) -> Response:
            note("after this request")
            return response

        note("view")
        return "plain"

    @site.get("/stream")
    def stream() -> ResponseReturnValue:
        def pieces() -> Iterator[str]:
            try:
                for number in range(3):
                    note(f"piece {number} of {g.number}")
                    yield str(number)
            finally:
                note("stream ends")

        return stream_with_context(pieces())

    @site.get("/async")
    async def asynchronous() -> ResponseReturnValue:
        note("async view")
        return "asynchronous"

    @site.get("/broken")
    def broken() -> ResponseReturnValue:
        raise LookupError("broken")

    @site.get("/aborted")
    def aborted() -> ResponseReturnValue:
        abort(403)

    return site


REQUESTS = {
    "plain": get("/plain"),
    "stream": get("/stream"),
    "head of a stream": head("/stream"),
    "async view": get("/async"),
    "error": get("/broken"),
    "abort": get("/aborted"),
    "not found": get("/nowhere"),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_the_order_of_hooks(request_: Request) -> None:
    """Law, W10: hooks, view, pieces, `call_on_close` and teardown run in the same order, each as often, as natively."""
    native: list[Event] = []
    bridged: list[Event] = []
    one = natively(make_site(native), twice(request_))
    other = through_the_bridge(make_site(bridged), twice(request_))
    eventually(lambda: len(bridged) >= len(native), "the end of each request")
    assert other == one
    assert [what for what, _ in bridged] == [what for what, _ in native]
    assert sum(what == "response closed" for what, _ in bridged) == 2


@pytest.mark.parametrize("name", ["plain", "stream", "error"])
def test_one_thread_from_call_to_close(name: str) -> None:
    """W14: view, stream, `call_on_close` and teardown of a request run in one thread, which is not the loop's."""
    events: list[Event] = []
    through_the_bridge(make_site(events), visit(REQUESTS[name])())
    last = {"response closed", "teardown of the context"}
    eventually(lambda: last <= {what.partition(":")[0] for what, _ in list(events)}, "the end of the request")
    [thread] = {thread for _, thread in events}
    assert thread != threading.get_ident()


def twice(request: Request) -> Visit:
    """The same request two times: the first leaves nothing behind for the second."""
    return visit(request, request)()

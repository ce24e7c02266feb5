"""``bridge.a2wsgi``: the names and arguments of a2wsgi, with the promises of the adapters."""

from __future__ import annotations

import asyncio
import inspect
import threading
import warnings
from typing import Any

import a2wsgi
import pytest

import bridge.a2wsgi
from bridge import UsageError
from bridge.handoff.workers import WorkerPool
from tests.harness.requesting import fetch
from tests.harness.wsgi_call import serve

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it is deprecated, and points to a2wsgi
    from starlette.middleware.wsgi import WSGIMiddleware as StarlettesMiddleware


def hello_wsgi(_environ: Any, start_response: Any) -> list[bytes]:
    """Tell whose thread this is."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [threading.current_thread().name.encode()]


async def hello_asgi(scope: Any, _receive: Any, send: Any) -> None:
    """Tell whose thread this is."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": threading.current_thread().name.encode()})


def arguments_of(adapter: Any) -> list[tuple[str, Any, Any]]:
    """What an adapter is made with, as a caller has to write it."""
    parameters = inspect.signature(adapter).parameters.values()
    return [(parameter.name, parameter.kind, parameter.default) for parameter in parameters]


@pytest.mark.parametrize("name", ["ASGIMiddleware", "WSGIMiddleware"])
def test_the_arguments_are_the_same(name: str) -> None:
    """A call that makes a2wsgi's adapter makes ours, by position and by keyword, with the same defaults."""
    assert arguments_of(getattr(bridge.a2wsgi, name)) == arguments_of(getattr(a2wsgi, name))


def test_the_arguments_of_starlette() -> None:
    """A call that makes Starlette's and FastAPI's adapter makes ours."""
    assert arguments_of(StarlettesMiddleware) == arguments_of(bridge.a2wsgi.WSGIMiddleware)[:1]


@pytest.mark.parametrize(("arguments", "threads"), [((), 10), ((3,), 3), ((3, 5), 3)])
def test_a_wsgi_application(arguments: tuple[int, ...], threads: int) -> None:
    """W14: it is served by as many threads as there were workers."""
    with bridge.a2wsgi.WSGIMiddleware(hello_wsgi, *arguments) as app:
        assert isinstance(app.workers, WorkerPool)
        assert app.workers._threads == threads
        assert fetch(app).body.startswith(b"bridge-")


def test_an_asgi_application() -> None:
    """A9: it is served on the shared loop of bridge's, whatever the time to wait for background tasks."""
    with bridge.a2wsgi.ASGIMiddleware(hello_asgi, 0.5) as app:
        assert serve(app).body == b"bridge-loop"


def test_no_workers() -> None:
    """B2: what has no meaning is refused as WsgiToAsgi refuses it."""
    with pytest.raises(UsageError, match="threads must be at least 1, not 0"):
        bridge.a2wsgi.WSGIMiddleware(hello_wsgi, workers=0)


def test_a_loop_of_the_users() -> None:
    """A9: the application runs on the loop that is given, in that loop's thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="my-loop")
    thread.start()
    try:
        with bridge.a2wsgi.ASGIMiddleware(hello_asgi, loop=loop) as app:
            assert serve(app).body == b"my-loop"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()

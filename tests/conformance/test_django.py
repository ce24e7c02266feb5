"""Promises that Django's own code relies on, tested with Django."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.core import signals
from django.utils import translation

from tests.conformance import django_site
from tests.conformance.adapting import adapt
from tests.harness import Exchange, eventually, fetch, http_scope, request, run, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


CONTENT = b"content" * 10_000


@pytest.fixture
def finished() -> Iterator[list[int]]:
    """The threads in which Django's request_finished was sent; it closes the database connections."""
    threads: list[int] = []

    def finish(**_: Any) -> None:
        threads.append(threading.get_ident())

    signals.request_finished.connect(finish)
    yield threads
    signals.request_finished.disconnect(finish)


@pytest.mark.parametrize("extensions", [[], ["pathsend"], ["zerocopysend"], ["pathsend", "zerocopysend"]])
def test_file_response(tmp_path: Path, extensions: list[str], finished: list[int]) -> None:
    """W10, W11: FileResponse, which hangs response.close on the file: request_finished comes once, in the worker."""
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    scope = {
        "extensions": {f"http.response.{name}": {} for name in extensions},
        "query_string": str(file).encode(),
    }
    response = fetch(adapt(django_site.application, valid=False), path="/file", scope=scope)
    assert (response.status, response.body, response.error) == (200, CONTENT, None)
    eventually(lambda: finished, "request_finished")
    assert len(finished) == 1
    assert finished[0] != threading.get_ident()
    if "pathsend" in extensions:
        assert response.types == ["start", "pathsend"]


def test_streaming_response(finished: list[int]) -> None:
    """W10: a streamed response is closed, and request_finished comes once."""
    response = fetch(adapt(django_site.application), path="/stream")
    assert (response.status, response.body) == (200, b"onetwo")
    eventually(lambda: finished, "request_finished")
    assert len(finished) == 1


def test_language_of_outer_middleware() -> None:
    """W15: the language that ASGI middleware chose is the view's, and no other request's."""
    adapter = adapt(django_site.application)

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        with translation.override(scope["query_string"].decode()):
            await adapter(scope, receive, send)

    async def main() -> list[bytes]:
        german = await request(middleware, path="/language", scope={"query_string": b"de"})
        french = await request(middleware, path="/language", scope={"query_string": b"fr"})
        none = await request(adapter, path="/language")
        return [german.body, french.body, none.body]

    assert run(main) == [b"de", b"fr", b"en"]


def test_debug_page() -> None:
    """W1: Django's debug page prints the environ, and does not show what the scope holds."""
    scope = {
        "session": {"token": "s3cret"},
        "state": {"pool": "s3cret"},
        "headers": [(b"host", b"testserver"), (b"cookie", b"sessionid=s3cret"), (b"accept", b"text/html")],
    }
    response = fetch(adapt(django_site.application), path="/fail", scope=scope)
    assert response.status == 500
    assert b"asgi.scope" in response.body
    assert b"on purpose" in response.body
    assert b"s3cret" not in response.body


@pytest.mark.parametrize("backend", ["asyncio", "uvloop"])
def test_async_view(backend: str) -> None:
    """W16: an async view runs on the server's own loop; thread-sensitive code in it runs in the request's worker."""

    async def main() -> None:
        adapter = adapt(django_site.application, threads=1)
        await request(adapter, path="/language")  # the worker is there
        before = set(threading.enumerate())
        response = await request(adapter, path="/where")
        found = json.loads(response.body)
        assert found["loop"] == id(asyncio.get_running_loop())
        assert found["thread"] == threading.get_ident()
        assert found["worker"] not in (threading.get_ident(), None)
        assert found["worker"] in [thread.ident for thread in before]
        assert set(threading.enumerate()) <= before

    run(main, backend=backend)


def test_async_view_is_cancelled() -> None:
    """W16, W18: a client that leaves cancels the coroutine of the async view."""

    async def main() -> None:
        adapter = adapt(django_site.application)
        async with Exchange(adapter, http_scope(path="/wait")) as exchange:
            await django_site.waiting.passed()
            exchange.disconnect()
            await django_site.ended.passed()
        assert not exchange.response.complete
        await until(lambda: adapter.stats().busy == 0, "the worker is free")

    run(main)

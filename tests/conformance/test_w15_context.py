"""W15: context variables and asgiref's Local."""

from __future__ import annotations

import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.local import Local
from asgiref.sync import async_to_sync

from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN
from tests.harness import BACKENDS, Exchange, http_scope, request, run, together

var: contextvars.ContextVar[str] = contextvars.ContextVar("var", default="unset")
local: Any = Local()
critical: Any = Local(thread_critical=True)


class Places:
    """An application that looks at its context in every place where its code runs."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}

    def look(self, place: str) -> None:
        """Remember what is seen in a place."""
        self.seen[place] = (var.get(), getattr(local, "value", "unset"))

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.look("call")
        start_response("200 OK", list(PLAIN))
        return Answer(self, environ)


class Answer:
    """The iterable of `Places`."""

    def __init__(self, app: Places, environ: dict[str, Any]) -> None:
        self.app = app
        self.environ = environ
        self.left = 3

    def __iter__(self) -> Answer:
        self.app.look("iter")
        return self

    def __next__(self) -> bytes:
        self.app.look("next")
        self.environ["wsgi.input"].read(1)
        self.app.look("after reading")
        self.left -= 1
        if not self.left:
            raise StopIteration
        return b"x"

    def close(self) -> None:
        """Look here too."""
        self.app.look("close")


@pytest.mark.parametrize("backend", BACKENDS)
def test_outer_values_are_seen_everywhere(backend: str) -> None:
    """W15: what outer ASGI middleware set is seen by the application, its iterable and its close()."""
    app = Places()
    adapter = adapt(app, threads=1)

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        var.set(scope["query_string"].decode())
        local.value = scope["query_string"].decode()
        await adapter(scope, receive, send)

    async def main() -> None:
        for value in ("one", "two"):
            app.seen.clear()
            async with Exchange(
                middleware, http_scope("POST", query_string=value.encode()), body=[b"a", b"b", b"c"]
            ) as exchange:
                await exchange.finished.passed()
            assert exchange.response.body == b"xx"
            assert app.seen == dict.fromkeys(["call", "iter", "next", "after reading", "close"], (value, value))

    run(main, backend=backend)


def test_outer_values_with_an_executor() -> None:
    """W15: the same in an executor of the user's."""
    app = Places()
    with ThreadPoolExecutor(1) as executor:
        adapter = adapt(app, executor=executor)

        async def middleware(scope: Any, receive: Any, send: Any) -> None:
            var.set("outer")
            local.value = "outer"
            await adapter(scope, receive, send)

        run(lambda: request(middleware, "POST", body=b"abc"))
        assert set(app.seen.values()) == {("outer", "outer")}
        assert executor.submit(lambda: (var.get(), getattr(local, "value", "unset"))).result(10) == ("unset", "unset")


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_leaks_to_other_requests(backend: str) -> None:
    """W15: what the application sets is seen by no other request, not even on the same thread."""
    seen: list[Any] = []

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        seen.append((var.get(), getattr(local, "value", "unset"), getattr(critical, "value", "unset")))
        var.set("leak")
        local.value = "leak"
        start_response("200 OK", list(PLAIN))
        yield var.get().encode()
        local.value = "leak again"
        var.set("leak again")

    async def main() -> None:
        adapter = adapt(app, threads=1)
        for _ in range(3):
            assert (await request(adapter)).body == b"leak"

    run(main, backend=backend)
    assert seen == [("unset", "unset", "unset")] * 3


def test_the_caller_keeps_its_own() -> None:
    """W15: what the application sets does not change the context of the ASGI caller's other requests."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        var.set("inner")
        start_response("200 OK", list(PLAIN))
        return [b"x"]

    async def main() -> list[str]:
        adapter = adapt(app)
        await request(adapter)
        return [var.get()]

    assert run(main) == ["unset"]


def test_requests_at_once() -> None:
    """W15: many requests at once see each their own values."""
    meeting = threading.Barrier(4, timeout=10)

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        first = var.get(), local.value
        start_response("200 OK", list(PLAIN))
        meeting.wait()
        yield f"{first} {(var.get(), local.value)}".encode()

    adapter = adapt(app, threads=4)

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        value = scope["query_string"].decode()
        var.set(value)
        local.value = value
        await adapter(scope, receive, send)

    async def main() -> None:
        exchanges = [Exchange(middleware, http_scope(query_string=b"%d" % number)) for number in range(4)]
        async with together(exchanges):
            pass
        for number, exchange in enumerate(exchanges):
            value = (str(number), str(number))
            assert exchange.response.body == f"{value} {value}".encode()

    run(main)


def test_context_in_a_thread_of_the_library() -> None:
    """W15: asgiref's sync_to_async and the adapter agree: a Local set in a sync view is seen by an async one inside."""

    async def inner() -> tuple[str, str]:
        found = var.get(), local.value
        var.set("inner")
        local.value = "inner"
        return found

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        var.set("view")
        local.value = "view"
        found = async_to_sync(inner)()
        start_response("200 OK", list(PLAIN))
        return [f"{found} {(var.get(), local.value)}".encode()]

    async def main() -> bytes:
        return (await request(adapt(app))).body

    for backend in BACKENDS:
        assert run(main, backend=backend) == b"('view', 'view') ('inner', 'inner')"

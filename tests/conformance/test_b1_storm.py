"""B1: a storm of requests of all kinds, most of which end badly."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest

from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN, Chunks, endless
from tests.harness import BACKENDS, DISCONNECT, Exchange, Gate, http_scope, request, run, until

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ["whole", "stream", "endless", "read", "write", "file", "error", "late error", "exit", "short upload", "HEAD"]
ENDS = ["none", "disconnect", "cancel", "slow", "failing send"]
REQUESTS = 150


class Storm:
    """An application with a path for each kind; it counts what it opened and what was closed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.Lock()
        self.answers: list[Chunks] = []
        self.files: list[Any] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        kind = environ["PATH_INFO"].strip("/")
        if kind in ("read", "short upload"):
            environ["wsgi.input"].read()
        if kind == "error":
            raise LookupError(kind)
        if kind == "exit":
            raise SystemExit
        write = start_response("200 OK", list(PLAIN))
        if kind == "write":
            for _ in range(5):
                write(b"x" * 1000)
        if kind == "file":
            with self.lock:
                self.files.append(self.path.open("rb"))
                return environ["wsgi.file_wrapper"](self.files[-1])
        if kind == "whole":
            return [b"whole"]
        with self.lock:
            self.answers.append(Chunks(self.chunks(kind)))
            return self.answers[-1]

    def chunks(self, kind: str) -> Any:
        """Yield what the kind wants."""
        if kind == "endless":
            yield from endless()
        for _ in range(5):
            yield b"x" * 1000
        if kind == "late error":
            raise LookupError(kind)


async def one(adapter: Any, kind: str, end: str, turns: int) -> None:
    """Make one request and end it as told."""
    scope = http_scope("HEAD" if kind == "HEAD" else "POST", "/" + kind)
    if kind == "file" and turns % 2:
        scope["extensions"] = {"http.response.zerocopysend": {}}
    body: Any = [b"a" * 1000, DISCONNECT] if kind == "short upload" else [b"a" * 1000, b"b" * 1000]
    if kind == "endless":
        # An unread body of several messages would hide the disconnect
        body = b"a" * 1000
    exchange = Exchange(
        adapter,
        scope,
        body=body,
        gone=ConnectionResetError("gone") if turns % 3 == 0 else None,
        stall_after=turns % 4 if end == "slow" else None,
        fail_at=turns % 4 if end == "failing send" else None,
        suspending=turns % 5 == 0,
    )
    async with exchange:
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
        if end in ("disconnect", "cancel"):
            getattr(exchange, end)()
        elif end == "slow":
            exchange.resume.open()
        if kind == "endless":
            exchange.disconnect()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("threads", [1, 2, 7])
def test_storm(tmp_path: Path, threads: int, backend: str) -> None:
    """B1: every call returns, every answer and file is closed, every thread is free, and the next request is served."""
    path = tmp_path / "file"
    path.write_bytes(b"f" * 100_000)
    app = Storm(path)
    adapter = adapt(app, valid=False, threads=threads, write_buffer=2000)
    dice = random.Random(threads)  # noqa: S311 - to be the same every time

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(REQUESTS):
                group.start_soon(one, adapter, dice.choice(KINDS), dice.choice(ENDS), dice.randrange(40))
        await until(lambda: adapter.stats().busy == 0, "every thread is free")
        assert adapter.stats().in_flight == 0
        assert adapter.stats().queued == 0
        assert adapter.stats().stuck == 0
        assert [chunks.closed for chunks in app.answers] == [1] * len(app.answers)
        assert all(file.closed for file in app.files)
        assert (await request(adapter, path="/whole")).body == b"whole"

    run(main, backend=backend, limit=40)


def test_storm_on_two_loops(tmp_path: Path) -> None:
    """B1, W19: the same from two loops at once, one of them trio's."""
    path = tmp_path / "file"
    path.write_bytes(b"f" * 100_000)
    app = Storm(path)
    adapter = adapt(app, valid=False, threads=3, write_buffer=2000)
    failures: list[BaseException] = []
    meeting = Gate("both loops run")

    async def main(seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311 - to be the same every time
        await meeting.passed()
        async with anyio.create_task_group() as group:
            for _ in range(REQUESTS):
                group.start_soon(one, adapter, dice.choice(KINDS), dice.choice(ENDS), dice.randrange(40))

    def serve(backend: str) -> None:
        try:
            run(lambda: main(len(backend)), backend=backend, limit=40)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=serve, args=(backend,)) for backend in ("uvloop", "trio")]
    for thread in threads:
        thread.start()
    meeting.open()
    for thread in threads:
        thread.join(50)
    assert not failures

    async def after() -> None:
        await until(lambda: adapter.stats().busy == 0, "every thread is free")
        assert (adapter.stats().in_flight, adapter.stats().queued) == (0, 0)
        assert [chunks.closed for chunks in app.answers] == [1] * len(app.answers)
        assert all(file.closed for file in app.files)

    run(after)

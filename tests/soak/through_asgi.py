"""A soak's requests through an ASGI application, in this process: the strict server of the harness, on one loop."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.lowlevel

from tests.harness import DISCONNECT, Exchange, http_scope, run
from tests.soak.plans import PATIENCE, SEED, Plan, plan_of
from tests.soak.seen import Seen, faults_of
from tests.soak.wsgi_application import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

ENDS: Final = ("none", "none", "none", "slow", "disconnect", "cancel", "failing send", "short upload")
AT_ONCE: Final = 32


def soak(app: Any, first: int, last: int, *, is_idle: Callable[[], bool], seed: int = SEED) -> list[str]:
    """Make the requests of these numbers, many at a time; return what is wrong with their answers.

    is_idle: tells whether all threads are done, of requests that were given up as well. The loop goes on so long, as a
        server's does through its shutdown: a call that asgiref has put into a loop that then ends is never answered.
    """
    faults: list[str] = []
    numbers = itertools.count(first)

    async def client() -> None:
        while (number := next(numbers)) < last and len(faults) < AT_ONCE:
            plan = plan_of(number, KINDS, ENDS, seed)
            try:
                seen = await one(app, plan)
            except BaseException as error:
                error.add_note(str(plan))
                raise
            faults.extend(f"{plan}: {fault}" for fault in faults_of(plan, seen))

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(AT_ONCE):
                group.start_soon(client)
        while not is_idle():  # noqa: ASYNC110  threads tell nobody
            await anyio.sleep(0.01)

    run(main, limit=PATIENCE)
    return faults


async def one(app: Any, plan: Plan) -> Seen:
    """Make one request, and end it as planned."""
    headers = [(b"x-token", plan.token.encode()), (b"x-size", b"%d" % plan.size)]
    body = plan.body
    pieces: Any = body
    if plan.end == "short upload" and body:
        # Of a body that nobody reads no more is received than the write buffer has bytes, and so no disconnect after it
        pieces = [body[: plan.size // 2][:1000], DISCONNECT]
    elif plan.turn % 2 and plan.kind != "endless":
        pieces = [body[:10], body[10:]]
    if plan.turn % 3:
        headers.append((b"content-length", b"%d" % plan.size))
    scope = http_scope("POST", plan.path, headers=headers)
    if plan.number % 2:
        scope["extensions"] = {"http.response.zerocopysend": {}}
    exchange = QuietExchange(
        app,
        scope,
        body=pieces,
        gone=ConnectionResetError("gone") if plan.number % 3 == 0 else None,
        stall_after=plan.turn % 4 if plan.end == "slow" else None,
        fail_at=plan.turn % 4 if plan.end == "failing send" else None,
        suspending=plan.number % 5 == 0,
        awaitable=plan.number % 7 == 0,
    )
    async with exchange:
        for _ in range(plan.turn):
            await anyio.lowlevel.checkpoint()
        if plan.end in ("disconnect", "cancel"):
            getattr(exchange, plan.end)()
        exchange.resume.open()
        if plan.kind == "endless":
            exchange.disconnect()
    response = exchange.response
    return Seen(
        response.status,
        next((value.decode() for name, value in response.headers if name == b"x-token"), None),
        response.body,
        response.complete,
        response.error,
    )


class QuietExchange(Exchange):
    """One that nobody waits for step by step."""

    def _note(self, event: str) -> None:
        self.events.append(event)

"""A soak's requests to a real server, by clients in threads that decide about every byte."""

from __future__ import annotations

import http.client
import itertools
import threading
from typing import TYPE_CHECKING, Final

from tests.servers.wire import Wire, head
from tests.soak.plans import PATIENCE, SEED, Plan, plan_of
from tests.soak.seen import Seen, faults_of

if TYPE_CHECKING:
    from collections.abc import Sequence

ENDS: Final = ("none", "none", "none", "slow", "resets", "leaves", "short upload")
AT_ONCE: Final = 8


def soak(port: int, kinds: Sequence[str], first: int, last: int, *, seed: int = SEED) -> list[str]:
    """Make the requests of these numbers, several at a time; return what is wrong with their answers."""
    faults: list[str] = []
    numbers = itertools.count(first)

    def client() -> None:
        while (number := next(numbers)) < last and len(faults) < AT_ONCE:
            plan = plan_of(number, kinds, ENDS, seed)
            try:
                seen = one(port, plan)
            except Exception as error:
                faults.append(f"{plan}: {error!r}")
                return
            faults.extend(f"{plan}: {fault}" for fault in faults_of(plan, seen))

    clients = [threading.Thread(target=client, name=f"soak-client-{number}", daemon=True) for number in range(AT_ONCE)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join(PATIENCE)
    return faults + [f"{thread.name} hangs" for thread in clients if thread.is_alive()]


def one(port: int, plan: Plan) -> Seen:
    """Make one request, and end it as planned."""
    fields = [f"X-Token: {plan.token}", f"X-Size: {plan.size}", f"Content-Length: {plan.size}", "Connection: close"]
    with Wire(port, receive_buffer=2048 if plan.end == "slow" else None) as wire:
        wire.send(head("POST", plan.path, *fields))
        if plan.end == "short upload" and plan.size:
            wire.send(plan.body[: plan.size // 2])
            wire.reset()
            return Seen(None, None, b"", complete=False)
        for start in range(0, plan.size, 1000):
            wire.send(plan.body[start : start + 1000])
        if plan.end == "resets" and plan.turn < 4:
            wire.reset()
            return Seen(None, None, b"", complete=False)
        response = wire.response("POST")
        complete = True
        if plan.kind == "endless" or plan.end in ("resets", "leaves"):
            body = response.read1(100)
            complete = False
        else:
            try:
                body = response.read()
            except http.client.IncompleteRead as rest:
                body = rest.partial
                complete = False
        token = response.headers["x-token"]
        response.close()
        if plan.end == "resets":
            wire.reset()
        return Seen(response.status, token, body, complete)

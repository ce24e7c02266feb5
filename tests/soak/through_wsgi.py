"""A soak's requests through a WSGI application, in this process: the strict server of the harness, in many threads."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Self

from tests.harness.wsgi_call import Call
from tests.soak.asgi_application import KINDS
from tests.soak.plans import PATIENCE, SEED, Plan, plan_of
from tests.soak.seen import Seen, faults_of

if TYPE_CHECKING:
    from tests.harness import Gate

ENDS: Final = ("none", "none", "none", "slow", "taken", "leaves", "short upload", "failing upload")
AT_ONCE: Final = 16
SLOWNESS: Final = 0.01
"""Seconds after which slow clients read on."""


def soak(app: Any, first: int, last: int, *, seed: int = SEED) -> list[str]:
    """Make the requests of these numbers, many at a time; return what is wrong with their answers."""
    faults: list[str] = []
    numbers = itertools.count(first)
    slow: deque[Gate] = deque()

    def client() -> None:
        while (number := next(numbers)) < last and len(faults) < AT_ONCE:
            plan = plan_of(number, KINDS, ENDS, seed)
            try:
                seen = one(app, plan, slow)
            except BaseException as error:
                faults.append(f"{plan}: {error!r}")
                return
            faults.extend(f"{plan}: {fault}" for fault in faults_of(plan, seen))

    clients = [threading.Thread(target=client, name=f"soak-client-{number}", daemon=True) for number in range(AT_ONCE)]
    for thread in clients:
        thread.start()
    deadline = time.monotonic() + PATIENCE
    while any(thread.is_alive() for thread in clients) and time.monotonic() < deadline:
        time.sleep(SLOWNESS)
        while slow:
            slow.popleft().open()
    return faults + [f"{thread.name} hangs" for thread in clients if thread.is_alive()]


def one(app: Any, plan: Plan, slow: deque[Gate]) -> Seen:
    """Make one request, and end it as planned; `slow` takes the gate that a slow client waits for."""
    body: Any = plan.body
    if plan.turn % 2:
        body = [body[:10], body[10:]]
    declared: bool | int = True
    if plan.end in ("short upload", "failing upload"):
        body = [plan.body[: plan.size // 2]]
        declared = plan.size + 1
        if plan.end == "failing upload":
            body.append(ConnectionResetError("gone"))
    call = HereCall(
        app,
        "POST",
        plan.path,
        headers=[("X-Token", plan.token), ("X-Size", str(plan.size))],
        body=body,
        declared=declared,
        terminated=plan.number % 3 == 0,
        read1=plan.number % 5 == 0,
        tells=plan.number % 7 == 0,
        take=taken(plan),
        hold_after=plan.turn % 3 if plan.end in ("slow", "leaves") else None,
        valid=plan.number % 4 == 0,
    )
    if plan.end == "leaves":
        call.leave()
    elif plan.end == "slow":
        slow.append(call.resume)
    with call:
        answer = call.end()
    return Seen(
        None if answer.status is None else answer.code,
        next(iter(answer.values("x-token")), None),
        answer.body,
        answer.complete,
        answer.error,
    )


def taken(plan: Plan) -> int | None:
    """How many chunks the server takes; what is endless, or waits for the end, needs one."""
    if plan.kind == "waits":
        return plan.turn % 2  # its pieces may come as one chunk
    if plan.end == "taken":
        return plan.turn % 4
    return 2 if plan.kind == "endless" else None


class HereCall(Call):
    """A request that is served in the thread that makes it, as a server's thread serves one request after another."""

    def __enter__(self) -> Self:
        self.thread = threading.current_thread()
        self._serve()
        return self

    def end(self, limit: float = 0.0) -> Any:
        """Demand that no rule was broken."""
        self.finished.wait(limit)
        if self.violations:
            raise self.violations[0]
        return self.answer

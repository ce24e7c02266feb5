"""One request, from the server's side: a scope, a scripted `receive`, a strict `send`, a client that may vanish."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.lowlevel

from tests.harness.checking import ResponseChecker
from tests.harness.gates import Gate, first_of
from tests.harness.limits import LIMIT
from tests.harness.scopes import http_scope
from tests.harness.violations import Violation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Sequence
    from types import TracebackType
    from typing import Self

    from tests.harness.response import Response

DISCONNECT: Final = {"type": "http.disconnect"}
"""In the script of a body: here the client vanishes."""

TURNS_TO_SEND: Final = 5
"""Turns of the loop that `send()` of a suspending server takes: enough for a pending `receive()` to end before it."""

Item = bytes | Gate | BaseException | dict[str, Any]
Application = Any


class Exchange:
    """Calls the application with one request and keeps what it does.

    `body` is one byte string, or a script: byte strings (each one message, the last item being the end of the body),
    gates (nothing goes on before they open), `DISCONNECT`, whole messages, and exceptions for `receive()` to raise.
    After the script `receive()` waits for the end of the response and then says `http.disconnect`, as servers do.

    `gone` is what `send()` does after the client left: nothing (uvicorn, hypercorn, daphne, gunicorn), or raise it.
    `stall_after` messages the client stops reading: `send()` blocks until `resume` is opened or the client vanishes.
    `fail_at`: the number of the message whose `send()` raises `OSError`.
    `awaitable`: `receive()` returns an awaitable that is no coroutine (granian).
    `suspending`: `receive()` and `send()` suspend even where they need not.
    """

    def __init__(
        self,
        app: Application,
        scope: dict[str, Any] | None = None,
        *,
        body: bytes | Sequence[Item] = b"",
        gone: OSError | None = None,
        stall_after: int | None = None,
        fail_at: int | None = None,
        awaitable: bool = False,
        suspending: bool = False,
    ) -> None:
        self.app = app
        self.scope = http_scope() if scope is None else scope
        self.checker = ResponseChecker(self.scope)
        self.response: Response = self.checker.response
        self.events: list[str] = []
        self.ignored: list[dict[str, Any]] = []
        self.received = 0
        self.client_gone = Gate("the client's leaving")
        self.resume = Gate("the client's reading on")
        self.stalled = Gate("a send() that blocks")
        self.answered = Gate("the end of the response")
        self.finished = Gate("the return of the application")
        self.violations: list[Violation] = []
        self._script = deque(messages_of(body))
        self._gone = gone
        self._stall_after = stall_after
        self._fail_at = fail_at
        self._suspending = suspending
        self._receiving = False
        self._sending = False
        self._returned = False
        self._thread: int | None = None
        self._task: asyncio.Task[None] | None = None
        self._scope_of_trio: anyio.CancelScope | None = None
        self._nursery: Any = None
        self._changed = Gate("a change")
        self.receive: Callable[[], Awaitable[dict[str, Any]]] = self._receive_awaitable if awaitable else self._receive

    # What the test does

    async def run(self) -> None:
        """Call the application and keep how that ends."""
        self._thread = threading.get_ident()
        try:
            await self.app(self.scope, self.receive, self.send)
        except BaseException as error:
            self.response.error = error
            if self._nursery is not None and not isinstance(error, Exception):
                raise  # trio's own cancellation must reach its scope
        finally:
            self._end()

    def _end(self) -> None:
        if not self._returned:
            self._returned = True
            self._note("returned")
            self.finished.open()

    async def _run_cancellable(self, scope: anyio.CancelScope) -> None:
        with scope:
            await self.run()

    async def __aenter__(self) -> Self:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._nursery = anyio.create_task_group()
            await self._nursery.__aenter__()
            self._scope_of_trio = anyio.CancelScope()
            self._nursery.start_soon(self._run_cancellable, self._scope_of_trio)
        else:
            self._task = loop.create_task(self.run())
            # A task that is cancelled before its first step runs nothing at all
            self._task.add_done_callback(lambda _: self._end())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is not None:
                self.cancel()
            await self.finished.passed()
        except TimeoutError as late:
            late.add_note(f"{self.scope.get('path')}: {self.events}")
            raise
        finally:
            if not self._returned:
                self.cancel()
            if self._task is not None:
                await asyncio.wait([self._task], timeout=LIMIT)
            else:
                await self._nursery.__aexit__(None, None, None)
        if kind is None:
            self.check()

    def check(self) -> None:
        """Raise the first violation, if there was one."""
        if self.violations:
            raise self.violations[0]

    def disconnect(self) -> None:
        """The client vanishes; from any thread."""
        self.client_gone.open()

    def cancel(self) -> None:
        """Cancel the application as a server does that stops."""
        if self._task is not None:
            self._task.cancel()
        elif self._scope_of_trio is not None:
            self._scope_of_trio.cancel()

    async def until(self, holds: Callable[[], object], limit: float = LIMIT) -> None:
        """Wait until `holds()`; it is asked after each event of this exchange."""
        with anyio.move_on_after(limit):
            while not holds():
                if self._returned:
                    raise AssertionError(
                        f"the application returned before that: {self.events}, {self.response.error!r}"
                    )
                await first_of(self._changed)
        if not holds():
            raise TimeoutError(f"not within {limit:g} s; so far: {self.events}")

    # What the application calls

    def _receive_awaitable(self) -> Awaitable[dict[str, Any]]:
        return NoCoroutine(self._receive)

    async def _receive(self) -> dict[str, Any]:
        self._guard("receive()", outstanding=self._receiving)
        self._receiving = True
        self._note("receive")
        try:
            if self._suspending:
                await anyio.lowlevel.checkpoint()
            message = await self._next_message()
        finally:
            self._receiving = False
        self.received += 1
        self._note("received " + message["type"].removeprefix("http."))
        return message

    async def _next_message(self) -> dict[str, Any]:
        while not self.client_gone.is_open and not self.response.complete:
            item = self._script[0] if self._script else None
            if item is None:
                await first_of(self.client_gone, self.answered)
            elif isinstance(item, Gate):
                await first_of(item, self.client_gone, self.answered)
                if item.is_open:
                    self._script.popleft()
            else:
                self._script.popleft()
                if isinstance(item, BaseException):
                    raise item
                if item["type"] == "http.disconnect":
                    self.client_gone.open()
                return dict(item)
        return dict(DISCONNECT)

    async def send(self, message: Any) -> None:
        """Take a message of the response, as strictly as the specification is read."""
        self._guard("send()", outstanding=self._sending)
        if self.client_gone.is_open:
            self.ignored.append(message)
            if self._gone is not None:
                raise self._gone
            return
        number = len(self.response.messages)
        if number == self._fail_at:
            raise OSError(f"message {number} could not be sent")
        try:
            self.checker.check(message)
        except Violation as violation:
            self.violations.append(violation)
            raise
        self._sending = True
        self._note("send " + message["type"].removeprefix("http.response."))
        if self.response.complete:
            self.answered.open()
        try:
            for _ in range(TURNS_TO_SEND if self._suspending else 0):
                await anyio.lowlevel.checkpoint()
            if self._stall_after is not None and number >= self._stall_after:
                self.stalled.open()
                await first_of(self.resume, self.client_gone)
                if self._gone is not None and not self.resume.is_open:
                    raise self._gone
        finally:
            self._sending = False

    def _guard(self, call: str, *, outstanding: bool) -> None:
        problem = None
        if threading.get_ident() != self._thread:
            problem = f"{call} from a thread that is not the loop's"
        elif self._returned:
            problem = f"{call} after the application returned"
        elif outstanding:
            problem = f"{call} while the last one is outstanding"
        if problem is not None:
            violation = Violation(problem)
            self.violations.append(violation)
            raise violation

    def _note(self, event: str) -> None:
        self.events.append(event)
        changed, self._changed = self._changed, Gate("a change")
        changed.open()


@asynccontextmanager
async def together(exchanges: Iterable[Exchange]) -> AsyncIterator[None]:
    """Start all these exchanges, and wait for them at the end of the block."""
    async with AsyncExitStack() as stack:
        for exchange in exchanges:
            await stack.enter_async_context(exchange)
        yield


class NoCoroutine:
    """An awaitable as granian's: it has `__await__` and is no coroutine."""

    def __init__(self, receive: Callable[[], Any]) -> None:
        self._receive = receive

    def __await__(self) -> Generator[Any, None, dict[str, Any]]:
        result: Generator[Any, None, dict[str, Any]] = self._receive().__await__()
        return result


def messages_of(body: bytes | Sequence[Item]) -> list[Gate | BaseException | dict[str, Any]]:
    """Return the script as messages; the byte string at its very end ends the body."""
    items: Sequence[Item] = [body] if isinstance(body, bytes) else body
    last = len(items) - 1
    return [
        {"type": "http.request", "body": item, "more_body": number != last} if isinstance(item, bytes) else item
        for number, item in enumerate(items)
    ]

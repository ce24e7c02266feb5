"""The body of one request on its way from ``receive()`` in the loop to the worker thread that reads it.

One owner of ``receive``. ASGI does not say what two outstanding ``receive()`` calls mean, and both the reader of the
body and the watch for a disconnect need one, so this object alone calls it, one call at a time, and both take from it:

- before a worker thread is taken, ``prefetch`` or ``spool`` may read the whole body in the request's own task;
- after that a task of its own (``_pump``) receives. It is started when the reader first needs a message, or when
  somebody wants to hear of a disconnect. It holds one message that nobody asked for and receives no further before
  that is taken.

A message that was received is never lost: whatever ends the pump, the message is in ``_inbox`` before the pump goes on.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

from bridge._types import Receive, Scope
from bridge.errors import BodyTooLarge, ClientDisconnected, Overloaded, ReadTimeout, ServerError
from bridge.handoff.baton import Baton
from bridge.handoff.loops import Cancellable, Loop, Slot, end_wait, wait_at_most
from bridge.translation.requests import request_line

if TYPE_CHECKING:
    import tempfile

logger = logging.getLogger("bridge")

# A worker that waits looks up now and then whether its loop still exists: nobody would wake it if the loop was closed
# under it.
LOOK_UP_SECONDS = 5.0

_SPOOL_BLOCK = 262_144  # bytes read back from a spooled body at a time


def spool_type() -> type[tempfile.SpooledTemporaryFile[bytes]]:
    """Return what bodies are spooled into.

    Its module takes a fifth of the time of bridge's import, and most adapters never spool. Those that may call this as
    they are made: a process that has run out of files at its first request could not load it then.
    """
    import tempfile  # noqa: PLC0415

    return tempfile.SpooledTemporaryFile


class RequestBody:
    """The body of one request.

    context: what receive() runs in.
    max_size: bytes that the application may get, None: any number.
    read_timeout: seconds that a reader waits for the next message, None: for ever.
    expects_continue: the client waits for ``100 Continue``, which most servers send at the first ``receive()``: only
        the reader, or a response that has begun, may cause that.
    """

    __slots__ = (
        "_ahead",
        "_ahead_slot",
        "_context",
        "_error",
        "_expects_continue",
        "_holding",
        "_inbox",
        "_is_complete",
        "_loop",
        "_max_size",
        "_read_timeout",
        "_reader_waits",
        "_response_began",
        "_resume_slot",
        "_scope",
        "_size",
        "_spool",
        "_started",
        "_stop_slot",
        "_taken_size",
        "_watches",
        "baton",
        "gone",
        "on_disconnect",
        "pump_task",
        "receive",
        "too_large",
    )

    def __init__(
        self,
        receive: Receive,
        loop: Loop,
        scope: Scope,
        context: contextvars.Context,
        *,
        max_size: int | None,
        read_timeout: float | None,
        expects_continue: bool,
        response_has_begun: bool = False,
        ahead: int,
    ) -> None:
        self.receive = receive
        self._loop = loop
        self._scope = scope
        self._context = context
        self._max_size = max_size
        self._read_timeout = read_timeout
        self._expects_continue = expects_continue
        self._ahead = ahead
        self._response_began = response_has_begun
        self.on_disconnect: Callable[[], None] | None = None
        self._inbox: deque[bytes] = deque()
        self._size = 0
        self._taken_size = 0  # written by the loop before a worker thread is taken, then by that
        self._is_complete = False
        self._error: BaseException | None = None
        self._started = False
        self._watches = False
        self._holding = False
        self._reader_waits = False
        self.pump_task: Cancellable | None = None  # what receives beside the request's own task, while it runs
        self._resume_slot: Slot | None = None
        self._ahead_slot: Slot | None = None
        self._stop_slot: Slot | None = None
        self._spool: IO[bytes] | None = None
        self.baton: Baton | None = None
        self.gone = False
        self.too_large = False

    # ---- in the loop -------------------------------------------------------------------------------------------------

    async def prefetch_in_loop(self, in_memory: int) -> None:
        """Receive the whole body, which is known to be small, or as much of it as comes."""
        if self._read_timeout is not None:
            await self._read_ahead_in_loop(in_memory, in_memory)
            return
        # A server need not hold the body to its declared length: no more than in_memory is taken ahead in any case.
        while not self._is_complete and self._size < in_memory:
            if not self._take_message_in_loop(await self.receive()):
                return

    async def spool_in_loop(self, in_memory: int) -> None:
        """Receive the whole body into a temporary file that stays in memory up to in_memory bytes.

        With read_timeout, a client that sends nothing for so long ends this: the reader comes to the end of what is
        there, and then waits as it does for a body that was not spooled.

        Raises Overloaded if the disk is full.
        """
        await self._read_ahead_in_loop(in_memory, None)

    async def _read_ahead_in_loop(self, in_memory: int, limit: int | None) -> None:
        try:
            spool = self._spool = spool_type()(max_size=in_memory)
        except OSError as error:
            raise self._spool_error(error) from error
        while not self._is_complete and (limit is None or self._size < limit) and await self._more_came_in_loop():
            try:
                while self._inbox:
                    spool.write(self._take_piece())
            except OSError as error:
                raise self._spool_error(error) from error
            self._resume_in_loop()
        try:
            spool.seek(0)  # which writes what is left in the file's buffer
        except OSError as error:
            raise self._spool_error(error) from error

    def _spool_error(self, error: OSError) -> Overloaded:
        return Overloaded(f"the body of {request_line(self._scope)} could not be spooled: {error}")

    async def _more_came_in_loop(self) -> bool:
        """Wait for one message of the body, at most read_timeout seconds. Return False if none came."""
        if self._read_timeout is None:
            return self._take_message_in_loop(await self.receive())
        # A receive() that may be given up must not be awaited here: the message of a cancelled one could be lost.
        self._start_pump_in_loop()
        if not self._inbox and not self._is_over():
            self._ahead_slot = self._loop.slot()
            try:
                await wait_at_most(self._loop, self._ahead_slot, self._read_timeout)
            finally:
                self._ahead_slot = None
        return bool(self._inbox) or self._is_complete

    def _is_over(self) -> bool:
        return self._is_complete or self._error is not None or self.gone

    def watch_in_loop(self) -> None:
        """Begin to listen for a disconnect, once that cannot be taken for reading by a client that waits for 100."""
        self._watches = True
        if self._started:
            self._resume_in_loop()
        elif not self._expects_continue:
            self._start_pump_in_loop()

    def response_began_in_loop(self) -> None:
        """Take note that the response's start went out: a client that waited for 100-continue has its answer."""
        self._expects_continue = False
        self._response_began = True
        if self._watches:
            self._start_pump_in_loop()
        if self._resume_slot is not None:
            self._resume_in_loop()

    def _start_pump_in_loop(self) -> None:
        if not self._started:
            self._started = True
            self.pump_task = self._loop.spawn(self._pump, self._pump_ended_in_loop, self._context)

    async def _pump(self) -> None:
        try:
            # Looked at first: trio begins a task that was cancelled before its first step.
            while not self.gone and self._take_message_in_loop(await self.receive()):
                # What may be held for a reader that has not asked is there, and the pump and the reader do:
                #
                #   pump (loop)                          take (worker)
                #   1. the message is in the inbox       a. take a message out of the inbox
                #   2. say that we hold (_holding)       b. if the pump holds and that was the last one: wake it
                #   3. if the inbox is not full: go on
                #   4. wait to be woken
                #
                # If the last (a) comes before 2, step 3 sees it; if it comes after 2, (b) does. Both may happen: then
                # the wake finds nobody waiting and does nothing.
                #
                # Behind the body comes nothing but a disconnect, which nobody has asked for as long as it is not
                # watched for: a test client may tell of it at once, and still take the answer.
                while self._is_full() or (self._is_complete and not self._watches):
                    self._resume_slot = self._loop.slot()
                    self._holding = True
                    if self._is_complete or self._is_full():
                        await self._resume_slot
                    self._holding = False
                    self._resume_slot = None
        except Exception as error:  # noqa: BLE001  handed to the reader
            self._failed_in_loop(error)

    def _is_full(self) -> bool:
        """Tell whether the pump holds all that it may.

        That is one message. But an application that answers and does not read would never hear of its client's leaving,
        which the server tells behind the body; so once the response has begun, it is ``_ahead`` bytes.
        """
        # The message that a waiting reader asked for is not held: it is on its way.
        if len(self._inbox) <= self._reader_waits or self._is_complete:
            return False
        # By two counts, each written by one thread: a worker may change the inbox while the loop would add it up.
        return not self._response_began or self._size - self._taken_size >= self._ahead

    def _pump_ended_in_loop(self) -> None:
        self.pump_task = None
        end_wait(self._stop_slot)

    def _take_message_in_loop(self, message: Any) -> bool:
        """Take one message from ``receive``. Return False if no further one may come."""
        kind = message.get("type")
        if kind == "http.request":
            if self._is_complete:
                # The body has ended, so this server does not tell of disconnects; asking on and on could spin for ever.
                return False
            body = message.get("body") or b""
            if body:
                self._size += len(body)
                if self._max_size is not None and self._size > self._max_size:
                    self.too_large = True
                    self._fail_in_loop(self.too_large_error())
                    return False
                self._inbox.append(bytes(body))
            if not message.get("more_body", False):
                # Last: whoever sees that the body is complete sees all of it.
                self._is_complete = True
            self._tell_reader_in_loop()
            return True
        if kind == "http.disconnect":
            self._disconnected_in_loop()
            return False
        raise ServerError(
            f"the server gave a message of type {kind!r} for {request_line(self._scope)}, where http.request is due"
        )

    def _disconnected_in_loop(self) -> None:
        self.give_up_in_loop()
        if self.on_disconnect is not None:
            self.on_disconnect()

    def _failed_in_loop(self, error: Exception) -> None:
        """Take an error of ``receive()`` itself."""
        if self._is_complete:
            # Only the watch for a disconnect has failed. The response can do without.
            logger.debug("bridge: no disconnect can be heard of for %s", request_line(self._scope), exc_info=error)
            return
        self._fail_in_loop(error)

    def _fail_in_loop(self, error: Exception) -> None:
        self._error = error
        self._tell_reader_in_loop()

    def _tell_reader_in_loop(self) -> None:
        if self.baton is not None:
            self.baton.wake()
        if self._ahead_slot is not None:
            end_wait(self._ahead_slot)

    def too_large_error(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"the body of {request_line(self._scope)} is longer than max_body_size ({self._max_size} bytes)"
        )

    def give_up_in_loop(self) -> None:
        """Let a reader that waits, and all later ones, fail: nobody sends any more of the body."""
        self.gone = True
        self._tell_reader_in_loop()

    def stop_in_loop(self) -> None:
        """Receive no more: the request is over."""
        self.on_disconnect = None
        self.give_up_in_loop()  # an application may go on reading in a thread of its own
        self._started = True  # a reader may have asked for the pump just now: it is not to start any more
        if self.pump_task is not None:
            with contextlib.suppress(RuntimeError):  # the loop may be closed
                self.pump_task.cancel()

    async def stopped_in_loop(self, limit: float) -> None:
        """Wait until ``pump_task`` has ended, at most limit seconds: a ``receive()`` may ignore its cancellation."""
        self._stop_slot = self._loop.slot()
        await wait_at_most(self._loop, self._stop_slot, limit)

    def close(self) -> None:
        """Free what the body holds."""
        self._inbox.clear()
        if self._spool is not None:
            with contextlib.suppress(OSError):  # a full disk: it cannot write what nobody will read
                self._spool.close()

    def _resume_in_loop(self) -> None:
        end_wait(self._resume_slot)

    # ---- in the worker -----------------------------------------------------------------------------------------------

    def take_in_worker(self) -> bytes:
        """Return the next piece of the body, ``b""`` at its end; wait for it.

        Raises ClientDisconnected, ReadTimeout, BodyTooLarge, or what ``receive()`` raised.
        """
        if self._spool is not None and not self.too_large:
            piece = self._spool.read(_SPOOL_BLOCK)
            if piece:
                return piece
        deadline: float | None = None
        while True:
            # In this order: the loop puts a piece into the inbox first, says second that it was the last one, and third
            # that the client is gone. Whoever looks the other way round could see an empty inbox, then "complete", and
            # lose the piece between; or a body that is not complete, then "gone", and take an end for a break.
            is_broken = self._error is not None or self.gone
            is_complete = self._is_complete
            if self._inbox:
                self._reader_waits = False
                piece = self._take_piece()
                if self._holding and not self._inbox:
                    self._ask(self._resume_in_loop)
                return piece
            if is_complete or is_broken:
                break
            if self.baton is None:
                self.baton = Baton()
                continue  # the loop may have had news in between, and nobody to wake
            self._reader_waits = True
            if not self._started:
                self._ask(self._start_pump_in_loop)
            wait = LOOK_UP_SECONDS
            if self._read_timeout is not None:
                now = time.monotonic()
                deadline = deadline or now + self._read_timeout
                if now >= deadline:
                    raise ReadTimeout(
                        f"no byte of the body of {request_line(self._scope)} came for {self._read_timeout} seconds "
                        "(read_timeout)"
                    )
                wait = min(wait, deadline - now)
            if not self.baton.wait(wait) and self._loop.is_closed():
                self.gone = True
        if is_complete:
            return b""
        if self._error is not None:
            raise self._error
        raise ClientDisconnected(f"the client went away before the body of {request_line(self._scope)} was read whole")

    def _take_piece(self) -> bytes:
        piece = self._inbox.popleft()
        self._taken_size += len(piece)
        return piece

    def _ask(self, call: Callable[[], None]) -> None:
        try:
            self._loop.put(call)
        except RuntimeError as error:
            self.gone = True
            raise ClientDisconnected(
                f"the event loop was closed while {request_line(self._scope)} was running: the server has stopped"
            ) from error

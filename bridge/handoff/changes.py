"""Waiting, in coroutines of one loop, until something has changed."""

from __future__ import annotations

from bridge.handoff.loops import Loop, Slot, end_wait, wait_at_most


class Changes:
    """Any number of coroutines wait; whoever changes what they wait for tells them, and each looks again.

    ::

        while not ready():
            await changes.wait()

    All methods run in the loop.
    """

    __slots__ = ("_loop", "_slots")

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._slots: list[Slot] = []

    def tell(self) -> None:
        """End all waits."""
        if self._slots:
            slots, self._slots = self._slots, []
            for slot in slots:
                end_wait(slot)

    async def wait(self, at_most: float | None = None) -> None:
        """Wait for the next ``tell``, at most some seconds (None: without a limit)."""
        slot = self._loop.slot()
        self._slots.append(slot)
        try:
            if at_most is None:
                await slot
            else:
                await wait_at_most(self._loop, slot, at_most)
        finally:
            # Cancelled, or too late: Starlette's is_disconnected() cancels its receive() every time it asks.
            if slot in self._slots:
                self._slots.remove(slot)

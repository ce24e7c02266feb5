"""What an application still does after its answer, where two adapters are one inside the other.

``WsgiToAsgi(AsgiToWsgi(app))`` is called by a server that goes by the end of the call: that is when the application is
done, background tasks and all, and what it raises then is the server's to get. The outer adapter has its answer long
before; so the inner one leaves an ``Outliving`` with it.

``AsgiToWsgi(WsgiToAsgi(app))`` is called by a server that closes the iterable, and goes by what ``app`` does in its
own ``close()`` then, which comes after the last message; so the inner adapter leaves a mark in the server's environ.
"""

from __future__ import annotations

from collections.abc import Callable

CLOSES_LATE = "bridge.closes_late"  # the key of that mark


class Outliving:
    """One application at its end, which comes in another loop.

    is_lost: tells whether that loop has ended, so that nothing will come. leave: tells the application that its client
        is gone. cancel: cancels it. All of them from any thread.

    ::

        loop of the application            loop of the outer adapter
        1. over is set                     a. leave who is to be told
        2. tell who is left, if any        b. if it is over: no need to wait

    Either 2 finds what a has left, or b sees 1.
    """

    __slots__ = ("_cancel", "_is_lost", "_leave", "_tell", "error", "is_forsaken", "is_over")

    def __init__(self, is_lost: Callable[[], bool], leave: Callable[[], None], cancel: Callable[[], None]) -> None:
        self._is_lost = is_lost
        self._leave: Callable[[], None] | None = leave
        self._cancel: Callable[[], None] | None = cancel
        self._tell: Callable[[], None] | None = None
        self.error: BaseException | None = None  # what the application raised after its answer
        self.is_over = False
        self.is_forsaken = False  # nobody waits, nor looks at the error

    def end_in_application_loop(self, error: BaseException | None) -> None:
        """Take note that the application is done."""
        self.error = error
        self.is_over = True  # 1
        tell, self._tell = self._tell, None  # they lead back here
        self._leave = self._cancel = None
        self._is_lost = bool
        if tell is not None:  # 2
            tell()

    def begin_to_wait(self, tell: Callable[[], None]) -> None:
        """Leave who is to be told of the end, in the loop of the application; it may be told needlessly."""
        self._tell = tell  # a

    def may_end(self) -> bool:
        """Tell whether the end is still to come."""
        return not self.is_over and not self._is_lost()  # b

    def leave(self) -> None:
        """Tell the application that its client is gone, if it is not done."""
        leave = self._leave
        if leave is not None:
            leave()

    def cancel(self) -> None:
        """Cancel the application, if it is not done."""
        cancel = self._cancel
        if cancel is not None:
            cancel()

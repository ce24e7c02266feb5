"""The end of a task's wait on a future, with which the task goes on at once.

Theory. A task that awaits a future goes on one turn of the loop after the future has its result: the result schedules
a call, and before that call the loop asks its selector for news, for which it gives the interpreter's lock away and
has to get it back. Where a call from another thread has just woken the loop (``Wakeups``), and does nothing but end one
task's wait, the task may as well go on then and there. One request at a time, that is a fourth of its time.
"""

from __future__ import annotations

import asyncio


def go_on(future: asyncio.Future[None]) -> None:
    """End a wait, if it was not ended before; the one task that awaits it goes on before this returns.

    Called by a call that the loop makes (``call_soon``, a timer, ``Wakeups``). Where a task runs, or where nobody or
    more than one waits, it is the future's ``set_result``.
    """
    if future.done():
        return
    # What asyncio calls, and in which context, when there is a result. There is no public way to ask for it; of a
    # future that is not asyncio's the loop's next turn is early enough.
    waits = getattr(future, "_callbacks", None)
    # Two tasks cannot run at a time.
    if not waits or len(waits) > 1 or asyncio.current_task(future.get_loop()) is not None:
        future.set_result(None)
        return
    wake, context = waits[0]
    future.remove_done_callback(wake)
    future.set_result(None)
    try:
        context.run(wake, future)
    finally:
        # A task that ends with an error holds its traceback, and that this frame: it would be a cycle.
        del waits, wake, context

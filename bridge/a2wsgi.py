"""The adapters under the names and with the arguments of a2wsgi, so that a migration changes one line.

::

    from bridge.a2wsgi import ASGIMiddleware, WSGIMiddleware  # was: from a2wsgi import ...

``WSGIMiddleware`` also stands in for Starlette's and FastAPI's, which is deprecated there. New code says ``WsgiToAsgi``
and ``AsgiToWsgi``, which have more options.
"""

from __future__ import annotations

import asyncio

from bridge._types import ASGIApplication, WSGIApplication
from bridge.asgi_to_wsgi import AsgiToWsgi
from bridge.wsgi_to_asgi import WsgiToAsgi


class WSGIMiddleware(WsgiToAsgi):
    """``WsgiToAsgi`` with a2wsgi's arguments.

    app: the WSGI application.
    workers: how many worker threads; a2wsgi's default is less than ours.
    send_queue_size: without effect; what waits for a slow client is bounded in bytes (``write_buffer``).

    Raises UsageError for fewer than one worker.
    """

    def __init__(
        self,
        app: WSGIApplication,
        workers: int = 10,
        send_queue_size: int = 10,
    ) -> None:
        super().__init__(app, threads=workers)


class ASGIMiddleware(AsgiToWsgi):
    """``AsgiToWsgi`` with a2wsgi's arguments.

    app: the ASGI application.
    wait_time: without effect; background tasks run on after the answer and hold no thread of the server's.
    loop: a running asyncio loop of yours. Default None: a loop of bridge's, which starts at the first request.

    Raises UsageError for an application that is none.
    """

    def __init__(
        self,
        app: ASGIApplication,
        wait_time: float | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(app, loop=loop)

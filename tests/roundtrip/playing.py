"""Serves one request by a script, with or without a bridge."""

from __future__ import annotations

import asyncio
import faulthandler
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.harness import LIMIT
from tests.roundtrip.asgi_application import AsgiPlayer
from tests.roundtrip.asgi_server import AsgiServer
from tests.roundtrip.client import Client
from tests.roundtrip.comparing import faults
from tests.roundtrip.sight import Run
from tests.roundtrip.wsgi_application import WsgiPlayer
from tests.roundtrip.wsgi_scripts import WsgiScript
from tests.roundtrip.wsgi_server import WsgiServer

if TYPE_CHECKING:
    from concurrent.futures import Future

    from tests.roundtrip.asgi_scripts import AsgiScript
    from tests.roundtrip.requests import Request
    from tests.roundtrip.sight import Sight
    from tests.roundtrip.stacks import Stack

Broken = Callable[[Any], Any]


class Servers:
    """A thread that serves WSGI applications, and a running loop that serves ASGI applications."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="wsgi-server")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="asgi-server", daemon=True)
        self._thread.start()

    def faults(
        self, script: WsgiScript | AsgiScript, request: Request, stack: Stack, broken: Broken | None = None
    ) -> list[str]:
        """Serve a request with and without a bridge, and say what is not the same.

        broken: makes a bad bridge of a good one; what it is given and returns has the application's interface.
        """
        native = self.play(script, request)
        bridged = self.play(script, request, stack, broken)
        staying = native
        if native.sight.took_its_share:
            staying = self.play(script, replace(request, leaves_receiving=None))
        found = list(faults(native, bridged, staying, is_direct=stack.is_direct))
        return [stack.name, *found, f"natively: {shown(native)}", f"bridged: {shown(bridged)}"] if found else []

    def play(
        self,
        script: WsgiScript | AsgiScript,
        request: Request,
        stack: Stack | None = None,
        broken: Broken | None = None,
    ) -> Run:
        """Serve a request, through adapters if there are any, and through a bad bridge below them."""
        client = Client(request.leaves_receiving)
        player = WsgiPlayer(script, client) if isinstance(script, WsgiScript) else AsgiPlayer(script, client)
        client.on_leaving = player.seen.note_leaving
        app: Any = player
        if stack is not None:
            stack.stage.app, app = broken(player) if broken else player, stack.outermost
        server: WsgiServer | AsgiServer
        served: Future[Sight]
        if isinstance(player, WsgiPlayer):
            server = WsgiServer(request, client)
            served = self._pool.submit(server.serve, app)
        else:
            server = AsgiServer(app, request, client)
            served = asyncio.run_coroutine_threadsafe(server.serve(), self._loop)
        try:
            sight = served.result(2 * LIMIT)
        except TimeoutError:
            faulthandler.dump_traceback(all_threads=True)
            raise
        if stack is not None:
            stack.settle()
        return Run(sight, player.seen, list(server.manners()))

    def close(self) -> None:
        """End both."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LIMIT)
        self._loop.close()


def shown(run: Run) -> str:
    """Return what a failed test shows of a run."""
    return re.sub(r"(.)\1{99,}", r"\1...", repr(run))

"""uvicorn, for ``serve`` without ``--wsgi``.

uvicorn's ``--reload`` is a process that watches files and holds the listening socket, and a process below it that
serves, which is started anew after each change.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from typing import Any

from bridge.cli.errors import REFUSED, CommandError

_SEE_LOG = "failed to start; the log above says why"


def require_uvicorn() -> Any:
    """Import uvicorn. Raises CommandError with the remedy if it is not installed."""
    try:
        import uvicorn  # noqa: PLC0415  an extra: only this server needs it
    except ModuleNotFoundError as error:
        raise CommandError(
            f"{error.name} is not installed, but `serve` needs it: pip install 'wsgi-asgi-bridge[serve]'"
        ) from error
    return uvicorn


def on_uvicorn(
    application: Any, listener: socket.socket, *, target: str, interface: str, lifespan: str, root_path: str, grace: int
) -> int:
    """Serve an ASGI application until SIGINT or SIGTERM.

    interface: ``"asgi3"`` or ``"asgi2"``.
    lifespan: ``"on"``, or ``"auto"`` for an application that may have none.

    Raises CommandError if the application's lifespan fails to start.
    """
    uvicorn = require_uvicorn()
    config = uvicorn.Config(
        application,
        interface=interface,
        lifespan=lifespan,
        root_path=root_path,
        log_config=None,  # the root logger has the format for all
        # Its own default waits for ever: one client of an endless stream would keep Ctrl-C from working.
        timeout_graceful_shutdown=grace,
    )
    server = uvicorn.Server(config)
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        return 0  # uvicorn has shut down in order, then raised the SIGINT that asked it to
    except SystemExit as end:  # its way to give up
        raise CommandError(f"{target} {_SEE_LOG}", status=REFUSED) from end
    if not server.started:  # and the way of earlier versions
        raise CommandError(f"{target} {_SEE_LOG}", status=REFUSED)
    return 0


def reloading_on_uvicorn(
    serve: Callable[[list[socket.socket] | None], None], listener: socket.socket, target: str
) -> int:
    """Run ``serve`` in a process of its own, and in a new one whenever a Python file below here changes.

    serve: is called with the listener; it has to be picklable.
    """
    uvicorn = require_uvicorn()
    from uvicorn.supervisors import ChangeReload  # noqa: PLC0415  as above

    # It logs each file that changes, also one that the log itself is written to, and uvicorn tells those that matter.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    # uvicorn reloads what it is given by name only; it is `serve` that looks the name up.
    config = uvicorn.Config(target, reload=True, log_config=None)
    ChangeReload(config, target=serve, sockets=[listener]).run()
    return 0

"""One server in a process of its own: `python -m benchmarks.served APPLICATION NAME DESCRIPTOR`.

It listens on the socket that `benchmarks.wire` bound and handed down. Each process imports only what it serves with.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from typing import Any

from . import applications

THREADS = 40


def uvicorn(app: Any, descriptor: int) -> None:
    """uvicorn as it serves fastest: httptools, uvloop, one process, no access log."""
    import uvicorn

    config = uvicorn.Config(
        app, http="httptools", loop="uvloop", access_log=False, log_level="warning", lifespan="auto"
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


def waitress(app: Any, descriptor: int) -> None:
    """waitress with as many threads as the adapters have."""
    import waitress

    waitress.serve(app, sockets=[socket.socket(fileno=descriptor)], threads=THREADS)


def gunicorn(app: str, descriptor: int) -> None:
    """gunicorn's gthread worker, one process, with as many threads as the adapters have."""
    command = ["-m", "gunicorn", "--bind", f"fd://{descriptor}", "--worker-class", "gthread", "--threads", str(THREADS)]
    os.execv(sys.executable, [sys.executable, *command, "--workers", "1", "--log-level", "warning", app])


def with_bridge(application: Any) -> Any:
    """Ours."""
    from bridge import WsgiToAsgi

    return WsgiToAsgi(application, threads=THREADS)


def with_a2wsgi(application: Any) -> Any:
    """a2wsgi's."""
    from a2wsgi import WSGIMiddleware

    return WSGIMiddleware(application, workers=THREADS)


def with_asgiref(application: Any) -> Any:
    """asgiref's, which has one thread."""
    from asgiref.wsgi import WsgiToAsgi

    return WsgiToAsgi(application)


def without_threads(application: Any) -> Any:
    """No adapter's: the application in the event loop."""
    from .without_threads import WithoutThreads

    return WithoutThreads(application)


def fastapi_with_bridge() -> Any:
    """FastAPI as a WSGI application through ours; gunicorn calls this in its worker."""
    from bridge import AsgiToWsgi

    from .asgi_applications import fastapi_hello

    return AsgiToWsgi(fastapi_hello)


def fastapi_with_a2wsgi() -> Any:
    """FastAPI as a WSGI application through a2wsgi's."""
    from a2wsgi import ASGIMiddleware

    from .asgi_applications import fastapi_hello

    return ASGIMiddleware(fastapi_hello)  # type: ignore[arg-type]


def native(name: str, descriptor: int) -> None:
    """An ASGI application without an adapter."""
    from . import asgi_applications

    uvicorn(getattr(asgi_applications, name), descriptor)


SERVED: dict[str, dict[str, Callable[[int], None]]] = {
    "hello": {
        "bridge": lambda descriptor: uvicorn(with_bridge(applications.hello), descriptor),
        "a2wsgi": lambda descriptor: uvicorn(with_a2wsgi(applications.hello), descriptor),
        "asgiref": lambda descriptor: uvicorn(with_asgiref(applications.hello), descriptor),
        "no thread": lambda descriptor: uvicorn(without_threads(applications.hello), descriptor),
        "native ASGI": lambda descriptor: native("hello", descriptor),
    },
    "Flask": {
        "bridge": lambda descriptor: uvicorn(with_bridge(applications.flask_hello), descriptor),
        "a2wsgi": lambda descriptor: uvicorn(with_a2wsgi(applications.flask_hello), descriptor),
        "asgiref": lambda descriptor: uvicorn(with_asgiref(applications.flask_hello), descriptor),
        "no thread": lambda descriptor: uvicorn(without_threads(applications.flask_hello), descriptor),
        "gunicorn gthread": lambda descriptor: gunicorn("benchmarks.applications:flask_hello", descriptor),
        "waitress": lambda descriptor: waitress(applications.flask_hello, descriptor),
    },
    "FastAPI under gunicorn": {
        "bridge": lambda descriptor: gunicorn("benchmarks.served:fastapi_with_bridge()", descriptor),
        "a2wsgi": lambda descriptor: gunicorn("benchmarks.served:fastapi_with_a2wsgi()", descriptor),
        "native ASGI": lambda descriptor: native("fastapi_hello", descriptor),
    },
}
"""By application, then by what serves it: the adapters under uvicorn or gunicorn, and native servers beside them."""


if __name__ == "__main__":
    SERVED[sys.argv[1]][sys.argv[2]](int(sys.argv[3]))

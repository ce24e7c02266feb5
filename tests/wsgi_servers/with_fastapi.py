"""A plain WSGI site with two adapters below it: FastAPI, with an endpoint in a thread, and the raw application."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from fastapi import FastAPI
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from bridge import AsgiToWsgi
from tests.wsgi_servers import application as raw
from tests.wsgi_servers.pace import SLEEPS

api = FastAPI()


@api.get("/blocking")
def blocking() -> dict[str, Any]:
    """Block a thread, as drivers of databases do, and look a name up."""
    time.sleep(SLEEPS)
    return {
        "found": bool(socket.getaddrinfo("localhost", 80)),
        "pid": os.getpid(),
        "thread": threading.current_thread().name,
    }


def site(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """What is served without an adapter."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
    return [b"site"]


application = DispatcherMiddleware(site, {"/api": AsgiToWsgi(api), "/raw": raw.adapter})

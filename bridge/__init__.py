"""WSGI and ASGI, either way.

``WsgiToAsgi(app)`` makes an ASGI application of a WSGI application, ``AsgiToWsgi(app)`` a WSGI application of an ASGI
application.
"""

from __future__ import annotations

from bridge.asgi_to_wsgi import AsgiToWsgi
from bridge.errors import (
    AdapterClosed,
    ApplicationError,
    ApplicationExit,
    BadRequest,
    BodyTooLarge,
    BridgeError,
    ClientDisconnected,
    ClientError,
    Overloaded,
    ReadTimeout,
    ServerError,
    UsageError,
)
from bridge.hooks import RequestHooks, RequestRecord
from bridge.stats import Stats
from bridge.wsgi_to_asgi import WsgiToAsgi

__version__ = "0.1.0"

__all__ = [
    "AdapterClosed",
    "ApplicationError",
    "ApplicationExit",
    "AsgiToWsgi",
    "BadRequest",
    "BodyTooLarge",
    "BridgeError",
    "ClientDisconnected",
    "ClientError",
    "Overloaded",
    "ReadTimeout",
    "RequestHooks",
    "RequestRecord",
    "ServerError",
    "Stats",
    "UsageError",
    "WsgiToAsgi",
    "__version__",
]

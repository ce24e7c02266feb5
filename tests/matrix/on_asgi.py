"""For ASGI servers: the WSGI site through the bridge, and the ASGI site as it is, in one process."""

from __future__ import annotations

from bridge import WsgiToAsgi
from bridge._types import Receive, Scope, Send
from tests.matrix import asgi_site, wsgi_site
from tests.matrix.sites import NATIVE

bridged = WsgiToAsgi(wsgi_site.application)

_FIELD = NATIVE.partition(":")[0].lower().encode()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Hand the request on as it is."""
    is_native = scope["type"] == "http" and any(name.lower() == _FIELD for name, _ in scope["headers"])
    await (asgi_site.app if is_native else bridged)(scope, receive, send)

"""For WSGI servers: the ASGI site through the bridge, and the WSGI site as it is, in one process."""

from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from bridge import AsgiToWsgi
from tests.matrix import asgi_site, wsgi_site
from tests.matrix.sites import NATIVE

bridged = AsgiToWsgi(asgi_site.app)

_VARIABLE = "HTTP_" + NATIVE.partition(":")[0].upper().replace("-", "_")


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Hand the request on as it is."""
    return (wsgi_site.application if _VARIABLE in environ else bridged)(environ, start_response)

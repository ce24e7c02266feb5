"""Environs as WSGI servers build them; every key can be replaced or left out."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from tests.harness.scopes import changed

if TYPE_CHECKING:
    from collections.abc import Iterable


def wsgi_environ(
    method: str = "GET",
    path: str = "/",
    *,
    headers: Iterable[tuple[str, str]] = (),
    **keys: Any,
) -> dict[str, Any]:
    """Return the environ of one request with an empty body; `keys` replace what is in it, or leave it out (`OMIT`).

    `path` is PATH_INFO: text whose characters are bytes. Keys with a dot in their name are given as a dict by `**`.
    """
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "54321",
        "HTTP_HOST": "testserver:8000",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers:
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        environ[key] = f"{environ[key]},{value}" if key in environ and key != "HTTP_HOST" else value
    return changed(environ, keys)

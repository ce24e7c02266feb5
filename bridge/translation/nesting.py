"""One adapter inside the other: what a request holds beside what the two specifications have words for.

A request that goes through ``AsgiToWsgi`` and on through ``WsgiToAsgi`` was an environ, becomes a scope, and is to be
an environ again, which the application cannot tell from the first one; and the other way round. Translation alone
would lose what servers, middleware and test clients put beside the keys of the specifications (``REMOTE_USER``,
``scope["user"]``), and what it cannot say in the other language. So the inner adapter looks at the outer one's request,
which the scope (``wsgi.environ``) and the environ (``asgi.scope``) carry along. If nobody between them has changed the
request, it is the outer one's, word for word; else the translated one, with what only the outer one has.

The functions return new dicts. What is live (the body, ``send``, the callables) is the inner adapter's to add.
"""

from __future__ import annotations

from typing import Any

from bridge._types import Environ, Scope
from bridge.errors import BridgeError
from bridge.translation.requests import environ_from_scope, fields_from_scope, scope_from_environ

# What a scope says of the request; the rest of it is the server's own affairs.
_OF_REQUEST = (
    "http_version",
    "method",
    "scheme",
    "path",
    "raw_path",
    "query_string",
    "root_path",
    "client",
    "server",
)

# Never taken over from an outer environ or scope: they speak of the adapter that made them, or of its server's
# extensions, which the inner one serves itself or not at all.
_OF_ADAPTER = frozenset(
    (
        "wsgi.input",
        "wsgi.input_terminated",
        "wsgi.file_wrapper",
        "wsgi.early_hints",
        "wsgi.multithread",
        "bridge.closes_late",
        "bridge.disconnected",
        "waitress.client_disconnected",
        "asgi.scope",
        "asgi.state",
        "wsgi.environ",
        "asgi",
        "extensions",
    )
)

# What an environ may say of a request or not; the rest it always says.
_OF_REQUEST_IN_CGI = frozenset(("CONTENT_TYPE", "CONTENT_LENGTH", "HTTPS", "REMOTE_ADDR", "REMOTE_PORT"))
_PREFIXES_IN_CGI = ("HTTP_", "SSL_")

# What every environ of the bridge's says of the server, and the outer one knows better.
_OF_SERVER = (
    "GATEWAY_INTERFACE",
    "SERVER_SOFTWARE",
    "wsgi.errors",
    "wsgi.multiprocess",
    "wsgi.run_once",
    "wsgi.version",
)


def environ_within(environ: Environ, scope: Scope, outer: Environ) -> Environ:
    """Return the environ for a scope that was made of another environ.

    environ: what the scope is translated to. outer: the environ that the scope was made of.
    """
    if _is_still(scope, outer):
        carried = {key: value for key, value in outer.items() if key not in _OF_ADAPTER}
        carried["wsgi.input_terminated"] = True
        return carried
    merged = {key: value for key, value in outer.items() if key not in _OF_ADAPTER and not _is_of_request(key)}
    merged.update((key, value) for key, value in environ.items() if key not in merged or key not in _OF_SERVER)
    return merged


def _is_still(scope: Scope, outer: Environ) -> bool:
    """Tell whether a scope says of the request what the environ says that it was made of."""
    try:
        before = scope_from_environ(outer)
    except BridgeError:
        return False  # whatever it is now, it was an environ when the scope was made
    if any(scope.get(key) != before[key] for key in _OF_REQUEST):
        return False
    if list(map(tuple, scope["headers"])) != before["headers"]:
        return False
    extensions = scope.get("extensions") or {}
    return bool(extensions.get("tls") == before["extensions"].get("tls"))


def scope_within(scope: dict[str, Any], environ: Environ, outer: Scope) -> dict[str, Any]:
    """Return the scope for an environ that was made of another scope.

    scope: what the environ is translated to. outer: the scope that the environ was made of.
    """
    carried = {key: value for key, value in outer.items() if key not in _OF_ADAPTER}
    return scope | carried if is_still_in_cgi(environ, outer) else carried | scope


def is_still_in_cgi(environ: Environ, outer: Scope) -> bool:
    """Tell whether an environ says of the request what the scope says that it was made of."""
    try:
        before = environ_from_scope(outer, fields_from_scope(outer, outer["headers"]))
    except BridgeError:
        return False  # the adapter is mounted elsewhere, say
    if any(environ.get(key) != value for key, value in before.items() if key not in _OF_SERVER):
        return False
    return not any(key not in before and _is_of_request(key) for key in environ)


def _is_of_request(key: str) -> bool:
    """Tell whether a key of an environ says something of the request, so that without it there is nothing to say."""
    return key in _OF_REQUEST_IN_CGI or key.startswith(_PREFIXES_IN_CGI)

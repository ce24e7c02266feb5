"""A request: the ``http`` scope of ASGI and the environ of PEP 3333 and CGI (RFC 3875), in both directions.

The two functions stand side by side and read the same tables, so that a key that one of them writes is a key that the
other reads. What needs a live object (the body, the error stream, the callables) is added by the adapters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from bridge._types import Environ, Scope
from bridge.errors import BadRequest, ServerError
from bridge.translation.environ_keys import keys_of_environ
from bridge.translation.headers import environ_fields, headers_from_environ
from bridge.translation.paths import environ_paths, request_target, scope_paths
from bridge.translation.tls import add_tls_to_environ, tls_from_environ

# SERVER_PROTOCOL and http_version. HTTP/2 and /3 have no minor version (RFC 9113, 1; RFC 9114, 1).
_PROTOCOLS = {"1.0": "HTTP/1.0", "1.1": "HTTP/1.1", "2": "HTTP/2", "3": "HTTP/3"}
_VERSIONS = {protocol: version for version, protocol in _PROTOCOLS.items()} | {
    "HTTP/1": "1.0",
    "HTTP/2.0": "2",
    "HTTP/3.0": "3",
}

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_URL_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}

# Those of RFC 9110 and RFC 5789 that servers see most; others are looked at.
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))

# What is the same in every environ.
_CONSTANT: Environ = {
    "GATEWAY_INTERFACE": "CGI/1.1",
    "SERVER_SOFTWARE": "bridge",
    "wsgi.version": (1, 0),
    # Nobody tells an ASGI application whether its server runs several processes: the safe answer is yes.
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    # Not in PEP 3333, but what frameworks go by to read a body without CONTENT_LENGTH to its end.
    "wsgi.input_terminated": True,
}

# What is different in every environ, or may be. A copy of a dict that has its keys already is made and filled in half
# the time that it takes to add them.
_CHANGING: Environ = dict.fromkeys(
    ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "REQUEST_URI", "RAW_URI", "REMOTE_ADDR"), ""
)

_REMEMBERED_TEMPLATES = 64

# What is asked of each scope, at once.
_OPTIONAL_KEYS = ("http_version", "scheme", "server", "raw_path", "root_path", "query_string", "client")
_KEYS_OF = itemgetter(*_OPTIONAL_KEYS[:3], "method", "path", *_OPTIONAL_KEYS[3:])

# What is asked of each environ, at once; and what an environ may lack, with what stands for it.
_DEFAULTS: Environ = {
    "SCRIPT_NAME": "",
    "PATH_INFO": "",
    "QUERY_STRING": "",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SERVER_NAME": None,
    "SERVER_PORT": None,
}
_KEYS_OF_ENVIRON = itemgetter("REQUEST_METHOD", "wsgi.url_scheme", *_DEFAULTS)


def request_line(scope: Scope) -> str:
    """Return what an error calls a request by: its method and path."""
    return f"{scope.get('method')} {scope.get('path')!r}"


def fields_from_scope(scope: Scope, headers: Sequence[Iterable[bytes]], *, underscores: bool = False) -> Environ:
    """Return what an environ holds of a scope's headers; see ``environ_fields``.

    headers: the scope's; they are an argument because a scope may hold an iterator, which can be read once.

    Raises BadRequest for headers that must not reach an application, ServerError for headers that are no pairs of bytes
    (specs/www.rst, "HTTP Connection Scope").
    """
    try:
        return environ_fields(headers, underscores=underscores)
    except BadRequest:
        raise
    except (AttributeError, TypeError, ValueError) as error:
        raise ServerError(f"the server gave headers that are no pairs of bytes: {request_line(scope)}") from error


class Templates:
    """Environs to be copied and filled in: what all requests of a protocol to an address of the server share.

    common: what whoever asks has in every environ, or will set in it.
    """

    __slots__ = ("_common", "known")

    def __init__(self, common: Environ) -> None:
        self._common = common
        # By http_version, scheme and server: the environ, and the URL scheme if the server is unknown.
        self.known: dict[tuple[Any, Any, Any], tuple[Environ, str | None]] = {}

    def make(self, version: str, scheme: str, server: Any) -> tuple[Environ, str | None]:
        """Return the template for a protocol and an address; remember it."""
        url_scheme = _URL_SCHEMES.get(scheme) or _ascii(scheme)
        address = _server_keys(server)
        environ: Environ = {
            **self._common,
            **_CONSTANT,
            **_CHANGING,
            "SERVER_PROTOCOL": _PROTOCOLS.get(version) or f"HTTP/{_ascii(version)}",
            "wsgi.url_scheme": url_scheme,
            **address,
        }
        if url_scheme == "https":
            environ["HTTPS"] = "on"
        template = environ, None if address else url_scheme
        is_address = server is None or (type(server) is tuple and [*map(type, server)] == [str, int])
        if is_address and version in _PROTOCOLS and scheme in _URL_SCHEMES:
            # A process has few addresses of its own. Another type may be equal to one of these, and mean another text.
            if len(self.known) >= _REMEMBERED_TEMPLATES:
                self.known.clear()
            self.known[version, scheme, server] = template
        return template


_TEMPLATES = Templates({})


def environ_from_scope(
    scope: Scope, fields: Environ, mount: str | None = None, templates: Templates = _TEMPLATES
) -> Environ:
    """Return the environ for an ``http`` scope, without what the adapter has to add: live objects and its threads.

    fields: what ``fields_from_scope`` has made of its headers.
    mount: SCRIPT_NAME to use instead of the scope's ``root_path``.
    templates: those of the adapter.

    Raises ServerError for a scope that is not as ASGI has it (specs/www.rst, "HTTP Connection Scope").
    """
    try:
        try:
            version, scheme, server, method, path, raw_path, root_path, query_string, client = _KEYS_OF(scope)
        except KeyError:
            method, path = scope["method"], scope["path"]
            version, scheme, server, raw_path, root_path, query_string, client = map(scope.get, _OPTIONAL_KEYS)
        try:
            template, url_scheme = templates.known[version, scheme, server]
        except (KeyError, TypeError):
            template, url_scheme = templates.make(version or "1.1", scheme or "http", server)
        if type(query_string) is not bytes:
            query_string = _encoded(query_string)
        query = query_string.decode("latin-1") if query_string else ""
        if mount is not None:
            root_path = mount
        if not root_path and path[:1] == "/" and path.isascii():
            script_name, path_info = "", path  # the ordinary case
        else:
            script_name, path_info = environ_paths(
                path, root_path or "", raw_path, scope.get("app_root_path") if mount is None else None
            )
        if method not in _METHODS and not (isinstance(method, str) and method and method.isascii()):
            raise TypeError(f"method is {method!r}")
        environ = template.copy()
        environ["REQUEST_METHOD"] = method
        environ["SCRIPT_NAME"] = script_name
        environ["PATH_INFO"] = path_info
        environ["QUERY_STRING"] = query
        environ["REQUEST_URI"] = environ["RAW_URI"] = request_target(script_name, path_info, raw_path, query)
        if client is not None:  # else REMOTE_ADDR is empty: CGI wants it in any case
            if type(client) is tuple and len(client) == 2:
                host, port = client
            else:
                host, port, *_ = client
            environ["REMOTE_ADDR"] = host if type(host) is str and host.isascii() else _ascii(host or "")
            if port is not None:
                environ["REMOTE_PORT"] = str(port) if type(port) is int else _ascii(str(port))
        environ.update(fields)
        if url_scheme is not None:
            _add_server_from_host(environ, url_scheme)
        extensions = scope.get("extensions")
        if extensions:
            tls = extensions.get("tls")
            if tls is not None:
                add_tls_to_environ(environ, tls)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ServerError(
            "the server gave a scope that is not as ASGI's HTTP Connection Scope has it "
            f"({type(error).__name__}: {error}): "
            f"{request_line(scope)}"
        ) from error
    return environ


def _encoded(query_string: object) -> bytes:
    """Return a query string that is not plain bytes: none, or a str, as Django's test client for ASGI gives it."""
    if isinstance(query_string, str):
        return query_string.encode()
    if query_string is None or isinstance(query_string, bytes):
        return query_string or b""
    raise TypeError(f"query_string is {query_string!r}")


def _ascii(text: str) -> str:
    """Return text that is no header's and no path's, and has nothing beyond ASCII."""
    if not (isinstance(text, str) and text.isascii()):
        raise TypeError(f"{text!r} is no ASCII text")
    return text


def _server_keys(server: Iterable[Any] | None) -> Environ:
    """Return SERVER_NAME and SERVER_PORT, neither for a server that is unknown or a unix socket."""
    name: str | None = None
    port: Any = None
    if server is not None:
        name, port, *_ = server
    if port is None or not name or _port(str(port)) is None:
        return {}
    _ascii(name)
    # RFC 3875, 4.1.14: an IPv6 address stands in brackets.
    return {"SERVER_NAME": f"[{name}]" if ":" in name and name[0] != "[" else name, "SERVER_PORT": str(port)}


def _add_server_from_host(environ: Environ, url_scheme: str) -> None:
    """Add SERVER_NAME and SERVER_PORT by what the client called the server.

    CGI wants both as text and never empty (RFC 3875, 4.1.14 and 4.1.15).
    """
    host = environ.get("HTTP_HOST", "")
    host_port = ""
    if ":" in host and host[-1] != "]":
        host, _, host_port = host.rpartition(":")
    if _port(host_port) is None:
        host_port = _DEFAULT_PORTS.get(url_scheme, "80")
    environ["SERVER_NAME"] = host or "localhost"
    environ["SERVER_PORT"] = host_port


def _port(text: str) -> int | None:
    """Return a port number, None if text is none: int() alone takes digits of other scripts and chokes on long ones."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        return None
    number = int(text)
    return number if number <= 65_535 else None


def scope_from_environ(environ: Environ) -> dict[str, Any]:
    """Return the ``http`` scope for an environ (specs/www.rst, "HTTP Connection Scope"), without ``state``.

    ``extensions`` holds ``tls`` where the server set SSL_* keys; the adapter adds the extensions that it can serve.

    Raises ServerError for an environ without the keys that PEP 3333 ("environ Variables") asks for.
    """
    try:
        try:
            method, scheme, script_name, path_info, query, protocol, server, port = _KEYS_OF_ENVIRON(environ)
        except KeyError:
            method, scheme = environ["REQUEST_METHOD"], environ["wsgi.url_scheme"]
            known: Sequence[Any] = [environ.get(key, default) for key, default in _DEFAULTS.items()]
            script_name, path_info, query, protocol, server, port = known
        target = environ.get("RAW_URI") or environ.get("REQUEST_URI")
        header_keys, has_tls = keys_of_environ(environ)
        root_path, path, raw_path = scope_paths(script_name, path_info, target)
        scope: dict[str, Any] = {
            "type": "http",
            # 2.4: send() raises once the client is gone.
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": _VERSIONS.get(protocol) or protocol.removeprefix("HTTP/"),
            "method": method if method in _METHODS else _ascii(method).upper(),
            "scheme": scheme if scheme in _DEFAULT_PORTS else _ascii(scheme),
            "path": path,
            "raw_path": raw_path,
            "query_string": query.encode("latin-1", "replace"),
            "root_path": root_path.rstrip("/"),
            "headers": headers_from_environ(environ, header_keys),
            "client": _address(environ.get("REMOTE_ADDR"), environ.get("REMOTE_PORT"), 0),
            "server": _server_address(server, port, None),
        }
        tls = tls_from_environ(environ) if has_tls else None  # behind a proxy there is none
    except (AttributeError, KeyError, TypeError) as error:
        raise ServerError(
            f"the server gave an environ that is not as PEP 3333 has it ({type(error).__name__}: {error}): "
            f"method {environ.get('REQUEST_METHOD')!r}, path {environ.get('PATH_INFO')!r}"
        ) from error
    scope["extensions"] = {} if tls is None else {"tls": tls}
    return scope


def _address(name: object, port: object, unknown_port: int | None) -> tuple[str, int | None] | None:
    """Return ASGI's ``(host, port)``, None if the name is unknown."""
    if not name:
        return None
    host = str(name)
    if host[0] == "[" and host[-1] == "]":
        host = host[1:-1]
    number = _port(port if type(port) is str else str(port))
    return host, unknown_port if number is None else number


# One server has few of them; of clients there are many.
_server_address = lru_cache(maxsize=64)(_address)

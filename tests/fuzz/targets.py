"""One function for each part of the translation layer: hostile input in, the oracle's judgement on what comes out."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from bridge.errors import ApplicationError, BadRequest, BridgeError, ServerError
from bridge.translation.environ_keys import keys_of_environ
from bridge.translation.headers import environ_fields, framing, headers_from_environ
from bridge.translation.requests import environ_from_scope, fields_from_scope, scope_from_environ
from bridge.translation.responses import BODY, COMPLETE, AsgiResponse, WsgiResponse, early_hint_links
from tests.fuzz.oracle import (
    TOKEN,
    check_environ,
    check_fields,
    check_pairs,
    check_scope,
    check_start,
    check_status_line,
    demand,
)
from tests.fuzz.supply import Supply

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = (b"content-length", b"Content-Length", b"cookie", b"X-A", b"x-a", b"X_A", b"proxy", b"host", b"expect")


def one_input(data: bytes) -> None:
    """Try one input on the part that its first byte chooses."""
    supply = Supply(data)
    supply.pick(TARGETS)(supply)


# ---- requests --------------------------------------------------------------------------------------------------------


def request_headers(supply: Supply) -> list[tuple[bytes, bytes]]:
    """A request's headers, sometimes very many."""
    headers = supply.some(lambda: (supply.pick(NAMES) if supply.number(2) else supply.raw(), supply.raw()))
    return headers * 40 if supply.number(16) == 15 else headers


def certificate(supply: Supply) -> Any:
    """The `tls` extension."""
    return {
        key: supply.or_wrong(value)
        for key, value in {
            "server_cert": supply.text(),
            "client_cert_chain": supply.some(supply.text),
            "client_cert_name": supply.text(),
            "client_cert_error": supply.text(),
            "tls_version": supply.pick([None, 0x304, 1]),
            "cipher_suite": supply.pick([None, 0x1301, 1]),
        }.items()
        if supply.number(4)
    }


def try_environ_from_scope(supply: Supply) -> None:
    """W1, W2, W3: an environ as PEP 3333 has it with the request's own fields, or BadRequest, or ServerError."""
    headers = request_headers(supply)
    scope: dict[str, Any] = {
        "type": "http",
        "method": supply.or_wrong(supply.pick(["GET", "HEAD", "get", "M-SEARCH", "", "G\r\nT", "GÄT", "\u20ac"])),
        "scheme": supply.or_wrong(supply.pick(["http", "https", "ws", "wss", "", None, "\u20ac"])),
        "http_version": supply.or_wrong(supply.pick(["1.1", "1.0", "2", "3", "", None, "\u20ac"])),
        "path": supply.or_wrong(supply.pick(["", "/", "//", "/api", "/api/", "/apiv2"]) + supply.text()),
        "raw_path": supply.or_wrong(supply.raw() if supply.number(2) else None),
        "root_path": supply.or_wrong(supply.pick(["", "/", "/api", "/api/", "api"]) + supply.text()),
        "query_string": supply.or_wrong(supply.raw()),
        "client": supply.or_wrong((supply.text(), supply.number(256))),
        "server": supply.or_wrong((supply.text(), supply.pick([80, None, 0, 65536, "80", ""]))),
        "extensions": supply.or_wrong({"tls": supply.or_wrong(certificate(supply))} if supply.number(4) == 3 else {}),
    }
    if supply.number(8) == 7:
        scope["app_root_path"] = supply.or_wrong(supply.text())
    for key in supply.some(lambda: supply.pick(list(scope)), 3):
        scope.pop(key, None)
    mount = supply.pick([None, None, "/api", "api/", "/"]) if supply.number(2) else None
    underscores = bool(supply.number(2))
    try:
        environ = environ_from_scope(scope, fields_from_scope(scope, headers, underscores=underscores), mount=mount)
    except (BadRequest, ServerError):
        return
    check_environ(environ)
    if not underscores:
        check_fields(environ, headers)
    if mount is None and "app_root_path" not in scope:
        check_cut(environ, scope)


def check_cut(environ: dict[str, Any], scope: dict[str, Any]) -> None:
    """The path is cut where Starlette cuts it: at the root path, if a segment ends there."""
    path, root_path = scope["path"], scope.get("root_path") or ""
    if not (path.isascii() and root_path.isascii() and path.startswith("/") and root_path[:1] == "/"):
        return
    root_path = root_path.rstrip("/")
    inside = path == root_path or path.startswith(root_path + "/")
    expected = path[len(root_path) :] if inside else path
    found = environ["SCRIPT_NAME"], environ["PATH_INFO"]
    demand(found == (root_path, expected), "cut at a wrong place", (path, root_path, found))


def try_framing(supply: Supply) -> None:
    """W3: one length, none, or BadRequest; two that differ are never one."""
    headers = request_headers(supply)
    try:
        declared, expects_continue = framing(environ_fields(headers))
    except BadRequest:
        return
    values = [value for name, value in headers if name.lower() == b"content-length"]
    parts = {part.strip(b" \t") for value in values for part in value.split(b",")}
    demand(len(parts) <= 1, "differing lengths are one", values)
    demand(declared is None or {b"%d" % declared} == {part.lstrip(b"0") or b"0" for part in parts}, "another", values)
    demand(type(expects_continue) is bool, "100-continue", expects_continue)


def try_scope_from_environ(supply: Supply) -> None:
    """A1: a scope as ASGI has it, or ServerError."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": supply.or_wrong(supply.pick(["GET", "get", "", "G\r\nT", "GÄT"])),
        "SCRIPT_NAME": supply.or_wrong(supply.pick(["", "/api", "/", "api"]) + supply.text()),
        "PATH_INFO": supply.or_wrong("/" * supply.number(3) + supply.text()),
        "REQUEST_URI": supply.or_wrong(supply.text()),
        "RAW_URI": supply.or_wrong(supply.text()),
        "QUERY_STRING": supply.or_wrong(supply.text()),
        "SERVER_NAME": supply.or_wrong(supply.text()),
        "SERVER_PORT": supply.or_wrong(supply.text()),
        "REMOTE_ADDR": supply.or_wrong(supply.text()),
        "REMOTE_PORT": supply.or_wrong(supply.text()),
        "SERVER_PROTOCOL": supply.or_wrong(supply.pick(["HTTP/1.1", "HTTP/2", "", "\u20ac"])),
        "wsgi.url_scheme": supply.or_wrong(supply.pick(["http", "https", ""])),
    }
    for key in supply.some(
        lambda: supply.pick(["HTTP_X", "HTTP_", "HTTP_\u20ac", "HTTP_x", "CONTENT_LENGTH", "HTTP_A_B"])
    ):
        environ[key] = supply.or_wrong(supply.text())
    for key in supply.some(lambda: supply.pick(TLS_KEYS)):
        environ[key] = supply.or_wrong(supply.text())
    for key in supply.some(lambda: supply.pick(list(environ)), 3):
        environ.pop(key, None)
    try:
        scope = scope_from_environ(environ)
    except ServerError:
        return
    check_scope(scope)
    again = headers_from_environ(environ, keys_of_environ(environ).header_keys)
    demand(again == scope["headers"], "other headers than the environ's", again)


TLS_KEYS = (
    *("SSL_PROTOCOL", "SSL_CIPHER", "SSL_SERVER_CERT", "SSL_CLIENT_S_DN", "SSL_CLIENT_CERT", "SSL_CLIENT_VERIFY"),
    *("SSL_CLIENT_CERT_CHAIN_0", "SSL_CLIENT_CERT_CHAIN_1"),
)


def try_round_trip(supply: Supply) -> None:
    """The law: what a request became goes back without an error, and its fields are the same."""
    headers = request_headers(supply)
    scope = {"type": "http", "method": "GET", "path": "/" + supply.text(), "query_string": supply.raw()}
    with suppress(BadRequest):
        environ = environ_from_scope(scope, fields_from_scope(scope, headers))
        back = scope_from_environ(environ)
        check_scope(back)
        demand(back["query_string"] == scope["query_string"], "another query", back)
        fields = {name for name, _ in back["headers"]}
        kept = {name.lower() for name, value in headers if is_kept(name.lower(), value)}
        demand(fields <= kept | {b"content-length", b"content-type"}, "other fields", fields)


def is_kept(lowered: bytes, value: bytes) -> bool:
    """Tell whether a field goes both ways."""
    return bool(TOKEN.fullmatch(lowered)) and b"_" not in lowered and lowered != b"proxy"


# ---- responses -------------------------------------------------------------------------------------------------------


class Liar(str):
    """A str that shows something else than it holds."""

    __slots__ = ()

    def __str__(self) -> str:
        return "a\r\nb"

    def lower(self) -> str:
        return "x"


def native_headers(supply: Supply) -> Any:
    """What an application may give to `start_response`."""

    def part() -> Any:
        text = supply.text() if supply.number(2) else supply.pick(NAMES).decode()
        return supply.or_wrong(Liar(text) if supply.number(16) == 15 else text)

    return supply.or_wrong(supply.some(lambda: supply.or_wrong((part(), part()))))


def try_wsgi_response(supply: Supply) -> None:
    """W7, W9: a start that a server may send and a body of the declared length, or ApplicationError."""
    method = supply.pick(["GET", "HEAD", ""])
    response = WsgiResponse(method)
    sent = 0
    for _ in range(supply.number(8)):
        step = supply.number(4)
        try:
            if step == 0:
                status = supply.pick(["200 OK", "204", "304 ", "100 Continue"]) + supply.text()
                error = failure() if supply.number(2) else None
                response.start_response(supply.or_wrong(status), native_headers(supply), error)
            elif step < 3:
                sent += len(response.chunk(supply.or_wrong(supply.raw())))
            else:
                response.end()
        except ApplicationError:
            continue
        except LookupError:
            demand(response.state in (BODY, COMPLETE), "the application's own error before the start went out", step)
    check_body(response, method, sent)
    if response.state in (BODY, COMPLETE):
        check_start(response.start_message())


def failure() -> Any:
    """sys.exc_info() of an application."""
    try:
        raise LookupError("on purpose")
    except LookupError:
        return sys.exc_info()


def check_body(response: WsgiResponse | AsgiResponse, method: str, sent: int) -> None:
    """No more than was declared, nothing where nothing may be, and no short body that looks whole."""
    headers = response.headers if isinstance(response, AsgiResponse) else response.start_message()["headers"]
    lengths = [int(value) for name, value in headers if name.lower() in ("content-length", b"content-length")]
    may_have_none = method == "HEAD" or response.status in (204, 304) or response.status < 200
    demand(not (sent and may_have_none), "a body where none may be", sent)
    if lengths:
        demand(sent <= lengths[0], "more than was declared", (sent, lengths))
        is_whole = response.state is COMPLETE and not may_have_none and getattr(response, "path", None) is None
        demand(not is_whole or sent == lengths[0], "less than was declared", (sent, lengths))


def raw_headers(supply: Supply) -> Any:
    """What an application may give in `http.response.start`."""

    def part() -> Any:
        return supply.or_wrong(supply.raw() if supply.number(2) else supply.pick(NAMES))

    return supply.or_wrong(supply.some(lambda: supply.or_wrong((part(), part()))))


def try_asgi_response(supply: Supply) -> None:
    """A4: what `start_response` may be called with and a body of the declared length, or ApplicationError."""
    method = supply.pick(["GET", "HEAD", ""])
    response = AsgiResponse(method)
    sent = 0
    for _ in range(supply.number(8)):
        kind = supply.pick(["start", "body", "body", "body", "trailers", "pathsend", "early_hint", "nonsense"])
        message: dict[str, Any] = {"type": supply.or_wrong("http.response." + kind)}
        if supply.number(8):
            message["status"] = supply.or_wrong(supply.pick([200, 204, 304, 100, 99, 999, 1000]))
            message["headers"] = raw_headers(supply)
            message["body"] = supply.or_wrong(supply.raw())
            message["more_body"] = supply.or_wrong(bool(supply.number(2)))
            message["path"] = supply.or_wrong(supply.text())
        with suppress(ApplicationError):
            sent += len(response.message(message))
    check_body(response, method, sent)
    if response.state in (BODY, COMPLETE):
        check_status_line(response.status_line)
        check_pairs(response.headers, str)


def try_early_hints(supply: Supply) -> None:
    """W12: links that a server may send, or one of our errors."""
    headers: Any = supply.or_wrong(
        supply.some(lambda: supply.or_wrong((supply.pick(["Link", "link", b"Link"]), supply.text())))
    )
    try:
        links = early_hint_links(headers)
    except BridgeError:
        return
    check_pairs([(b"link", link) for link in links], bytes)


TARGETS: tuple[Callable[[Supply], None], ...] = (
    try_environ_from_scope,
    try_framing,
    try_scope_from_environ,
    try_round_trip,
    try_wsgi_response,
    try_asgi_response,
    try_early_hints,
)

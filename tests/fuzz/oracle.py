"""What is valid, said a second time: from PEP 3333, the ASGI specification and RFC 9110, by none of bridge's code.

Each function raises Invalid, or returns.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

TOKEN = re.compile(rb"[!#$%&'*+.^`|~0-9A-Za-z_-]+")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
HOP_BY_HOP = {
    *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"),
    *("trailers", "transfer-encoding", "upgrade"),
}
TEXT_KEYS = (
    *("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL"),
    *("REQUEST_URI", "RAW_URI", "REMOTE_ADDR", "wsgi.url_scheme"),
)


class Invalid(AssertionError):
    """Something that no specification allows came out."""


def demand(holds: object, what: str, found: object) -> None:
    """Raise Invalid unless something holds."""
    if not holds:
        raise Invalid(f"{what}: {found!r:.300}")


def check_environ(environ: dict[Any, Any]) -> None:
    """PEP 3333, "environ Variables" and "A Note On String Types"."""
    demand(type(environ) is dict, "the environ is no plain dict", type(environ))
    for key in TEXT_KEYS:
        demand(key in environ, "a key is missing", key)
    for key, value in environ.items():
        demand(type(key) is str, "a key is no str", key)
        if key in TEXT_KEYS or "." not in key:
            demand(type(value) is str, f"{key} is no str", value)
            demand(all(ord(character) < 256 for character in value), f"{key} is no latin-1", value)
    demand(environ["REQUEST_METHOD"], "there is no method", environ["REQUEST_METHOD"])
    demand(environ["SERVER_NAME"], "SERVER_NAME is empty", environ["SERVER_NAME"])
    demand(environ["SERVER_PORT"].isdigit(), "SERVER_PORT is no number", environ["SERVER_PORT"])
    script_name, path_info = environ["SCRIPT_NAME"], environ["PATH_INFO"]
    demand(script_name[:1] in ("", "/"), "SCRIPT_NAME does not begin with a slash", script_name)
    demand(script_name != "/", "SCRIPT_NAME is a lone slash", script_name)
    demand(path_info[:1] in ("", "/"), "PATH_INFO does not begin with a slash", path_info)
    demand(script_name or path_info, "there is no path", environ)
    for key in ("HTTP_PROXY", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"):
        demand(key not in environ, "a key that must not be", key)


def fields_of(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the CGI keys that a header list must become: no name with an underscore, nor Proxy, has any."""
    values: dict[str, list[str]] = {}
    for name, value in headers:
        lowered = name.lower()
        if TOKEN.fullmatch(lowered) and b"_" not in lowered and lowered != b"proxy":
            key = lowered.decode().upper().replace("-", "_")
            key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key
            values.setdefault(key, []).append(value.decode("latin-1"))
    if "CONTENT_LENGTH" in values:
        lengths = {part.strip(" \t") for value in values["CONTENT_LENGTH"] for part in value.split(",")}
        if len(values["CONTENT_LENGTH"]) > 1 or any("," in value for value in values["CONTENT_LENGTH"]):
            values["CONTENT_LENGTH"] = sorted(lengths)
    return {key: ("; " if key == "HTTP_COOKIE" else ",").join(value) for key, value in values.items()}


def check_fields(environ: dict[str, Any], headers: Iterable[tuple[bytes, bytes]]) -> None:
    """No field is lost, invented or merged with another one's name."""
    found = {
        key: environ[key] for key in environ if key.startswith("HTTP_") or key in ("CONTENT_TYPE", "CONTENT_LENGTH")
    }
    expected = fields_of(headers)
    demand(found == expected, "other fields than the request's", (found, expected))


def check_scope(scope: dict[str, Any]) -> None:
    """ASGI, "HTTP Connection Scope"."""
    demand(scope["type"] == "http", "the type", scope["type"])
    for key in ("http_version", "method", "scheme", "path", "root_path"):
        demand(type(scope[key]) is str, f"{key} is no str", scope[key])
    for key in ("raw_path", "query_string"):
        demand(type(scope[key]) is bytes, f"{key} is no bytes", scope[key])
    demand(scope["method"] == scope["method"].upper(), "the method is not in upper case", scope["method"])
    demand(not scope["root_path"].endswith("/"), "the root path ends in a slash", scope["root_path"])
    demand(scope["path"].startswith(scope["root_path"]), "the path does not begin with the root path", scope)
    demand(type(scope["headers"]) is list, "headers is no list", scope["headers"])
    for pair in scope["headers"]:
        demand(type(pair) is tuple and [type(part) for part in pair] == [bytes, bytes], "no pair of bytes", pair)
        demand(pair[0] == pair[0].lower() and pair[0], "a name is not in lower case", pair)
        demand(pair[0] not in (b"", b"content_length", b"content_type"), "a name that cannot be", pair)
    client, server = scope["client"], scope["server"]
    demand(client is None or (type(client[0]), type(client[1])) == (str, int), "the client", client)
    demand(server is None or (type(server[0]) is str and type(server[1]) in (int, type(None))), "the server", server)
    demand(type(scope["extensions"]) is dict, "the extensions", scope["extensions"])


def check_pairs(headers: Iterable[tuple[Any, Any]], kind: type) -> None:
    """What is given to a server as response headers: nothing in it can end a line, nor speak for the connection."""
    lengths = set()
    for name, value in headers:
        demand(type(name) is kind and type(value) is kind, "a part of a wrong type", (name, value))
        raw = name if isinstance(name, bytes) else name.encode("latin-1")
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        demand(TOKEN.fullmatch(raw), "a name that is no token", name)
        demand(not CONTROL.search(text), "a control character in a value", value)
        demand(all(ord(character) < 256 for character in text), "a value is no latin-1", value)
        demand(raw.lower().decode() not in HOP_BY_HOP, "a hop-by-hop header", name)
        if raw.lower() == b"content-length":
            demand(re.fullmatch(r"[0-9]+", text), "a length that is no number", value)
            lengths.add(int(text))
            demand(len(lengths) == 1, "two lengths", headers)


def check_status_line(line: object) -> None:
    """PEP 3333, "The start_response() Callable", for what is given to a server."""
    demand(type(line) is str and re.fullmatch(r"[1-9][0-9]{2} [^\x00-\x1f\x7f]+", line), "the status line", line)


def check_start(message: dict[str, Any]) -> None:
    """ASGI, "Response Start"."""
    demand(message["type"] == "http.response.start", "the type", message)
    demand(type(message["status"]) is int and 100 <= message["status"] <= 999, "the status", message["status"])
    check_pairs(message["headers"], bytes)

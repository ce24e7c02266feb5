"""Paths: ``root_path``, ``path`` and ``raw_path`` of ASGI; SCRIPT_NAME, PATH_INFO and REQUEST_URI of CGI.

Theory. ASGI's ``path`` is text, CGI's PATH_INFO is bytes in a latin-1 coat. Text is made from bytes by UTF-8, and what
is no UTF-8 is lost there (``/%FF`` becomes U+FFFD), so the bytes are taken from ``raw_path``, but only where
``raw_path`` still
tells of the same path: middleware may have rewritten ``path`` and left ``raw_path`` as it was.

Servers disagree whether ``path`` includes ``root_path``. The rule here is the one that Starlette's routing goes by: if
``path`` begins with ``root_path`` and the match ends at a segment's end, it is cut off; otherwise ``path`` is taken as
it is. ``/api`` is never cut off ``/apiv2``.
"""

from __future__ import annotations

import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

_PLAIN_TARGET = re.compile(r"[A-Za-z0-9/._~!$&'()*+,;=:@-]*\Z").match
_ESCAPED_SLASH = re.compile("%2[Ff]").sub
_TARGET_SAFE = "/!$&'()*+,;=:@"
_ABSOLUTE_FORM = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*").match


def environ_paths(
    path: str, root_path: str, raw_path: bytes | None, app_root_path: str | None = None
) -> tuple[str, str]:
    """Return (SCRIPT_NAME, PATH_INFO) for an ASGI path.

    root_path may end in a slash, lack its first one, and may or may not be contained in path.

    app_root_path: the part of root_path that stood there before a framework added its mounts to it, where the framework
        tells (Starlette does). Behind a proxy that takes that part off, path begins with the mounts alone.
    """
    root_path = _with_slash(root_path)
    # The text of an ASCII path is its bytes: raw_path could add nothing.
    whole = path if path.isascii() else _path_bytes(path, root_path.rstrip("/"), raw_path).decode("latin-1")
    if whole[:1] != "/":
        whole = _rooted(whole)
    if not root_path.strip("/"):
        return "", whole
    mounts = ""
    app_root_path = _with_slash(app_root_path or "")
    if app_root_path and root_path.startswith(app_root_path):
        mounts = _with_slash(root_path[len(app_root_path) :])
        root_path = app_root_path.rstrip("/") + mounts
    for prefix in (root_path, mounts):
        path_info = _cut_root(path, whole, prefix)
        if path_info is not None:
            return _native(root_path), path_info
    return _native(root_path), whole if path else ""


def _cut_root(path: str, whole: str, root_path: str) -> str | None:
    """Return what follows root_path in whole, the bytes of path; None if path does not begin with it."""
    root_path = root_path.rstrip("/")
    if not root_path:
        return None
    path_info = cut_prefix(whole, _native(root_path))
    if path_info is not whole:
        return path_info
    if path.isascii() or cut_prefix(path, root_path) is path:
        return None
    # The text matches and the bytes do not: the root path's own bytes are no UTF-8 and were lost on the way. Slashes
    # are the same in both, so as many segments are cut.
    return "".join("/" + segment for segment in whole.split("/")[root_path.count("/") + 1 :])


def _with_slash(root_path: str) -> str:
    return root_path if not root_path or root_path[0] == "/" else "/" + root_path


def _native(root_path: str) -> str:
    """Return a root path as PEP 3333 has SCRIPT_NAME: bytes in a latin-1 coat, without a slash at its end."""
    root_path = root_path.rstrip("/")
    return root_path if root_path.isascii() else _encode(root_path).decode("latin-1")


def cut_prefix(path: str, prefix: str) -> str:
    """Return path without a prefix that ends where a segment ends; path itself if there is no such prefix."""
    if path.startswith(prefix) and (len(path) == len(prefix) or path[len(prefix)] == "/"):
        return path[len(prefix) :]
    return path


def _rooted(path: str) -> str:
    """Return a path that begins with a slash, as PEP 3333 has it for PATH_INFO that is not empty.

    A request target may be in absolute form (RFC 9112, 3.2.2), which some servers pass on, or ``*``.
    """
    absolute = _ABSOLUTE_FORM(path)
    if absolute:
        path = path[absolute.end() :]
    return path if path[:1] == "/" else "/" + path


def _path_bytes(path: str, root_path: str, raw_path: bytes | None) -> bytes:
    """Return the bytes of path: those of raw_path if it tells of the same path, else its UTF-8."""
    if raw_path:
        raw = unquote_to_bytes(raw_path.partition(b"?")[0])
        for errors in ("replace", "surrogateescape"):
            text = raw.decode("utf-8", errors)
            if text == path or text == root_path + path:
                return raw
            if root_path and root_path + text == path:
                return _encode(root_path) + raw
    return _encode(path)


def _encode(path: str) -> bytes:
    try:
        return path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # A lone surrogate that stands for no byte: no server should send it, and it must not become a 500.
        return path.encode("utf-8", "surrogatepass")


def request_target(script_name: str, path_info: str, raw_path: bytes | None, query: str) -> str:
    """Return REQUEST_URI: what the client asked for, before unquoting, with the query string.

    It is raw_path where the server gives it (also a stale one: it tells what the client sent), else quoted anew.
    """
    if raw_path:
        target = raw_path.decode("latin-1")
        if "?" in target:
            target = target.partition("?")[0]
    else:
        target = quote_path(script_name + path_info).decode("latin-1")
    return f"{target}?{query}" if query else target


def quote_path(path: str) -> bytes:
    """Return a path of latin-1 coated bytes as the percent-encoded bytes of a request target."""
    if _PLAIN_TARGET(path):
        return path.encode("ascii")
    return quote_from_bytes(path.encode("latin-1", "replace"), safe=_TARGET_SAFE).encode("ascii")


def scope_paths(script_name: str, path_info: str, target: str | None) -> tuple[str, str, bytes]:
    """Return (root_path, path, raw_path) for CGI's SCRIPT_NAME, PATH_INFO and, if there is one, REQUEST_URI or RAW_URI.

    ``path`` includes ``root_path``. ``raw_path`` is the target's path if that unquotes to SCRIPT_NAME + PATH_INFO
    (behind a server that rewrites, the target is stale), else it is quoted anew.
    """
    whole = script_name + path_info
    raw_path = None
    if target and target.isascii() and "%" not in target and target.partition("?")[0] == whole:
        return script_name, whole, whole.encode()  # the ordinary case
    if target:
        absolute = _ABSOLUTE_FORM(target)
        cut = (target[absolute.end() :] or "/") if absolute else target
        candidate = cut.partition("?")[0].encode("latin-1", "replace")
        unquoted = unquote_to_bytes(candidate)
        if unquoted == whole.encode("latin-1", "replace"):
            raw_path = candidate
        elif _text(unquoted.decode("latin-1")) in (_text(whole), _ESCAPED_SLASH("/", _text(whole))):
            # The same path, of which PATH_INFO tells less: werkzeug keeps no bytes that are no UTF-8, cheroot does not
            # unquote an escaped slash.
            raw_path = candidate
            whole = unquoted.decode("latin-1")
    if raw_path is None:
        raw_path = quote_path(whole)
    return _text(script_name), _text(whole), raw_path


def _text(native: str) -> str:
    """Return the text of a latin-1 coated path; what is no UTF-8 becomes U+FFFD, as in the servers that speak ASGI."""
    return native if native.isascii() else native.encode("latin-1", "replace").decode("utf-8", "replace")

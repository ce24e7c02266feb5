"""All that may differ with and without the bridge, each with its reason; nowhere else is anything forgiven.

The law in the contract has a closed list; the entries that quote it say "the law". The others follow from one of its
promises, or mean nothing to anybody (CGI has two ways to say "no body").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

from bridge.errors import ApplicationError
from tests.harness.wsgi_answer import HOP_BY_HOP
from tests.roundtrip.sight import Complaint, Sight

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.roundtrip.sight import Run

# What is in an environ for the bridge's own part in the request, not for the client's.
LIVE_KEYS: Final = {
    "wsgi.input": "W4: a file of the bridge's own; what is read from it is compared",
    "wsgi.errors": "an ASGI server has no stream for errors: it is standard error",
    "wsgi.multithread": "W14: the bridge's threads decide",
    "wsgi.multiprocess": "nobody tells an ASGI application; yes is the safe answer",
    "wsgi.input_terminated": "W1: always true",
    "SERVER_SOFTWARE": "ASGI has no name for the server",
}

# What the bridge may add to an environ (W1). Never what a client could have meant: HTTP_*, CONTENT_*, SSL_*.
ADDED_KEYS: Final = frozenset(
    (
        *("REQUEST_URI", "RAW_URI", "HTTPS", "GATEWAY_INTERFACE", "REMOTE_ADDR", "SCRIPT_NAME", "PATH_INFO"),
        *("wsgi.file_wrapper", "wsgi.early_hints", "bridge.disconnected", "asgi.scope", "asgi.state"),
    )
)

# What the bridge may add to a scope.
ADDED_SCOPE_KEYS: Final = {
    "extensions": "the law: extensions that the far side lacks, and those that it has (A8)",
    "wsgi.environ": "A1: for those who need it",
}


A_BREACH: Final = "a breach of the specification"
SOMETHING_ELSE: Final = "something else"


def environ_as_compared(environ: dict[str, Any], native: dict[str, Any]) -> dict[str, Any]:
    """Return what of an environ has to be as the server without a bridge has it."""
    compared = {}
    for key, value in environ.items():
        if key in LIVE_KEYS or (key in ADDED_KEYS and key not in native):
            continue
        if key == "REQUEST_URI" and is_stale(native):
            continue  # A1: a target that tells of another path is quoted anew
        if key in ("CONTENT_TYPE", "CONTENT_LENGTH") and not value:
            continue  # RFC 3875, 4.1.2 and 4.1.3: the empty value and the missing key mean the same
        if key == "HTTP_PROXY":
            continue  # W3: it never comes through
        compared[key] = value
    return compared


def is_stale(environ: dict[str, Any]) -> bool:
    """Tell whether a server's REQUEST_URI is of another path than PATH_INFO, as behind a server that rewrites."""
    target = unquote_to_bytes(environ.get("REQUEST_URI", "").partition("?")[0])
    return bool(target != (environ["SCRIPT_NAME"] + environ["PATH_INFO"]).encode("latin-1"))


def scope_as_compared(scope: dict[str, Any]) -> dict[str, Any]:
    """Return what of a scope has to be as the server without a bridge has it."""
    compared = {key: value for key, value in scope.items() if key not in ADDED_SCOPE_KEYS}
    compared["headers"] = folded(scope["headers"])
    return compared


def folded(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return request headers as CGI has them: the law, "folding of repeated and underscored header names"."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        # W3: a name with an underscore is dropped, so that it cannot be taken for the dashed one; and so is Proxy.
        if b"_" in name or name == b"proxy":
            continue
        joint = b"; " if name == b"cookie" else b","
        found[name] = found[name] + joint + value if name in found else value
    return found


def response_headers(headers: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return what a client can tell of headers.

    The law: the letter case of names, and hop-by-hop headers. RFC 9110, 5.5: space around a value is no part of it;
    5.3: the order counts among equal names only.
    """
    found: dict[str, list[str]] = {}
    for name, value in headers:
        if name.lower() not in HOP_BY_HOP:
            found.setdefault(name.lower(), []).append(value.strip(" \t"))
    return found


def as_seen(sight: Sight) -> tuple[Any, ...]:
    """Return what the client saw; the reason phrase is not in it (the law)."""
    return sight.status, response_headers(sight.headers), sight.body, sight.ending


def also_allowed(native: Run) -> Sight | None:
    """Return what the client may see instead, if the application failed and its server may still answer 500.

    The law: headers are held until the first body byte. And W9: a body that is there as a whole, and is shorter than it
    was declared, is found out before its first byte.
    """
    errors = native.sight.errors + native.sight.late_errors
    was_known_whole = native.seen.returned_whole and isinstance(errors[0] if errors else None, Complaint)
    if not errors or (native.sight.body and not was_known_whole):
        return None
    return Sight(None, [], b"", "refused", errors=errors)


def what(error: BaseException, raised: list[BaseException]) -> tuple[Any, ...]:
    """Return what an error is, in terms that are the same with and without a bridge: whose it is, by identity."""
    for number, own in enumerate(raised):
        if error is own:
            return "the application's", number, type(own)
    cause = error.__cause__
    for number, own in enumerate(raised):
        if cause is own:
            # W13, A8: what would end or corrupt the server's loop or thread comes wrapped.
            if isinstance(error, ApplicationError) and not is_harmless(own):
                return "the application's", number, type(own)
            return "made of the application's", number, type(error), type(own)
    # What the server complains of, the bridge finds first.
    if isinstance(error, Complaint) or (type(error) is ApplicationError and cause is None):
        return (A_BREACH,)
    if isinstance(error, OSError):
        return ("the client's leaving",)
    return SOMETHING_ELSE, type(error), str(error)


def is_harmless(error: BaseException) -> bool:
    """Tell whether an error passes loops and threads as it is."""
    return isinstance(error, Exception) and not isinstance(error, (StopIteration, StopAsyncIteration))

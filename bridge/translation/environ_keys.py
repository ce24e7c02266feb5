"""What the keys of an environ tell, seen from all of them at once.

Two of three keys of an environ are no headers, and a server's environs have nearly always the same keys in the same
order. So what they tell is found out once, and remembered by the tuple of all keys, in a table that is bounded.
"""

from __future__ import annotations

from typing import NamedTuple

from bridge._types import Environ
from bridge.translation.tls import TLS_KEYS

_REMEMBERED = 256
_REMEMBERED_LENGTH = 4096  # of all keys of one environ

# The two fields that CGI names without the prefix.
UNPREFIXED = frozenset(("CONTENT_TYPE", "CONTENT_LENGTH"))


class EnvironKeys(NamedTuple):
    """What there is to know from the keys alone.

    header_keys: those that begin with HTTP_, each with the header's lower-case name; has_tls: whether any is about TLS.
    """

    header_keys: list[tuple[str, bytes]]
    has_tls: bool


_known: dict[tuple[str, ...], EnvironKeys] = {}


def keys_of_environ(environ: Environ) -> EnvironKeys:
    """Return what the keys of an environ tell.

    ``HTTP_CONTENT_TYPE`` and ``HTTP_CONTENT_LENGTH``, which some servers set beside the real keys, are no headers.
    """
    keys = tuple(environ)
    return _known.get(keys) or _find_out(keys)


def _find_out(keys: tuple[str, ...]) -> EnvironKeys:
    """Look at each key, and remember what they tell."""
    header_keys = [(key, name) for key in keys if (name := _field_name(key))]
    found = EnvironKeys(header_keys, not TLS_KEYS.isdisjoint(keys))
    if sum(map(len, keys)) <= _REMEMBERED_LENGTH:
        if len(_known) >= _REMEMBERED:
            _known.clear()
        _known[keys] = found
    return found


def _field_name(key: str) -> bytes:
    """Return the header name of an environ key, ``b""`` if it is none."""
    text = key[5:]
    if not key.startswith("HTTP_") or text in UNPREFIXED:
        return b""
    return text.replace("_", "-").lower().encode("latin-1", "replace")

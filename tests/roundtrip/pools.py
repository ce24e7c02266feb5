"""What examples are put together from.

Hypothesis takes about a tenth of a millisecond for each choice, and an example of bytes chosen one by one has hundreds.
So the parts are made here, once, and the same ones for the same seed; an example chooses among them. They stand in the
order of their size, for Hypothesis takes the first one that fails.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote_from_bytes

from tests.roundtrip.examples import SEED, TOTAL
from tests.roundtrip.requests import SAFE

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

SIZE = 300 + TOTAL // 10

_random = random.Random(SEED)  # noqa: S311  not for secrets


class Long(bytes):
    """Bytes that are shown by their number."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Long({bytes(self[:1])!r} * {len(self)})"


def some(make: Callable[[], T], count: int = SIZE) -> list[T]:
    """Return so many random things, the small ones first."""
    return sorted((make() for _ in range(count)), key=lambda thing: len(repr(thing)))


def one_of(*things: T) -> T:
    """Return any of these."""
    return _random.choice(things)


def up_to(count: int, things: list[T], least: int = 0) -> tuple[T, ...]:
    """Return some of these, any of them repeatedly."""
    return tuple(_random.choices(things, k=_random.randint(least, count)))


def any_bytes(size: int) -> bytes:
    """Return up to so many bytes of any value."""
    return _random.randbytes(_random.randint(0, size))


def field_value() -> bytes:
    """Return a header's value: latin-1 without control characters, without space around it."""
    return bytes(byte for byte in any_bytes(8) if byte >= 32 and not 127 <= byte < 160).strip(b" \t")


# Requests: names that are repeated, and names that the bridge has rules for, are more frequent than others.

REQUEST_NAMES = [
    *[b"x-a", b"cookie"] * 4,
    *(b"x-b", b"x_a", b"accept", b"proxy", b"authorization", b"user-agent", b"content-type", b"referer"),
    *(b"x-forwarded-for", b"connection", b"te", b"upgrade", b"~!#$%&'*+.^`|"),
]
REQUEST_HEADERS = [
    (b"expect", b"100-continue"),
    *[(name, field_value() or b"a") for name in REQUEST_NAMES for _ in range(6)],
    *[(name, b"") for name in (b"x-a", b"cookie", b"accept")],
]
REQUEST_HEADER_LISTS = [(), *some(lambda: up_to(6, REQUEST_HEADERS))]

SEGMENTS = [b"a", b"", b"..", b".", b"api", b"%", b"%2F", b"?", b"#x", b" ", b";p=1", b"http:", b"\xff"]
SEGMENTS += [any_bytes(3).replace(b"/", b"") for _ in range(40)]
TEXT_SEGMENTS = ["".join(_random.choices("abcü~%+ é€\U0001f600", k=3)).encode() for _ in range(20)]

CONNECTIONS: list[dict[str, Any]] = [
    {},
    {"version": "1.0", "client": None},
    {"scheme": "https", "version": "2", "client": ("::1", 0)},
    {"version": "3", "server": ("::1", 65_535), "client": ("10.0.0.1", 65_535)},
]
BODIES: list[tuple[bytes, ...]] = [
    *[()] * 30,
    *[(b"line\n" * 3, b"\n", b"end"), (Long(b"x" * 20_000),) * 4, (b"", b"a", b"", b"b"), (b"",)] * 3,
    *[tuple(any_bytes(6) for _ in range(_random.randint(1, 4))) for _ in range(60)],
]


def path(segments: list[bytes], most: int, least: int = 1) -> bytes:
    """Return a path of some segments."""
    return b"".join(b"/" + segment for segment in up_to(most, segments, least))


def quoted(path: bytes) -> bytes | None:
    """Return a path as a client may write it, None for a server that does not tell."""
    how = _random.randrange(4)
    if how == 0:
        return quote_from_bytes(path, SAFE).encode()
    escape = b"%%%02X" if how == 1 else b"%%%02x"
    return None if how == 3 else path[:1] + b"".join(escape % byte for byte in path[1:])


def target(*, asgi: bool) -> dict[str, Any]:
    """Return the mount, the path and the query of a request."""
    mount = path(TEXT_SEGMENTS, 2, 0)
    if not asgi and _random.random() < 0.2:
        mount = one_of(b"/\xff", b"/a/\xfc\xc3", b"/\x00", b"/%2F")
    what: dict[str, Any] = {"mount": mount, "path": path(SEGMENTS, 3), "query": one_of(b"", b"a=1&b=%20", any_bytes(5))}
    special = _random.randrange(10)
    if special == 0:
        what["path"] = b"/" if asgi or not mount else b""  # the mount itself
    what["target"] = quoted(what["path"])
    if special == 1 and not asgi:
        what["target"] = b"/before/rewriting"
    return what


def shape() -> dict[str, Any]:
    """Return the method, the body and the connection of a request."""
    methods = ("GET", "POST", "HEAD", "GET", "POST", "PUT", "PATCH", "OPTIONS", "M-SEARCH")
    return {
        "method": one_of(*methods),
        "body": one_of(*BODIES),
        "declared": one_of(True, False),
        "has_read1": one_of(True, False),
        **one_of(*CONNECTIONS),
    }


TARGETS = {asgi: [{}, *some(lambda asgi=asgi: target(asgi=asgi))] for asgi in (False, True)}  # type: ignore[misc]
SHAPES: list[dict[str, Any]] = [{}, *some(shape)]

# Responses

CHUNKS: list[bytes | None] = [
    *[b""] * 8,
    *[b"a", b"bc", None, None] * 4,
    *some(lambda: any_bytes(9), 50),
    Long(b"y" * 70_000),
]
"""None: all that was read so far and not given out again."""

RESPONSE_NAMES = ["X-A", "x-a", "Set-Cookie", "set-cookie", "Vary", "ETag", "Content-Type", "X_u", "Connection", "!#$"]
RESPONSE_HEADERS = [
    *[(name, field_value().decode("latin-1")) for name in RESPONSE_NAMES for _ in range(8)],
    *[("Set-Cookie", value) for value in ("a=1; Path=/, b=2", "", " padded\t", "a\tb", "\xa0", "c=\xe4\xff")],
]
RESPONSE_HEADER_LISTS = [(), *some(lambda: up_to(6, RESPONSE_HEADERS))]

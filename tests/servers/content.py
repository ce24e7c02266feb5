"""Large bodies that both sides know without storing them."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator

MEGABYTE = 1024 * 1024
BLOCK = 64 * 1024
_FILLER = bytes(range(256)) * (BLOCK // 256)


def blocks(size: int) -> Iterator[bytes]:
    """`size` bytes (whole blocks), no block like another, so that a lost or swapped one changes the digest."""
    count, rest = divmod(size, BLOCK)
    assert rest == 0, "only whole blocks"
    for index in range(count):
        yield index.to_bytes(8, "big") + _FILLER[8:]


@functools.cache
def digest(size: int) -> str:
    """The SHA-256 of `blocks(size)`, in hexadecimal."""
    sha = hashlib.sha256()
    for block in blocks(size):
        sha.update(block)
    return sha.hexdigest()

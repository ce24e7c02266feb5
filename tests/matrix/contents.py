"""What both sites and the probes know of bodies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from tests.servers.content import BLOCK, MEGABYTE

MARK = MEGABYTE // BLOCK
"""After so many blocks a download notes that it has made another megabyte."""


def described(chunks: Iterable[bytes]) -> str:
    """Size and digest of a body, however it was cut up."""
    sha, size = hashlib.sha256(), 0
    for chunk in chunks:
        sha.update(chunk)
        size += len(chunk)
    return f"{size} {sha.hexdigest()}"

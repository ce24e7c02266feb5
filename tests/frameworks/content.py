"""A file that every framework is made to send."""

from __future__ import annotations

from pathlib import Path

CONTENT = bytes(range(256)) * 1024


def content_file(directory: Path) -> Path:
    """The file, written once: two applications that send it give the same date."""
    path = directory / "content.bin"
    if not path.exists():
        path.write_bytes(CONTENT)
    return path

"""``wsgi.file_wrapper`` and how the file in it is best sent (PEP 3333, "Optional Platform-Specific File Handling").

A server that takes ``http.response.pathsend`` or ``http.response.zerocopysend`` sends the file itself; for the others
bridge reads a plain file block by block. In all three the application's worker thread is free while a slow client
downloads. Whatever is not a plain file is read in the worker thread, as any iterable is.

"Plain" is asked for strictly, by exact type: a ``GzipFile`` has a ``fileno()`` too, of the wrong bytes.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Container
from typing import Any

BLOCK_SIZE = 262_144  # bytes read from a file at a time; gunicorn's and Django's block sizes are 8 KiB and 4 KiB

_BUFFERED_FILES = (io.BufferedReader, io.BufferedRandom)


class FileWrapper:
    """An iterable of blocks of a file-like object.

    filelike: anything with ``read(size)``.
    block_size: bytes asked for at a time when it is iterated.
    """

    def __init__(self, filelike: Any, block_size: int = 8192) -> None:
        self.filelike = filelike
        self.block_size = block_size
        self.was_iterated = False

    def __iter__(self) -> FileWrapper:
        self.was_iterated = True
        return self

    def __next__(self) -> bytes:
        block: bytes = self.filelike.read(self.block_size)
        if not block:
            raise StopIteration
        return block

    def close(self) -> None:
        """Close the file, if it can be closed.

        ``close`` is looked up now and not earlier: Django hangs the end of its request on the file by replacing it.
        """
        close = getattr(self.filelike, "close", None)
        if close is not None:
            close()


class FileTransfer:
    """A part of a plain file that the loop sends.

    file: the file, with its descriptor.
    offset, count: which bytes.
    path: the absolute path, if the whole of the file may be sent by it.
    """

    __slots__ = ("count", "file", "offset", "path")

    def __init__(self, file: Any, offset: int, count: int, path: str | None) -> None:
        self.file = file
        self.offset = offset
        self.count = count
        self.path = path

    def read(self) -> bytes:
        """Read the next block; ``b""`` at the end, also if the file was cut short meanwhile."""
        block = os.pread(self.file.fileno(), min(BLOCK_SIZE, self.count), self.offset)
        self.offset += len(block)
        self.count -= len(block)
        return block


def plan_transfer(wrapper: FileWrapper, declared: int | None, extensions: Container[str]) -> FileTransfer | None:
    """Return how the loop can send the file in a wrapper, None if it has to be read as an iterable.

    declared: the response's Content-Length in bytes, None if it has none.
    extensions: what the server offers, the keys of ``scope["extensions"]``.
    """
    file = wrapper.filelike
    if wrapper.was_iterated or not _is_plain(file) or not hasattr(os, "pread"):
        return None
    try:
        file.flush()  # a temporary file that was just written may hold bytes back
        status = os.fstat(file.fileno())
        offset = file.tell()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    available = max(0, status.st_size - offset)
    count = available if declared is None else min(declared, available)
    path = None
    if "http.response.pathsend" in extensions and offset == 0 and declared == status.st_size:
        path = _path_of(file, status)
    return FileTransfer(file, offset, count, path)


def _is_plain(file: Any) -> bool:
    """Tell whether the bytes of a file are those behind its descriptor, with nothing between that would change them."""
    return type(file) is io.FileIO or (type(file) in _BUFFERED_FILES and type(file.raw) is io.FileIO)


def _path_of(file: Any, status: os.stat_result) -> str | None:
    """Return the absolute path by which the server would open this very file, None if there is none."""
    if not isinstance(file.name, str):
        return None  # it was opened by a descriptor
    name = os.path.abspath(file.name)
    try:
        found = os.stat(name)
    except OSError:
        return None
    # The name may have been given to another file since this one was opened.
    return name if (found.st_dev, found.st_ino) == (status.st_dev, status.st_ino) else None

"""Which files the loop may send by itself: those whose bytes are the ones behind their descriptor, and no others."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from bridge.file_wrapper import FileTransfer, FileWrapper, plan_transfer

CONTENT = bytes(range(256)) * 40
OFFERED = ("http.response.pathsend",)


def planned(file: object, declared: int | None = None) -> FileTransfer | None:
    """Return how a file is sent by a server that offers pathsend."""
    return plan_transfer(FileWrapper(file), declared, OFFERED)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A plain file."""
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("buffering", [0, -1])
def test_a_plain_file(path: Path, buffering: int) -> None:
    """W11: a plain file is sent by its path if it is declared as a whole, else from its descriptor."""
    with path.open("rb", buffering) as file:
        by_path, by_descriptor = planned(file, len(CONTENT)), planned(file)
    assert by_path is not None
    assert by_path.path == str(path)
    assert by_descriptor is not None
    assert (by_descriptor.path, by_descriptor.offset, by_descriptor.count) == (None, 0, len(CONTENT))


def test_a_file_that_is_unpacked_as_it_is_read(path: Path) -> None:
    """W11: a file that changes the bytes behind its descriptor is read, also through a buffer of the plain type."""
    packed = path.with_suffix(".gz")
    packed.write_bytes(gzip.compress(CONTENT))
    with gzip.open(packed) as unpacked:
        assert planned(unpacked) is None
        assert planned(io.BufferedReader(unpacked)) is None


def test_a_name_that_was_given_to_another_file(path: Path) -> None:
    """W11: a path is used only while it still is that file, by device and inode."""
    with path.open("rb") as file:
        path.rename(path.with_name("moved"))
        path.write_bytes(CONTENT)
        transfer = planned(file, len(CONTENT))
    assert transfer is not None
    assert transfer.path is None


def test_from_the_middle(path: Path) -> None:
    """W11: a file that was read from is sent from there, and never by its path."""
    with path.open("rb") as file:
        file.read(100)
        transfer = planned(file, len(CONTENT) - 100)
    assert transfer is not None
    assert (transfer.path, transfer.offset, transfer.count) == (None, 100, len(CONTENT) - 100)


@pytest.mark.parametrize("file", [io.BytesIO(CONTENT), object()])
def test_what_is_no_file(file: object) -> None:
    """W11: whatever has no descriptor is read."""
    assert planned(file) is None

"""A multipart upload of 320,000 bytes, of which adapters have been known to store 65,443."""

from __future__ import annotations

import hashlib
import io

import pytest
from werkzeug.formparser import parse_form_data

from bridge.input import Input
from tests.input.feeding import Feed

CONTENT = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(10_000))
"""320,000 bytes with line feeds anywhere."""

HEAD = (
    b'--frontier\r\nContent-Disposition: form-data; name="field"\r\n\r\nvalue\r\n'
    b'--frontier\r\nContent-Disposition: form-data; name="file"; filename="upload.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n"
)
TAIL = b"\r\n--frontier--\r\n"
BODY = HEAD + CONTENT + TAIL


def in_pieces(size: int) -> Input:
    """The upload, in messages of this size."""
    return Input(Feed(BODY[start : start + size] for start in range(0, len(BODY), size)))


@pytest.mark.parametrize("size", [1000, 65_443, 65_536, len(BODY)])
@pytest.mark.parametrize("has_length", [False, True])
@pytest.mark.parametrize("is_wrapped", [False, True])
def test_werkzeug(size: int, has_length: bool, is_wrapped: bool) -> None:
    """W4: werkzeug finds every byte of an upload, with and without CONTENT_LENGTH, also through io.BufferedReader."""
    file = in_pieces(size)
    environ = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": "multipart/form-data; boundary=frontier",
        "wsgi.input": io.BufferedReader(file) if is_wrapped else file,
        "wsgi.input_terminated": True,
    }
    if has_length:
        environ["CONTENT_LENGTH"] = str(len(BODY))
    _, form, files = parse_form_data(environ)
    assert form["field"] == "value"
    upload = files["file"]
    assert upload.filename == "upload.bin"
    assert upload.read() == CONTENT
    upload.close()


@pytest.mark.parametrize("size", [1000, 65_443, 65_536, len(BODY)])
@pytest.mark.parametrize("limit", [1, 1 << 10, 1 << 16, -1])
def test_line_by_line(size: int, limit: int) -> None:
    """W4: parsers that go by readline(n) until it gives nothing, as cgi's did, get every byte."""
    file = in_pieces(size)
    lines = []
    while line := file.readline(limit):
        lines.append(line)
    assert b"".join(lines) == BODY
    assert all(len(line) == limit or line.endswith(b"\n") for line in lines[:-1]) or limit == 1


@pytest.mark.parametrize("size", [1000, 65_536, len(BODY)])
def test_without_copies_in_the_way(size: int) -> None:
    """W4: what is asked for as it came is not copied: the file gives the very piece that it got."""
    pieces = [BODY[start : start + size] for start in range(0, len(BODY), size)]
    file = Input(Feed(pieces))
    for piece in pieces:
        assert file.read1() is piece

"""Request bodies, written out so that both clients send the same bytes."""

from __future__ import annotations

from urllib.parse import urlencode

from tests.frameworks.law import Request, post

BOUNDARY = "a-boundary-of-the-test"


def form(target: str, **fields: str) -> Request:
    """A POST of a form."""
    return post(target, urlencode(fields).encode(), "application/x-www-form-urlencoded")


def upload(target: str, fields: dict[str, str], files: dict[str, tuple[str, bytes]]) -> Request:
    """A POST of a form with files (RFC 7578)."""
    body = bytearray()
    for name, value in fields.items():
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    for name, (filename, content) in files.items():
        disposition = f'form-data; name="{name}"; filename="{filename}"'
        body += f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n".encode()
        body += b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n"
    body += f"--{BOUNDARY}--\r\n".encode()
    return post(target, bytes(body), f"multipart/form-data; boundary={BOUNDARY}")

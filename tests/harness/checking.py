"""The ASGI specification of a response, as a machine that refuses every illegal message.

No thread, no loop: `check(message)` raises `Violation` or takes the message into the response. What a server would read
from a file itself (`pathsend`, `zerocopysend`) is read here.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from tests.harness.response import Response
from tests.harness.violations import Violation

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
BAD_IN_VALUE = re.compile(rb"[\r\n\x00]")
WITHOUT_BODY = frozenset({204, 304, *range(100, 200)})
EXTENSIONS = frozenset({"pathsend", "zerocopysend", "early_hint"})
KEYS: dict[str, dict[str, tuple[type, ...]]] = {
    "start": {"status": (int,), "headers": (object,), "trailers": (bool,)},
    "body": {"body": (bytes,), "more_body": (bool,)},
    "pathsend": {"path": (str,)},
    "zerocopysend": {"file": (object,), "offset": (int,), "count": (int,), "more_body": (bool,)},
    "early_hint": {"links": (object,)},
}
REQUIRED: dict[str, set[str]] = {
    "start": {"status"},
    "body": set(),
    "pathsend": {"path"},
    "zerocopysend": {"file"},
    "early_hint": {"links"},
}


class ResponseChecker:
    """Checks the messages of one response, and puts the response together."""

    def __init__(self, scope: dict[str, Any]) -> None:
        self.head = scope.get("method") == "HEAD"
        self.extensions = frozenset(scope.get("extensions") or ())
        self.response = Response()
        self.length: int | None = None
        self.taken = 0

    def check(self, message: Any) -> None:
        """Take one message, or raise `Violation`."""
        kind = self._kind(message)
        if self.response.complete:
            raise Violation(f"{kind} after the response was complete")
        if kind == "start":
            self._start(message)
        elif kind == "early_hint":
            self._early_hint(message)
        elif self.response.status is None:
            raise Violation(f"{kind} before the start")
        elif kind == "body":
            self._take(message.get("body", b""), more=message.get("more_body", False))
        elif kind == "zerocopysend":
            self._take(content_of_file(message), more=message.get("more_body", False))
        else:
            self._path(message["path"])
        self.response.messages.append(dict(message))

    def _kind(self, message: Any) -> str:
        if type(message) is not dict:
            raise Violation(f"a message must be a dict, not {message!r}")
        kind = str(message.get("type", "")).removeprefix("http.response.")
        if kind not in KEYS or message["type"] != f"http.response.{kind}":
            raise Violation(f"no message of an HTTP response: {message!r}")
        if kind in EXTENSIONS and f"http.response.{kind}" not in self.extensions:
            raise Violation(f"{kind} is not offered by this server")
        missing = REQUIRED[kind] - message.keys()
        if missing:
            raise Violation(f"{kind} lacks {sorted(missing)}")
        for key, value in message.items():
            if key == "type":
                continue
            types = KEYS[kind].get(key)
            if types is None:
                raise Violation(f"{kind} has no key {key!r}")
            # bool is an int; an offset, a count or a status is never one.
            if not isinstance(value, types) or (types == (int,) and isinstance(value, bool)):
                raise Violation(f"{key!r} of {kind} must be {types[0].__name__}, not {value!r}")
        return kind

    def _start(self, message: dict[str, Any]) -> None:
        if self.response.status is not None:
            raise Violation("a second start")
        status = message["status"]
        if not 100 <= status <= 999:
            raise Violation(f"no status code: {status}")
        if message.get("trailers"):
            raise Violation("trailers are not offered by this server")
        headers = checked_headers(message.get("headers", ()))
        lengths = [value for name, value in headers if name == b"content-length"]
        if len(lengths) > 1:
            raise Violation(f"more than one content-length: {lengths!r}")
        if lengths and re.fullmatch(rb"[0-9]+", lengths[0]):
            self.length = int(lengths[0])
        self.response.status = status
        self.response.headers = headers

    def _early_hint(self, message: dict[str, Any]) -> None:
        # The specification has it after the start; the servers that offer it take it only before.
        if self.response.status is not None:
            raise Violation("early_hint after the start")
        links = list(message["links"])
        for link in links:
            if type(link) is not bytes or BAD_IN_VALUE.search(link):
                raise Violation(f"no link of an early hint: {link!r}")
        self.response.hints.append(links)

    def _path(self, path: str) -> None:
        if not Path(path).is_absolute():
            raise Violation(f"pathsend of a relative path: {path!r}")
        if any(sent["type"] != "http.response.start" for sent in self.response.messages if "early" not in sent["type"]):
            raise Violation("pathsend mixed with body")
        self._take(Path(path).read_bytes(), more=False)

    def _take(self, body: bytes, *, more: bool) -> None:
        self.taken += len(body)
        self.response.received.append(body)
        if body and self.head:
            raise Violation("a body in the answer to HEAD")
        if body and self.response.status in WITHOUT_BODY:
            raise Violation(f"a body with the status {self.response.status}")
        bodiless = self.head or self.response.status in WITHOUT_BODY
        if self.length is not None and not bodiless:
            if self.taken > self.length:
                raise Violation(f"{self.taken} bytes, but content-length is {self.length}")
            if not more and self.taken < self.length:
                raise Violation(f"ended after {self.taken} bytes, but content-length is {self.length}")
        if not more:
            self.response.complete = True


def checked_headers(headers: Any) -> list[tuple[bytes, bytes]]:
    """Return the headers as a list of tuples; they may come as any iterable of two-item iterables."""
    checked = []
    for header in headers:
        name, value = header
        for item in (name, value):
            if type(item) is not bytes:
                raise Violation(f"a header must be two byte strings, not {header!r}")
        if not TOKEN.fullmatch(name):
            raise Violation(f"no lower-case header name: {name!r}")
        if BAD_IN_VALUE.search(value):
            raise Violation(f"a line break or NUL in a header: {header!r}")
        checked.append((name, value))
    return checked


def content_of_file(message: dict[str, Any]) -> bytes:
    """Read what a server would send by `os.sendfile`."""
    file: Any = message["file"]
    if not isinstance(file, int) and not hasattr(file, "fileno"):
        raise Violation(f"zerocopysend needs a descriptor or what has one, not {file!r}")
    try:
        descriptor: int = file if isinstance(file, int) else file.fileno()
        size = os.fstat(descriptor).st_size
    except (OSError, ValueError) as error:
        raise Violation(f"zerocopysend of a closed file: {file!r}") from error
    offset = message.get("offset")
    if offset is None:
        offset = os.lseek(descriptor, 0, os.SEEK_CUR)
    count = message.get("count")
    if count is None:
        count = size - offset
    content = bytearray()
    while len(content) < count and (block := os.pread(descriptor, count - len(content), offset + len(content))):
        content += block
    return bytes(content)

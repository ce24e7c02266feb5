"""What came of one call of a WSGI application, and the rules of PEP 3333 for it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

STATUS: Final = re.compile(r"[1-9][0-9]{2} [\t\x20-\x7e\x80-\xff]+")
TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# RFC 9110, 7.6.1, and what PEP 3333 ("Other HTTP Features") calls by RFC 2616, 13.5.1
HOP_BY_HOP: Final = frozenset(
    (
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te"),
        *("trailer", "trailers", "transfer-encoding", "upgrade"),
    )
)


@dataclass(repr=False)
class Answer:
    """The answer as the client gets it, and the steps by which the server got it."""

    status: str | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    hints: list[list[tuple[str, str]]] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    """In order: start, return, chunk, end, close; and `hint`, `call raised`, `next raised`, `close raised`."""
    errors: list[BaseException] = field(default_factory=list)
    """What was raised out of the application, its iterable and its close(), in order."""
    iterable: Any = None
    """What the application returned; None if it raised."""

    def __repr__(self) -> str:
        return (
            f"<Answer {self.status!r}, {self.headers!r:.500}, {len(self.body)} bytes in {len(self.chunks)} chunks: "
            f"{self.body[:50]!r}, steps {self.steps[:5]!r} ... {self.steps[-3:]!r}, errors {self.errors!r:.500}>"
        )

    @property
    def code(self) -> int:
        """The status code."""
        if self.status is None:
            raise LookupError(f"start_response was not called; raised: {self.errors!r}")
        return int(self.status[:3])

    @property
    def body(self) -> bytes:
        """What has come of the body, joined."""
        return b"".join(self.chunks)

    @property
    def complete(self) -> bool:
        """Whether the server sends it as a whole response: the iteration ended by itself."""
        return "end" in self.steps

    @property
    def error(self) -> BaseException | None:
        """The first error that reached the server."""
        return self.errors[0] if self.errors else None

    def header(self, name: str) -> str:
        """Return the value of a header that was given exactly once."""
        values = self.values(name)
        if len(values) != 1:
            raise LookupError(f"{name!r} was given {len(values)} times in {self.headers!r}")
        return values[0]

    def values(self, name: str) -> list[str]:
        """All values that were given for a header, whatever the letter case of its name."""
        return [value for given, value in self.headers if given.lower() == name.lower()]


def faults_of_start(arguments: tuple[Any, ...], options: dict[str, Any]) -> Iterator[str]:
    """Say what PEP 3333, "The start_response() Callable", has against a call."""
    if options or len(arguments) not in (2, 3):
        yield f"start_response takes two or three arguments by position, not {arguments!r} {options!r}"
        return
    status, headers = arguments[:2]
    if type(status) is not str or not STATUS.fullmatch(status):
        yield f"no status with a reason phrase: {status!r}"
    if type(headers) is not list:
        yield f"the headers must be a list, not {headers!r}"
        return
    for header in headers:
        if type(header) is not tuple or [type(item) for item in header] != [str, str]:
            yield f"a header must be a tuple of two str, not {header!r}"
            continue
        name, value = header
        if not TOKEN.fullmatch(name) or name.lower() == "status":
            yield f"no header name: {name!r}"
        if not VALUE.fullmatch(value):
            yield f"no header value: {value!r}"
        if name.lower() in HOP_BY_HOP:
            yield f"a hop-by-hop header: {name!r}"
    if len(arguments) == 3 and arguments[2] is not None:
        yield f"exc_info, where no start was sent before: {arguments[2]!r}"


def faults_of_chunk(chunk: Any, answer: Answer, method: str) -> Iterator[str]:
    """Say what PEP 3333 and RFC 9110 have against a chunk that follows those of the answer."""
    if type(chunk) is not bytes:
        yield f"a chunk must be bytes, not {chunk!r}"
        return
    if answer.status is None:
        yield "a chunk before start_response"
        return
    if chunk and (method == "HEAD" or answer.code in (204, 304) or answer.code < 200):
        yield f"a body in an answer that has none: {chunk!r}"
        return
    for length in answer.values("content-length"):
        taken = len(answer.body) + len(chunk)
        if length.isdecimal() and taken > int(length):
            yield f"{taken} bytes, but Content-Length is {length}"


def faults_of_end(answer: Answer, method: str) -> Iterator[str]:
    """Say what there is against an answer that ended by itself."""
    if answer.status is None:
        yield "the iteration ended without start_response"
        return
    if method != "HEAD" and answer.code not in (204, 304):
        for length in answer.values("content-length"):
            if len(answer.body) != int(length):
                yield f"ended after {len(answer.body)} bytes, but Content-Length is {length}"
    # PEP 3333, "The Application/Framework Side": len() of the iterable must be right.
    if hasattr(answer.iterable, "__len__") and len(answer.iterable) != answer.steps.count("chunk"):
        yield f"len() is {len(answer.iterable)}, but {answer.steps.count('chunk')} chunks came"

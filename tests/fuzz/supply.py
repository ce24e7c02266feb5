"""Values made of bytes, as a fuzzer hands them out: the same bytes always make the same values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

DICTIONARY = (
    *(b"\r\n", b"\n", b"\r", b"\0", b"\r\nSet-Cookie: a=b", b"\r\n\r\n<html>", b" ", b"\t", b"_", b"-", b":", b""),
    *(b"/", b"//", b"/..", b"/api", b"/apiv2", b"/api/", b"%2F", b"%2f", b"%00", b"%0d%0a", b"%", b"%f", b"%FF", b"?"),
    *(b"http://evil", b"*", b"\xff", b"\xc3\xa9", b"\xed\xa0\x80", b"\xe2\x82\xac", b";", b"a", b"0", b"5", b"7"),
    *(b"Content-Length", b"content-length", b"CONTENT_LENGTH", b"content_length", b"Transfer-Encoding", b"chunked"),
    *(b"Connection", b"keep-alive", b"proxy", b"Proxy", b"X_A", b"X-A", b"x-a", b"Cookie", b"Host", b"Expect", b"TE"),
    *(
        b"100-continue",
        b"5, 5",
        b"5,7",
        b"-1",
        b"+5",
        b"1_0",
        b"0x5",
        b"99999999999999999999",
        b"200 OK",
        b"204",
        b"304",
    ),
    *(
        b"HTTP_",
        b"HTTP_X_A",
        b"HTTP_CONTENT_LENGTH",
        b"HTTP_PROXY",
        b"[::1]",
        b"[",
        b"]",
        b"localhost",
        b"65536",
        b"80",
    ),
)
"""What breaks parsers; the fuzzer joins it."""


class Supply:
    """Bytes that are used up from the left; after their end everything is zero, empty or None."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def number(self, count: int) -> int:
        """One of so many, at most 256."""
        if self._place >= len(self._data):
            return 0
        self._place += 1
        return self._data[self._place - 1] % count

    def pick(self, choices: Sequence[T]) -> T:
        """One of these."""
        return choices[self.number(len(choices))]

    def some(self, make: Callable[[], T], most: int = 6) -> list[T]:
        """A few of what `make` makes."""
        return [make() for _ in range(self.number(most + 1))]

    def raw(self) -> bytes:
        """Bytes: from the dictionary, as they come, or many of them."""
        parts = []
        for _ in range(self.number(4)):
            kind = self.number(8)
            if kind < 5:
                parts.append(self.pick(DICTIONARY))
            elif kind < 7:
                parts.append(bytes(self.number(256) for _ in range(self.number(6))))
            else:
                parts.append(self.pick(DICTIONARY) * 300)
        return b"".join(parts)

    def text(self) -> str:
        """Text: as a good server makes it, as a bad one does, or with lone surrogates."""
        raw = self.raw()
        errors = self.number(4)
        if errors == 0:
            return raw.decode("latin-1")
        if errors == 1:
            return raw.decode("utf-8", "replace")
        if errors == 2:
            return raw.decode("utf-8", "surrogateescape")
        return (
            raw.decode("utf-8", "surrogatepass") if raw == b"\xed\xa0\x80" else raw.decode("latin-1") + "\u20ac\ud800"
        )

    def wrong(self) -> Any:
        """Something of a type that no specification asks for."""
        return self.pick(
            [None, 5, -1, 1.5, True, b"bytes", "text", [], {}, (), ["a", "b"], ("a",), object(), ("a", 1, 2)]
        )

    def or_wrong(self, value: T) -> T:
        """The value; now and then something else."""
        return self.wrong() if self.number(16) == 15 else value

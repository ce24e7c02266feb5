"""The request that the servers without a network make: a browser's, behind a proxy."""

from __future__ import annotations

PATH = "/articles/4711"
QUERY = "page=2&order=date"
CLIENT = ("127.0.0.1", 51234)
SERVER = ("127.0.0.1", 8000)

HEADERS = [
    (b"host", b"www.example.com"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    (b"accept-language", b"en-GB,en;q=0.7,de;q=0.3"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"connection", b"keep-alive"),
    (b"cookie", b"session=eyJ1c2VyIjoxMjM0fQ.aQ0xYw.3xF7dQ0Zb1sJw; theme=dark"),
    (b"referer", b"https://www.example.com/articles?page=2"),
    (b"cache-control", b"max-age=0"),
    (b"x-forwarded-for", b"203.0.113.7"),
]

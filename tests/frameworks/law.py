"""One visit to an application, twice: natively by werkzeug's test client, and through `WsgiToAsgi` by httpx.

A visit is a generator: it yields requests and is sent the answers, so that a later request can use an earlier answer.
Cookies are kept between the requests of a visit as a browser does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication

import httpx
from werkzeug.test import Client

from bridge import WsgiToAsgi

WITHIN = 20.0  # seconds for a whole visit
HOST = "localhost"
CLIENT = ("127.0.0.1", 12345)

# Every key that both clients can be made to say, since frameworks answer by what they find in the environ.
COMMON_HEADERS = {"User-Agent": "visitor", "Accept-Language": "de, en;q=0.5"}


@dataclass(frozen=True)
class Request:
    """What is asked. `target` is the path below the mount, quoted, with the query."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None

    def with_cookies(self, cookies: dict[str, str]) -> Request:
        """The request of a client that has these cookies, and every header that is sent."""
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}
        return replace(self, headers={**COMMON_HEADERS, **sent, **self.headers})


@dataclass(frozen=True)
class Answer:
    """What is compared. ASGI has header names in lower case; only the order of equal names means something."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """The only header of that name."""
        [value] = self.all(name)
        return value

    def all(self, name: str) -> list[str]:
        """Every value of that name, in order."""
        return [value for key, value in self.headers if key == name]


Visit = Generator[Request, Answer, None]


def visit(*requests: Request) -> Callable[[], Visit]:
    """Visits that make these requests, whatever is answered."""

    def make() -> Visit:
        for request in requests:  # noqa: UP028  `yield from` would send the answers to the tuple
            yield request

    return make


def get(target: str, **headers: str) -> Request:
    """A GET; `If_None_Match="x"` is the header If-None-Match."""
    return Request("GET", target, _named(headers))


def head(target: str, **headers: str) -> Request:
    """A HEAD."""
    return Request("HEAD", target, _named(headers))


def post(target: str, body: bytes, content_type: str, **headers: str) -> Request:
    """A POST."""
    return Request("POST", target, {"Content-Type": content_type, **_named(headers)}, body)


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


Around = Callable[[WsgiToAsgi], Any]
"""Makes an ASGI application around the adapter, which is mounted in it."""


def same(
    make: Callable[[], WSGIApplication],
    begin: Callable[[], Visit],
    *,
    mount: str = "",
    around: Around | None = None,
) -> list[Answer]:
    """Make the same visit to two fresh applications at the same mount; the answers, which are the same.

    The client says the mount (`root_path`), or with `around` the application that has it says it.
    """
    native = natively(make(), begin(), mount=mount)
    bridged = through_the_bridge(make(), begin(), mount=mount, around=around)
    for number, (one, other) in enumerate(zip(native, bridged, strict=True), 1):
        assert other == one, f"answer {number} differs"
    return native


def natively(application: WSGIApplication, requests: Visit, *, mount: str = "") -> list[Answer]:
    """Make a visit by werkzeug's test client, made to do what servers do where it does not."""
    client = Client(application, use_cookies=False)
    answers: list[Answer] = []
    for request in _with_cookies(requests, answers):
        response = client.open(
            path=request.target,
            base_url=f"http://{HOST}{mount}",
            method=request.method,
            headers=request.headers,
            data=request.body,
            # It would replace bytes that are no UTF-8.
            environ_overrides={"REMOTE_ADDR": CLIENT[0], "PATH_INFO": _path_info(request.target)},
            buffered=True,
        )
        # RFC 9110, 9.3.2: an answer to HEAD has no body, whatever the application gives.
        body = b"" if request.method == "HEAD" else response.data
        answers.append(answer(response.status_code, response.headers.to_wsgi_list(), body))
    return answers


def _path_info(target: str) -> str:
    return unquote_to_bytes(target.partition("?")[0]).decode("latin-1")


def through_the_bridge(
    application: WSGIApplication, requests: Visit, *, mount: str = "", around: Around | None = None
) -> list[Answer]:
    """Make a visit by httpx's in-process ASGI client."""

    async def make() -> list[Answer]:
        answers: list[Answer] = []
        async with asyncio.timeout(WITHIN):
            for request in _with_cookies(requests, answers):
                answers.append(await ask(outermost, request, mount=mount, root_path=root_path))  # noqa: PERF401  the visit looks at the last
        return answers

    with WsgiToAsgi(application) as adapter:
        outermost, root_path = (adapter, mount) if around is None else (around(adapter), "")
        return asyncio.run(make())


async def ask(application: Any, request: Request, *, mount: str = "", root_path: str = "") -> Answer:
    """Ask an ASGI application in this loop, below a mount that `root_path` has in it or not.

    httpx drops the body of an answer to HEAD, so the messages are what counts.
    """
    sent = b""

    async def recording(scope: Any, receive: Any, send: Any) -> None:
        async def record(message: Any) -> None:
            nonlocal sent
            if message["type"] == "http.response.body":
                sent += message.get("body", b"")
            await send(message)

        await application(scope, receive, record)

    transport = httpx.ASGITransport(recording, root_path=root_path, client=CLIENT)
    target = f"http://{HOST}{mount}{request.target}"
    response = await transport.handle_async_request(
        httpx.Request(request.method, target, headers=request.headers, content=request.body)
    )
    body = b"".join([part async for part in response.aiter_raw()])
    assert body == (b"" if request.method == "HEAD" else sent)
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw]
    return answer(response.status_code, headers, sent)


def answer(status: int, headers: list[tuple[str, str]], body: bytes) -> Answer:
    """An answer whose headers can be compared: without space around values (RFC 9110, 5.5) and without the time."""
    told = [(name.lower(), value.strip(" \t")) for name, value in headers if name.lower() != "date"]
    return Answer(status, sorted(told, key=lambda header: header[0]), body)


def _with_cookies(requests: Visit, answers: list[Answer]) -> Generator[Request, None, None]:
    """The requests of a visit as a client with cookies sends them; after each, the last of `answers` is its answer."""
    cookies: dict[str, str] = {}
    try:
        request = next(requests)
        while True:
            yield request.with_cookies(cookies)
            for cookie in answers[-1].all("set-cookie"):
                name, _, value = cookie.partition(";")[0].partition("=")
                cookies[name] = value
                if "Max-Age=0" in cookie:
                    del cookies[name]
            request = requests.send(answers[-1])
    except StopIteration:
        return

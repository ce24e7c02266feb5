"""What an input costs grows as it does: counted in steps of the interpreter, so that no machine is too busy for it.

What one step costs (a join, a search) is not seen here: `tests/translation/test_linear_time.py` measures that.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import bridge
from bridge.errors import BridgeError
from bridge.translation.headers import environ_fields, framing
from bridge.translation.requests import environ_from_scope, scope_from_environ
from bridge.translation.responses import AsgiResponse, WsgiResponse, early_hint_links

PACKAGE = str(Path(bridge.__file__).parent)

FEW = 200
MANY = 4 * FEW
"""Four times as much may cost four times as many steps, and a little more; what is quadratic costs sixteen."""


def steps(call: Callable[[], object]) -> int:
    """Return how many instructions of bridge's a call executes."""
    count = 0

    def at_instruction(frame: Any, event: str, _argument: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return at_instruction

    def at_call(frame: Any, event: str, argument: object) -> Any:
        return at_instruction(frame, event, argument) if frame.f_code.co_filename.startswith(PACKAGE) else None

    before = sys.gettrace()
    sys.settrace(at_call)
    try:
        with suppress(BridgeError):
            call()
    finally:
        sys.settrace(before)
    return count


def scope(**keys: Any) -> dict[str, Any]:
    """A scope with these keys."""
    return {"type": "http", "method": "GET", "path": "/", **keys}


def environ(**keys: Any) -> dict[str, Any]:
    """An environ with these keys."""
    return {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.url_scheme": "http", **keys}


def chain(count: int) -> dict[str, str]:
    """So many certificates."""
    return {"SSL_CLIENT_CERT": "pem"} | {f"SSL_CLIENT_CERT_CHAIN_{number}": "pem" for number in range(count)}


def many_chunks(count: int) -> None:
    """A response in so many chunks."""
    response = WsgiResponse("GET")
    response.start_response("200 OK", [("Content-Length", str(count // 2))])
    for _ in range(count):
        response.chunk(b"x")


def many_messages(count: int) -> None:
    """A response in so many messages."""
    response = AsgiResponse("GET")
    response.message({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(count):
        response.message({"type": "http.response.body", "body": b"x", "more_body": True})


FLOODS: dict[str, Callable[[int], object]] = {
    "equal headers": lambda n: environ_fields([(b"x", b"v")] * n),
    "cookies": lambda n: environ_fields([(b"cookie", b"a=b")] * n),
    "different headers": lambda n: environ_fields([(b"x%d" % i, b"v") for i in range(n)]),
    "underscores": lambda n: environ_fields([(b"x_y", b"v")] * n, underscores=True),
    "different underscores": lambda n: environ_fields([(b"x_%d" % i, b"v") for i in range(n)], underscores=True),
    "equal lengths": lambda n: environ_fields([(b"content-length", b"5")] * n),
    "different lengths": lambda n: environ_fields([(b"content-length", b"%d" % i) for i in range(n)]),
    "one length of many": lambda n: framing(environ_fields([(b"content-length", b"5," * n + b"5")])),
    "framing": lambda n: framing(environ_fields([(b"content-length", b"5"), (b"expect", b"100-continue")] * n)),
    "a long name": lambda n: environ_fields([(b"x-" * n, b"v")]),
    "a long name with an underscore": lambda n: environ_fields([(b"x_" * n, b"v")], underscores=True),
    "a long value": lambda n: environ_fields([(b"x", b"\xff\r\n\0" * n)]),
    "a long path": lambda n: environ_from_scope(scope(path="/é" * n, raw_path=b"/%C3%A9" * n), {}),
    "a long path that is no UTF-8": lambda n: environ_from_scope(scope(path="/\ufffd" * n, raw_path=b"/%FF" * n), {}),
    "slashes": lambda n: environ_from_scope(scope(path="/" * n, root_path="/" * (n // 2)), {}),
    "a long root path": lambda n: environ_from_scope(scope(path="/é" * n, root_path="/é" * (n // 2)), {}),
    "surrogates": lambda n: environ_from_scope(scope(path="/\ud800" * n, raw_path=b"/%ED" * n), {}),
    "a long query": lambda n: environ_from_scope(scope(query_string=b"a=%00&" * n), {}),
    "certificates": lambda n: environ_from_scope(scope(extensions={"tls": {"client_cert_chain": ["pem"] * n}}), {}),
    "environ's headers": lambda n: scope_from_environ(environ(**{f"HTTP_X{i}": "v" for i in range(n)})),
    "environ's certificates": lambda n: scope_from_environ(environ(**chain(n))),
    "environ's long path": lambda n: scope_from_environ(environ(PATH_INFO="/\xc3\xa9" * n, RAW_URI="/%C3%A9" * n)),
    "environ's long target": lambda n: scope_from_environ(environ(RAW_URI="http://" + "%2F" * n)),
    "environ's long port": lambda n: scope_from_environ(environ(SERVER_NAME="x", SERVER_PORT="9" * n)),
    "response headers": lambda n: WsgiResponse("GET").start_response("200 OK", [("X", "ÿ")] * n),
    "a long status": lambda n: WsgiResponse("GET").start_response("200 " + "ÿ" * n, []),
    "a long response header": lambda n: WsgiResponse("GET").start_response("200 OK", [("x" * n, "\t" * n)]),
    "message's headers": lambda n: AsgiResponse("GET").message(
        {"type": "http.response.start", "status": 200, "headers": [(b"x%d" % i, b"\xff") for i in range(n)]}
    ),
    "early hints": lambda n: early_hint_links([("Link", "</a>")] * n),
    "chunks": many_chunks,
    "messages": many_messages,
}


@pytest.mark.parametrize("name", FLOODS)
def test_cost(name: str) -> None:
    """W3, B1: four times as much costs at most four times as many steps."""
    flood = FLOODS[name]
    flood_of_none = steps(lambda: flood(1))
    few, many = steps(lambda: flood(FEW)), steps(lambda: flood(MANY))
    assert few > 0
    assert many <= 4 * few + flood_of_none, f"{FEW}: {few} steps, {MANY}: {many}"


def test_a_quadratic_cost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """W3: a translation that looks at all fields for each field is found."""
    names: dict[str, Any] = {}
    source = (
        "def join(environ, repeated):\n for key, values in repeated.items():\n  for a in values:\n   for b in values: a"
    )
    exec(compile(source, PACKAGE + "-wrong.py", "exec"), names)  # noqa: S102
    monkeypatch.setattr("bridge.translation.headers._join_repeated", names["join"])
    monkeypatch.setattr(sys.modules[__name__], "FEW", 50)
    monkeypatch.setattr(sys.modules[__name__], "MANY", 200)
    with pytest.raises(AssertionError, match="steps"):
        test_cost("equal headers")

"""A strict ASGI server without sockets, for asyncio, uvloop and trio.

It does to an application what a real server may do, and nothing that the specification forbids: it calls with a
realistic scope, hands over the body as scripted, vanishes on command, takes its time to send. It does not forgive: a
message out of order, a header of the wrong type, two `receive()` at once or a task left behind fail the test.

    response = await request(app, "POST", "/form", body=b"a=1")     # one request, from a coroutine
    response = fetch(app, "POST", "/form", body=b"a=1")             # the same, with a loop of its own
    async with Exchange(app, http_scope()) as exchange:             # one request, step by step
        await exchange.until(lambda: exchange.response.body == b"first")
        exchange.disconnect()

Every wait has a limit.
"""

from tests.harness.cancelling import Interrupted
from tests.harness.checking import ResponseChecker
from tests.harness.children import run_python
from tests.harness.exchange import DISCONNECT, Exchange, together
from tests.harness.gates import Gate
from tests.harness.lifespan import Lifespan
from tests.harness.limits import LIMIT, eventually, until
from tests.harness.requesting import fetch, request
from tests.harness.response import Response
from tests.harness.running import BACKENDS, run, throw_away
from tests.harness.scopes import OMIT, http_scope, lifespan_scope, websocket_scope
from tests.harness.violations import Violation

__all__ = [
    "BACKENDS",
    "DISCONNECT",
    "LIMIT",
    "OMIT",
    "Exchange",
    "Gate",
    "Interrupted",
    "Lifespan",
    "Response",
    "ResponseChecker",
    "Violation",
    "eventually",
    "fetch",
    "http_scope",
    "lifespan_scope",
    "request",
    "run",
    "run_python",
    "throw_away",
    "together",
    "until",
    "websocket_scope",
]

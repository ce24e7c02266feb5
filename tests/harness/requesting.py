"""A request in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.harness.exchange import Exchange
from tests.harness.limits import LIMIT
from tests.harness.running import run
from tests.harness.scopes import changed, http_scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.harness.exchange import Item
    from tests.harness.response import Response


async def request(
    app: Any,
    method: str = "GET",
    path: str = "/",
    *,
    headers: Iterable[tuple[bytes, bytes]] = (),
    body: bytes | Sequence[Item] = b"",
    scope: dict[str, Any] | None = None,
    server: dict[str, Any] | None = None,
) -> Response:
    """Make one request; `scope` replaces keys of the scope, `server` holds options of `Exchange`.

    A body of a single byte string declares its length, as a client does.
    """
    declared = list(headers)
    if isinstance(body, bytes) and body and not any(name.lower() == b"content-length" for name, _ in declared):
        declared.append((b"content-length", str(len(body)).encode("ascii")))
    keys = changed(http_scope(method, path, headers=declared), scope or {})
    exchange = Exchange(app, keys, body=body, **(server or {}))
    async with exchange:
        await exchange.finished.passed()
    return exchange.response


def fetch(app: Any, method: str = "GET", path: str = "/", **options: Any) -> Response:
    """Make one request on a loop of its own; `backend` and `limit` are those of `run`, the rest goes to `request`."""
    backend = options.pop("backend", "asyncio")
    limit = options.pop("limit", LIMIT)
    return run(lambda: request(app, method, path, **options), backend=backend, limit=limit)

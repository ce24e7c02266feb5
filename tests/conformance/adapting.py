"""Puts a WSGI application behind the adapter, with the validator between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from wsgiref.validate import validator

from bridge import AsgiToWsgi, WsgiToAsgi
from tests.harness import fetch

if TYPE_CHECKING:
    from tests.harness import Response

_adapters: list[WsgiToAsgi | AsgiToWsgi] = []


def adapt(app: Any, *, valid: bool = True, **options: Any) -> WsgiToAsgi:
    """Return an adapter that is closed when the test ends; `valid=False` leaves the validator out."""
    adapter = WsgiToAsgi(validator(app) if valid else app, **options)
    close_after_test(adapter)
    return adapter


def close_after_test(adapter: WsgiToAsgi | AsgiToWsgi) -> None:
    """Have an adapter closed when the test is over, however it ends."""
    _adapters.append(adapter)


def close_adapters() -> None:
    """Close every adapter that `adapt` returned."""
    while _adapters:
        _adapters.pop().close()


def get(
    app: Any,
    method: str = "GET",
    path: str = "/",
    *,
    valid: bool = True,
    options: dict[str, Any] | None = None,
    **request: Any,
) -> Response:
    """Make one request to a WSGI application; `options` are the adapter's, the rest is the harness's."""
    return fetch(adapt(app, valid=valid, **(options or {})), method, path, **request)

"""Puts an ASGI application behind the adapter; wsgiref's validator stands between it and the server (`Call`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge import AsgiToWsgi
from tests.conformance.adapting import close_after_test
from tests.harness.wsgi_call import Call, serve

if TYPE_CHECKING:
    from tests.harness.wsgi_answer import Answer


def adapt(app: Any, *, lifespan: Any = "off", **options: Any) -> AsgiToWsgi:
    """Return an adapter that is closed when the test ends; lifespan is off where a test is not about it."""
    adapter = AsgiToWsgi(app, lifespan=lifespan, **options)
    close_after_test(adapter)
    return adapter


def get(
    app: Any, method: str = "GET", path: str = "/", *, options: dict[str, Any] | None = None, **request: Any
) -> Answer:
    """Make one request to an ASGI application; `options` are the adapter's, the rest is the harness's."""
    return serve(adapt(app, **(options or {})), method, path, **request)


def calling(
    app: Any, method: str = "GET", path: str = "/", *, options: dict[str, Any] | None = None, **request: Any
) -> Call:
    """Return a request to an ASGI application, to be made step by step."""
    return Call(adapt(app, **(options or {})), method, path, **request)

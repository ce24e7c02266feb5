"""A pytest plugin for somebody else's tests: what their test clients call goes through both adapters.

It replaces the few general places in which test clients call an application, each the place of a library and not of one
framework. A WSGI application becomes ``AsgiToWsgi(WsgiToAsgi(application))``, an ASGI application
``WsgiToAsgi(AsgiToWsgi(application))``. The lifespan and websockets of an ASGI application are not what the adapters
carry, so they go to it directly, and ``AsgiToWsgi`` runs no lifespan of its own.

An application has one pair of adapters for all requests of a test, as it would have behind a server. After the test
they are closed, which also shows that they can be.

The file that ``SUITE_REQUESTS`` names gets the number of requests that went through.
"""

from __future__ import annotations

import importlib
import os
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge import AsgiToWsgi, WsgiToAsgi

WRITTEN_TO = "SUITE_REQUESTS"

Application = Callable[..., Any]

# Seconds. What a test leaves behind, such as an answer that is never read, must not hold up the next test.
_GRACE = 0.1


class Round:
    """An application's pair of adapters."""

    def __init__(self, inner: Any, outer: Any) -> None:
        self._inner = inner
        self.outer = outer

    def close(self) -> None:
        """End both."""
        self.outer.close()
        self._inner.close()


def wsgi_round(application: Application) -> Round:
    """A WSGI application as ASGI and back."""
    inner = WsgiToAsgi(application)
    return Round(inner, AsgiToWsgi(inner, shutdown_grace=_GRACE))


def asgi_round(application: Application) -> Round:
    """An ASGI application as WSGI and back."""
    inner = AsgiToWsgi(application, lifespan="off", shutdown_grace=_GRACE)
    return Round(inner, WsgiToAsgi(inner))


class Rounds:
    """The rounds of the applications that a test calls, and how many requests were made in all."""

    def __init__(self, make: Callable[[Application], Round]) -> None:
        self._make = make
        # With the applications, so that none of them goes away and leaves its id to another.
        self._rounds: dict[object, tuple[Application, Round]] = {}
        self.requests = 0

    def around(self, application: Application) -> Any:
        """Return what is called in an application's place, for one request."""
        self.requests += 1
        key: object = id(application)
        if isinstance(application, types.MethodType):
            # It is a new object each time.
            key = id(application.__self__), id(application.__func__)
        if key not in self._rounds:
            self._rounds[key] = (application, self._make(application))
        return self._rounds[key][1].outer

    def close(self) -> None:
        """End the adapters."""
        while self._rounds:
            self._rounds.popitem()[1][1].close()


wsgi_rounds = Rounds(wsgi_round)
asgi_rounds = Rounds(asgi_round)


class HttpThroughBoth:
    """An ASGI application whose http goes through both adapters, and nothing else does."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one scope."""
        called = asgi_rounds.around(self._application) if scope["type"] == "http" else self._application
        await called(scope, receive, send)


# ---- where test clients call applications ----------------------------------------------------------------------------


def _werkzeug(module: Any) -> None:
    run_wsgi_app = module.run_wsgi_app

    def run(app: Application, environ: Any, buffered: bool = False) -> Any:
        return run_wsgi_app(wsgi_rounds.around(app), environ, buffered)

    module.run_wsgi_app = run


def _webtest(module: Any) -> None:
    do_request = module.TestApp.do_request

    def do(self: Any, *arguments: Any, **options: Any) -> Any:
        application = self.app
        self.app = wsgi_rounds.around(application)
        try:
            return do_request(self, *arguments, **options)
        finally:
            self.app = application

    module.TestApp.do_request = do


def _made_with(name: str, argument: str = "app") -> Callable[[Any], None]:
    """Replace the application that is the first argument of a class."""

    def replace(module: Any) -> None:
        made = getattr(module, name)
        init = made.__init__

        def __init__(self: Any, *arguments: Any, **options: Any) -> None:  # noqa: N807
            if argument in options:
                options[argument] = HttpThroughBoth(options[argument])
            else:
                arguments = (HttpThroughBoth(arguments[0]), *arguments[1:])
            init(self, *arguments, **options)

        made.__init__ = __init__

    return replace


PLACES: dict[str, Callable[[Any], None]] = {
    "werkzeug.test": _werkzeug,
    "webtest.app": _webtest,
    "starlette.testclient": _made_with("_TestClientTransport"),
    "asgiref.testing": _made_with("ApplicationCommunicator", "application"),
    "httpx": _made_with("ASGITransport"),
    "httpx2": _made_with("ASGITransport"),
}
"""What is to be done to a module, if there is one of that name."""


def pytest_configure() -> None:
    """Put the adapters in, before any test is imported."""
    for name, replace in PLACES.items():
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError:
            continue
        replace(module)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Any:
    """Close the adapters of a test when all its fixtures are gone."""
    result = yield
    wsgi_rounds.close()
    asgi_rounds.close()
    return result


def pytest_sessionfinish() -> None:
    """Tell how many requests went through."""
    requests = wsgi_rounds.requests + asgi_rounds.requests
    Path(os.environ[WRITTEN_TO]).write_text(f"{requests}\n", encoding="utf-8")

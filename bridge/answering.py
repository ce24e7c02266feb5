"""What a WSGI application is called with, wherever it runs: the environ, ``start_response``, and its ``write()``."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING

from bridge._types import Environ, NativeHeaders, OptExcInfo, Scope
from bridge.environ_views import ScopeView, StateView
from bridge.errors import ApplicationError, ClientDisconnected
from bridge.file_wrapper import FileWrapper
from bridge.translation.nesting import environ_within
from bridge.translation.requests import Templates, environ_from_scope, request_line
from bridge.translation.responses import WsgiResponse

if TYPE_CHECKING:
    from bridge.wsgi_to_asgi import WsgiToAsgi

# What ``_environ`` sets in every environ beside the request's own.
_TEMPLATES = Templates(
    dict.fromkeys(("wsgi.input", "wsgi.errors", "wsgi.file_wrapper", "bridge.disconnected", "asgi.scope"))
)


class Answering:
    """The part of a request that answers as the application goes on; the thread that runs the application calls it."""

    __slots__ = ("_view",)

    _adapter: WsgiToAsgi
    _fields: Environ
    _response: WsgiResponse
    _scope: Scope
    _view: ScopeView | None

    def is_gone(self) -> bool:
        """Tell whether the client has gone away, as far as the server has said: ``environ["bridge.disconnected"]``."""
        raise NotImplementedError

    def _learned(self) -> None:
        """Take note that the application has been told that its client is gone: what it does now is clean-up."""
        raise NotImplementedError

    def _send_written(self, chunk: bytes) -> None:
        raise NotImplementedError

    def describe(self) -> str:
        """Return what a log calls this request by."""
        return request_line(self._scope)

    def _environ(self) -> Environ:
        """Return the environ, but for what depends on where the application runs: ``wsgi.input`` at least."""
        scope = self._scope
        environ = environ_from_scope(scope, self._fields, self._adapter.mount, _TEMPLATES)
        errors = sys.stderr
        environ["wsgi.errors"] = io.StringIO() if errors is None else errors
        outer = scope.get("wsgi.environ")
        if type(outer) is dict:
            environ = environ_within(environ, scope, outer)
        environ["wsgi.file_wrapper"] = FileWrapper
        environ["bridge.disconnected"] = self.is_gone
        # The check of a mapping's type is slow, and a server's scope is a dict.
        if type(scope) is dict or isinstance(scope, MutableMapping):
            view = ScopeView()
            view.mapping = scope
            view.outliving = view.host = None
            # Whole by now: the loop may look at it at once, for a client that leaves.
            environ["asgi.scope"] = self._view = view
        else:
            environ.pop("asgi.scope", None)
        state = scope.get("state")
        if state is not None:
            environ["asgi.state"] = state_view = StateView()
            state_view.mapping = state
        return environ

    def _start_response(
        self, status: str, headers: NativeHeaders, exc_info: OptExcInfo | None = None
    ) -> Callable[[bytes], None]:
        try:
            self._response.start_response(status, headers, exc_info)
        finally:
            exc_info = None  # PEP 3333: it would be a cycle through the traceback's frames
        return self._write

    def _write(self, chunk: bytes, /) -> None:
        """Send a chunk: the callable that ``start_response`` returns (PEP 3333, "The write() Callable")."""
        response = self._response
        if self.is_gone():
            self._learned()
            raise ClientDisconnected(f"the client went away before {self.describe()} was answered whole")
        remaining = response.remaining
        sendable = response.chunk(chunk)
        if sendable:
            self._send_written(sendable)
        if remaining is not None and len(chunk) > remaining and not response.bodiless:
            raise ApplicationError(
                f"the application wrote more than the {response.declared} bytes that it declared (Content-Length)",
                source='PEP 3333, "Handling the Content-Length Header"',
            )

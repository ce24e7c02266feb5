"""Names for the types that PEP 3333 and ASGI speak of.

Messages and scopes are typed loosely at this border on purpose: an adapter must accept the ``TypedDict`` of asgiref,
the ``MutableMapping`` of Starlette and the plain ``dict`` of a server alike.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Environ = WSGIEnvironment
Message = dict[str, Any]
Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
ASGIApplication = Callable[[Any, Any, Any], Awaitable[None]]
# sys.exc_info(), which is three times None where nothing is being handled.
OptExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]
RawHeaders = list[tuple[bytes, bytes]]
NativeHeaders = list[tuple[str, str]]

__all__ = [
    "ASGIApplication",
    "Environ",
    "Message",
    "NativeHeaders",
    "OptExcInfo",
    "RawHeaders",
    "Receive",
    "Scope",
    "Send",
    "StartResponse",
    "WSGIApplication",
]

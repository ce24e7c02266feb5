"""Telling a WSGI application from an ASGI application."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from types import ModuleType
from typing import Any

from bridge.cli.errors import CommandError


class Interface(Enum):
    """What an application expects to be called with."""

    WSGI = "WSGI"
    ASGI = "ASGI"
    ASGI_2 = "ASGI 2"


def interface_of(application: Any, name: str) -> Interface:
    """Tell which interface an application offers, by what it can be called with.

    WSGI: environ and start_response (PEP 3333, "The Application/Framework Side"). ASGI: scope, receive and send, and
    the result is awaited (specs/main.rst, "Applications"). ASGI 2: scope, and the result is called with receive and
    send, and awaited. ``name`` is what an error calls the application.
    """
    called = f"{name} ({kind_of(application)})"
    if isinstance(application, ModuleType):
        raise CommandError(f"{called} is a module, not an application; write {application.__name__}:APP")
    if not callable(application):
        raise CommandError(f"{called} cannot be called, so it is neither a WSGI nor an ASGI application")
    if isinstance(application, type):
        interface = _interface_of_class(application)
        remedy = "; an instance of it may be one"
    else:
        interface = _interface_of_callable(application)
        remedy = f"; if it returns one, write {name}()" if accepts(application, 0) and not name.endswith("()") else ""
    if interface is None:
        raise CommandError(
            f"{called} is neither a WSGI application, which is called with 2 arguments, nor an ASGI application, which "
            f"is called with 3 and awaited{remedy}"
        )
    return interface


def _interface_of_class(application: type) -> Interface | None:
    # A class is an application if its instances are what a call of an application returns.
    if hasattr(application, "__iter__") and accepts(application, 2):
        return Interface.WSGI
    if hasattr(application, "__await__") and accepts(application, 3):
        return Interface.ASGI
    if inspect.iscoroutinefunction(getattr(application, "__call__")) and accepts(application, 1):  # noqa: B004, B009
        return Interface.ASGI_2
    return None


def _interface_of_callable(application: Any) -> Interface | None:
    if inspect.iscoroutinefunction(application) or inspect.iscoroutinefunction(application.__call__):
        return Interface.ASGI if accepts(application, 3) else None
    if _is_factory(application):
        return None
    if accepts(application, 2):
        return Interface.WSGI
    # Not declared asynchronous, but only ASGI calls with three arguments, or with one.
    if accepts(application, 3):
        return Interface.ASGI
    return Interface.ASGI_2 if accepts(application, 1) and _takes_scope(application) else None


def _takes_scope(function: Callable[..., Any]) -> bool:
    """Whether the one argument is ASGI 2's, by its name: a function of one argument may be anything."""
    signature = _signature(function)
    return signature is None or next(iter(signature.parameters), "") == "scope"


def _is_factory(function: Callable[..., Any]) -> bool:
    """Whether every parameter has a default, as in ``create_app(config=None)``; an application's have none."""
    signature = _signature(function)
    if signature is None:
        return False
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    return inspect.Parameter.VAR_POSITIONAL not in kinds and accepts(function, 0)


def accepts(function: Callable[..., Any], count: int) -> bool:
    """Whether a callable can be called with so many positional arguments; yes if it does not tell."""
    signature = _signature(function)
    try:
        if signature is not None:
            signature.bind(*[None] * count)
    except TypeError:
        return False
    return True


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # some callables written in C have none
        return None


def kind_of(found: object) -> str:
    """What messages call the type of an object."""
    kind = type(found)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"

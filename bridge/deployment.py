"""An application and its adapter by environment variables alone, so that a process manager's file is all that changes.

``BRIDGE_APP`` names the application, as on the command line. ``BRIDGE_THREADS``, ``BRIDGE_LIFESPAN`` and so on are the
keyword options of the adapter that serves it. ``bridge.asgi`` and ``bridge.wsgi`` hold the outcome.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Mapping
from typing import Any

from asgiref.compatibility import double_to_single_callable

from bridge._types import ASGIApplication, WSGIApplication
from bridge.asgi_to_wsgi import AsgiToWsgi
from bridge.cli.errors import CommandError
from bridge.cli.interfaces import Interface, interface_of, kind_of
from bridge.cli.targets import load
from bridge.errors import UsageError
from bridge.wsgi_to_asgi import WsgiToAsgi

logger = logging.getLogger("bridge")

_PREFIX = "BRIDGE_"
_APP = "BRIDGE_APP"

_FLAGS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}

Reader = Callable[[str], Any]


def _flag(text: str) -> bool:
    try:
        return _FLAGS[text.lower()]
    except KeyError:
        raise ValueError(f"one of {', '.join(_FLAGS)}") from None


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("a whole number")
    return int(text)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("a number of seconds") from None


def _or_none(read: Reader) -> Reader:
    return lambda text: None if text.lower() == "none" else read(text)


OF_WSGI_TO_ASGI: Mapping[str, Reader] = {
    "threads": _whole,
    "max_queued": _or_none(_whole),
    "queue_timeout": _or_none(_seconds),
    "max_headers": _whole,
    "max_body_size": _or_none(_whole),
    "body": str,
    "prefetch_size": _whole,
    "read_timeout": _or_none(_seconds),
    "write_buffer": _whole,
    "mount": _or_none(str),
    "underscore_headers": _flag,
    "shutdown_grace": _seconds,
    "stuck_after": _seconds,
    "hooks": load,
}
"""How the options of ``WsgiToAsgi`` are read; ``executor``, an object, is not among them."""

OF_ASGI_TO_WSGI: Mapping[str, Reader] = {
    "lifespan": str,
    "loop_factory": load,
    "startup_timeout": _seconds,
    "startup_retry": _seconds,
    "disconnect_grace": _or_none(_seconds),
    "shutdown_grace": _seconds,
    "prefetch_size": _whole,
    "write_buffer": _whole,
    "hooks": load,
}
"""How the options of ``AsgiToWsgi`` are read; ``loop``, an object, is not among them."""

_KNOWN = OF_WSGI_TO_ASGI.keys() | OF_ASGI_TO_WSGI.keys()


def asgi_application(variables: Mapping[str, str]) -> ASGIApplication:
    """Return what ``BRIDGE_APP`` names, for an ASGI server: a WSGI application in ``WsgiToAsgi``, others as they are.

    variables: the process's environment.

    Raises UsageError if there is no such application, or an option has no meaning.
    """
    application, interface = _application(variables, "bridge.asgi")
    options = _options(variables, OF_WSGI_TO_ASGI)
    return WsgiToAsgi(application, **options) if interface is Interface.WSGI else application


def wsgi_application(variables: Mapping[str, str]) -> WSGIApplication:
    """Return what ``BRIDGE_APP`` names, for a WSGI server: an ASGI application in ``AsgiToWsgi``, others as they are.

    variables: the process's environment.

    Raises UsageError if there is no such application, or an option has no meaning.
    """
    application, interface = _application(variables, "bridge.wsgi")
    options = _options(variables, OF_ASGI_TO_WSGI)
    return application if interface is Interface.WSGI else AsgiToWsgi(application, **options)


def _application(variables: Mapping[str, str], module: str) -> tuple[Any, Interface]:
    target = variables.get(_APP)
    if not target:
        raise UsageError(f"{_APP} is not set: {module} serves the application that it names, as in {_APP}=shop.web:app")
    try:
        application = load(target)
        interface = interface_of(application, target)
    except CommandError as error:
        raise UsageError(f"{_APP}: {error}") from error.__cause__
    logger.info("bridge: %s (%s) is %s; %s serves it", target, kind_of(application), interface.value, module)
    if interface is Interface.ASGI_2:
        return double_to_single_callable(application), Interface.ASGI
    return application, interface


def _options(variables: Mapping[str, str], readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Return the options that are set. Those of the other adapter are left out: one file may serve both."""
    options = {}
    for variable, text in variables.items():
        if not variable.startswith(_PREFIX) or variable == _APP:
            continue
        name = variable.removeprefix(_PREFIX).lower()
        if name not in _KNOWN:
            _unknown(variable, name)
        elif name in readers:
            options[name] = _read(variable, text, readers[name])
        else:
            logger.info("bridge: %s is an option of the other adapter, and has no effect here", variable)
    return options


def _read(variable: str, text: str, read: Reader) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise UsageError(f"{variable} must be {error}, not {text!r}") from None
    except CommandError as error:
        raise UsageError(f"{variable}: {error}") from error.__cause__


def _unknown(variable: str, name: str) -> None:
    # A slip of the pen must not leave a site without the limit that was meant; what belongs to another program must not
    # keep it from starting.
    guesses = difflib.get_close_matches(name, _KNOWN, n=1, cutoff=0.75)
    if guesses:
        raise UsageError(f"{variable} is no option; did you mean {_PREFIX}{guesses[0].upper()}?")
    logger.warning("bridge: %s is no option of bridge and is ignored", variable)

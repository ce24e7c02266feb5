"""``python -m bridge``: serve an application from the command line.

A command line that names nothing servable ends with one line on the standard error and the status 2; what the system
refuses (a port that is taken) with one line and the status 1. A traceback is shown only of the application's own code,
from where that begins.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import inspect
import os
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

from bridge import WsgiToAsgi, __version__

WRONG_COMMAND = 2  # what argparse ends with as well
REFUSED_BY_SYSTEM = 1
INTERRUPTED = 130  # what a shell reports for a command that SIGINT ended

# Seconds that uvicorn gives running requests to end before it cancels them. Its own default waits for ever, so that one
# client of an endless stream would keep Ctrl-C from working. Three is a guess at how long a user waits.
STOP_GRACE = 3


class CommandError(Exception):
    """Ends the command with this message as its one line; ``trace`` is shown before it."""

    def __init__(self, message: str, *, status: int = WRONG_COMMAND, trace: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.trace = trace


def main(arguments: Sequence[str] | None = None, *, prog: str | None = None) -> int:
    """Run the command that ``arguments`` (default: those of the process) ask for; return the exit status."""
    options = _parser(prog).parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except CommandError as error:
        print(f"{error.trace}bridge: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser(prog: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog, description="Serve WSGI applications on ASGI servers.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"bridge {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    serve = commands.add_parser(
        "serve",
        help="serve a WSGI application on uvicorn",
        description="Serve a WSGI application on uvicorn.",
        allow_abbrev=False,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    serve.add_argument(
        "target", metavar="MODULE:APP", help="such as shop.web:app, shop.web:site.app or shop.web:create()"
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--port", default=8000, type=_port, help="port to listen on, 0 for one that the system chooses")
    serve.add_argument("--threads", default=40, type=_threads, help="how many requests the application handles at once")
    serve.set_defaults(run=_serve)
    return parser


def _port(text: str) -> int:
    return _integer(text, at_least=0, at_most=65535)


def _threads(text: str) -> int:
    return _integer(text, at_least=1)


def _integer(text: str, *, at_least: int, at_most: int | None = None) -> int:
    if text.isascii() and text.isdigit() and int(text) >= at_least and (at_most is None or int(text) <= at_most):
        return int(text)
    bounds = f"at least {at_least}" if at_most is None else f"{at_least} to {at_most}"
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, {bounds}")


# ---------------------------------------------------------------------------------------------------------------- serve


def _serve(options: argparse.Namespace) -> int:
    target: str = options.target
    application = load(target)
    interface = interface_of(application, target)
    found = f"{target} ({_kind(application)}) is {interface.value}"
    if interface is not Interface.WSGI:
        factory = " --factory" if target.endswith("()") else ""
        raise CommandError(
            f"{found}, and serving that on a WSGI server is not built yet; an ASGI server serves it as it is: "
            f"python -m uvicorn{factory} {target.removesuffix('()')}"
        )
    try:
        import uvicorn  # noqa: PLC0415  an extra: only this command needs it
    except ModuleNotFoundError as error:
        raise CommandError(
            f"{error.name} is not installed, but `serve` needs it: pip install 'wsgi-asgi-bridge[serve]'"
        ) from error

    # Listening is done here, so that a refused port is one line and the port that the system chose can be told.
    with _listen(options.host, options.port) as listener:
        address = _address(options.host, listener.getsockname()[1])
        threads = f"{options.threads} thread{'' if options.threads == 1 else 's'}"
        print(f"bridge: {found}; serving it on uvicorn through WsgiToAsgi, {threads}, {address}", flush=True)
        server = uvicorn.Server(
            uvicorn.Config(
                WsgiToAsgi(application, threads=options.threads),
                interface="asgi3",
                lifespan="on",
                timeout_graceful_shutdown=STOP_GRACE,
            )
        )
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            pass  # uvicorn has shut down in order, then raised the SIGINT that asked it to
    return 0


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address, family=family)
    except socket.gaierror as error:
        reason = error.strerror
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
    except UnicodeError as error:  # from the encoding of host names
        reason = str(error)
    raise CommandError(
        f"cannot listen on {_address(host, port)}: {reason}; choose another --host or --port (0: one that is free)",
        status=REFUSED_BY_SYSTEM,
    )


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


# --------------------------------------------------------------------------------------------------- finding the object


def load(target: str) -> Any:
    """What ``MODULE:APP`` names: an attribute of a module, or with ``()`` after it what a call of that returns."""
    module_name, _, name = target.partition(":")
    called = name.endswith("()")
    attributes = name.removesuffix("()").split(".")
    if not all(part.isidentifier() for part in [*module_name.split("."), *attributes]):
        is_path = "/" in module_name or module_name.endswith(".py")
        hint = " (a module is named with dots and without .py)" if is_path else ""
        raise CommandError(f"{target!r} is not of the form MODULE:APP, such as shop.web:app or shop.web:create(){hint}")

    # `python -m` has put the working directory there, a console script has not.
    here = str(Path.cwd())
    if not {"", here} & set(sys.path):
        sys.path.insert(0, here)
    found: Any = _import(module_name)
    path = module_name
    for attribute in attributes:
        try:
            found = getattr(found, attribute)
        except AttributeError:
            guesses = difflib.get_close_matches(attribute, dir(found), n=1)
            hint = f"; did you mean {guesses[0]!r}?" if guesses else ""
            raise CommandError(f"{path} has no attribute {attribute!r}{hint}") from None
        path = f"{path}{'.' if path != module_name else ':'}{attribute}"
    return _call(found, path) if called else found


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            # The module that was asked for, or a package on the way to it. An import that fails inside the module names
            # another one.
            raise CommandError(f"there is no module {error.name!r} in {Path.cwd()} or elsewhere on sys.path") from None
        raise CommandError(f"cannot import {name}: {error}{_place(error)}") from error
    except (Exception, SystemExit) as error:
        raise CommandError(f"cannot import {name}: it raised {_named(error)}", trace=_trace(error)) from error


def _call(factory: Any, path: str) -> Any:
    if not callable(factory):
        raise CommandError(f"{path} ({_kind(factory)}) cannot be called; write it without the ()")
    if not _accepts(factory, 0):
        raise CommandError(f"{path} needs arguments, and is called without any; wrap it in a function that gives them")
    try:
        return factory()
    except (Exception, SystemExit) as error:
        raise CommandError(f"{path}() raised {_named(error)}", trace=_trace(error)) from error


def _named(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not _is_machinery(frame.filename)]
    return f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""


def _trace(error: BaseException) -> str:
    """The traceback of an error, from the first line of the application's."""
    below = error.__traceback__
    while below is not None and _is_machinery(below.tb_frame.f_code.co_filename):
        below = below.tb_next
    return "".join(traceback.format_exception(type(error), error, below))


def _is_machinery(filename: str) -> bool:
    return filename in {__file__, importlib.__file__} or filename.startswith("<frozen ")


# ------------------------------------------------------------------------------------------------ finding the interface


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
    called = f"{name} ({_kind(application)})"
    if isinstance(application, ModuleType):
        raise CommandError(f"{called} is a module, not an application; write {application.__name__}:APP")
    if not callable(application):
        raise CommandError(f"{called} cannot be called, so it is neither a WSGI nor an ASGI application")
    if isinstance(application, type):
        interface = _interface_of_class(application)
        remedy = "; an instance of it may be one"
    else:
        interface = _interface_of_callable(application)
        remedy = f"; if it returns one, write {name}()" if _accepts(application, 0) and not name.endswith("()") else ""
    if interface is None:
        raise CommandError(
            f"{called} is neither a WSGI application, which is called with 2 arguments, nor an ASGI application, which "
            f"is called with 3 and awaited{remedy}"
        )
    return interface


def _interface_of_class(application: type) -> Interface | None:
    # A class is an application if its instances are what a call of an application returns.
    if hasattr(application, "__iter__") and _accepts(application, 2):
        return Interface.WSGI
    if hasattr(application, "__await__") and _accepts(application, 3):
        return Interface.ASGI
    if inspect.iscoroutinefunction(getattr(application, "__call__")) and _accepts(application, 1):  # noqa: B004, B009
        return Interface.ASGI_2
    return None


def _interface_of_callable(application: Any) -> Interface | None:
    if inspect.iscoroutinefunction(application) or inspect.iscoroutinefunction(application.__call__):
        return Interface.ASGI if _accepts(application, 3) else None
    if _is_factory(application):
        return None
    if _accepts(application, 2):
        return Interface.WSGI
    # Not declared asynchronous, but only ASGI calls with three arguments, or with one.
    if _accepts(application, 3):
        return Interface.ASGI
    return Interface.ASGI_2 if _accepts(application, 1) else None


def _is_factory(function: Callable[..., Any]) -> bool:
    """Whether every parameter has a default, as in ``create_app(config=None)``; an application's have none."""
    signature = _signature(function)
    if signature is None:
        return False
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    return inspect.Parameter.VAR_POSITIONAL not in kinds and _accepts(function, 0)


def _accepts(function: Callable[..., Any], count: int) -> bool:
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


def _kind(found: object) -> str:
    kind = type(found)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"

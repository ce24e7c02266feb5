"""The ``serve`` command: which application, through which adapter, on which server."""

from __future__ import annotations

import argparse
import functools
import importlib.util
import socket
import sys
from typing import Any

from asgiref.compatibility import double_to_single_callable

from bridge import AsgiToWsgi, BridgeError, WsgiToAsgi
from bridge.cli.errors import REFUSED, CommandError, named, report_until_changed
from bridge.cli.gunicorn_server import Made, on_gunicorn, reloading_on_gunicorn
from bridge.cli.interfaces import Interface, interface_of, kind_of
from bridge.cli.listening import address_of, listen
from bridge.cli.logs import logging_to_stderr
from bridge.cli.root_path import below
from bridge.cli.targets import Target, load
from bridge.cli.uvicorn_server import on_uvicorn, reloading_on_uvicorn, require_uvicorn
from bridge.cli.wsgi_servers import STOP_GRACE, WSGI_SERVERS

SERVERS = (*WSGI_SERVERS, "gunicorn")
"""The names that ``--wsgi`` takes."""


def serve(options: argparse.Namespace) -> int:
    """Run the command; return the exit status."""
    is_factory = Target.of(options.target).is_factory
    if options.factory:
        if is_factory:
            raise CommandError(f"{options.target} is called already; leave out the () or --factory")
        options.target += "()"
    options.root_path = options.root_path or ""
    with logging_to_stderr(options.log_level):
        return _serve_on_uvicorn(options) if options.wsgi is None else _serve_on_wsgi(options)


# ---- uvicorn ---------------------------------------------------------------------------------------------------------


def _serve_on_uvicorn(options: argparse.Namespace) -> int:
    if options.reload:
        require_uvicorn()
        with listen(options.host, options.port) as listener:
            return reloading_on_uvicorn(functools.partial(_serve_in_child, options), listener, options.target)
    application, interface, found = _application(options)
    require_uvicorn()
    with listen(options.host, options.port) as listener:
        return _run_on_uvicorn(application, interface, found, listener, options)


def _serve_in_child(options: argparse.Namespace, sockets: list[socket.socket] | None) -> None:
    """Serve in the process that is started anew after each change; if that is impossible, say why and end."""
    assert sockets is not None
    with logging_to_stderr(options.log_level):
        try:
            _run_on_uvicorn(*_application(options), sockets[0], options)
        except CommandError as error:
            report_until_changed(error)
            sys.exit(error.status)


def _run_on_uvicorn(
    application: Any, interface: Interface, found: str, listener: socket.socket, options: argparse.Namespace
) -> int:
    run = functools.partial(
        on_uvicorn, listener=listener, target=options.target, root_path=options.root_path, grace=STOP_GRACE
    )
    if interface is Interface.WSGI:
        _tell(f"{found}; serving it on uvicorn through WsgiToAsgi, {_threads(options)}", _address(listener, options))
        return run(WsgiToAsgi(application, threads=options.threads), interface="asgi3", lifespan="on")
    _tell(f"{found}; serving it on uvicorn as it is", _address(listener, options))
    return run(application, interface="asgi2" if interface is Interface.ASGI_2 else "asgi3", lifespan="auto")


# ---- WSGI servers ----------------------------------------------------------------------------------------------------


def _serve_on_wsgi(options: argparse.Namespace) -> int:
    name: str = options.wsgi
    if name != "wsgiref" and importlib.util.find_spec(name) is None:
        raise CommandError(f"{name} is not installed, but `--wsgi {name}` needs it: pip install {name}")
    if options.reload and name != "gunicorn":
        raise CommandError(f"{name} has no --reload; uvicorn (without --wsgi) and gunicorn (--wsgi gunicorn) have it")
    settings: dict[str, Any] = {"threads": options.threads, "log_level": options.log_level, "grace": STOP_GRACE}
    if options.reload:
        with listen(options.host, options.port) as listener:
            address = _address(listener, options)
            return reloading_on_gunicorn(lambda: _made_in_worker(address, options), listener, **settings)
    application, interface, found = _application(options)
    with listen(options.host, options.port) as listener:
        application, adapter = _made(application, interface, options)
        try:
            if adapter is not None and name != "gunicorn":  # its workers are processes of their own
                _start(adapter, options)
            _tell(_doing(found, adapter, options), _address(listener, options))
            if name == "gunicorn":
                return on_gunicorn((application, adapter), listener, **settings)
            return WSGI_SERVERS[name](application, listener, options.threads, adapter)
        finally:
            if adapter is not None:
                adapter.close()


def _made_in_worker(address: str, options: argparse.Namespace) -> Made:
    """Load the application anew, in a worker."""
    application, interface, found = _application(options)
    made, adapter = _made(application, interface, options)
    if adapter is not None:
        _start(adapter, options)
    _tell(_doing(found, adapter, options), address)
    return made, adapter


def _made(application: Any, interface: Interface, options: argparse.Namespace) -> Made:
    """What a WSGI server calls, and the adapter in it, if it needs one."""
    if interface is Interface.WSGI:
        return below(options.root_path, application), None
    if interface is Interface.ASGI_2:
        application = double_to_single_callable(application)
    adapter = AsgiToWsgi(application, shutdown_grace=STOP_GRACE)
    return below(options.root_path, adapter), adapter


def _start(adapter: AsgiToWsgi, options: argparse.Namespace) -> None:
    try:
        adapter.start()
    except BridgeError as error:
        adapter.close()
        raise CommandError(
            f"{options.target} failed to start: {named(error.__cause__ or error)}", status=REFUSED
        ) from error


# ---- both ------------------------------------------------------------------------------------------------------------


def _application(options: argparse.Namespace) -> tuple[Any, Interface, str]:
    """The application, its interface, and a line's beginning that tells both."""
    application = load(options.target)
    interface = interface_of(application, options.target)
    return application, interface, f"{options.target} ({kind_of(application)}) is {interface.value}"


def _doing(found: str, adapter: AsgiToWsgi | None, options: argparse.Namespace) -> str:
    way = "as it is" if adapter is None else "through AsgiToWsgi"
    return f"{found}; serving it on {options.wsgi} {way}, {_threads(options)}"


def _threads(options: argparse.Namespace) -> str:
    return f"{options.threads} thread{'' if options.threads == 1 else 's'}"


def _address(listener: socket.socket, options: argparse.Namespace) -> str:
    return address_of(options.host, listener.getsockname()[1])


def _tell(doing: str, address: str) -> None:
    print(f"bridge: {doing}, {address}", flush=True)

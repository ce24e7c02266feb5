"""The ``serve`` command: which application, through which adapter, on which server."""

from __future__ import annotations

import argparse
import importlib.util
import os
import socket
from typing import Any

from asgiref.compatibility import double_to_single_callable

from bridge import AsgiToWsgi, BridgeError, WsgiToAsgi
from bridge.cli.errors import REFUSED, CommandError, named
from bridge.cli.interfaces import Interface, interface_of, kind_of
from bridge.cli.targets import load
from bridge.cli.wsgi_servers import STOP_GRACE, WSGI_SERVERS


def serve(options: argparse.Namespace) -> int:
    """Run the command; return the exit status."""
    target: str = options.target
    application = load(target)
    interface = interface_of(application, target)
    found = f"{target} ({kind_of(application)}) is {interface.value}"
    if options.wsgi is not None:
        return _serve_on_wsgi(application, interface, found, options)
    if interface is Interface.WSGI:
        return _serve_on_uvicorn(application, found, options)
    factory = " --factory" if target.endswith("()") else ""
    raise CommandError(
        f"{found}; an ASGI server serves it as it is: python -m uvicorn{factory} {target.removesuffix('()')}, "
        "and with --wsgi after it this command serves it on a WSGI server"
    )


def _serve_on_uvicorn(application: Any, found: str, options: argparse.Namespace) -> int:
    try:
        import uvicorn  # noqa: PLC0415  an extra: only this command needs it
    except ModuleNotFoundError as error:
        raise CommandError(
            f"{error.name} is not installed, but `serve` needs it: pip install 'wsgi-asgi-bridge[serve]'"
        ) from error

    with _listen(options.host, options.port) as listener:
        _tell(f"{found}; serving it on uvicorn through WsgiToAsgi", listener, options)
        server = uvicorn.Server(
            uvicorn.Config(
                WsgiToAsgi(application, threads=options.threads),
                interface="asgi3",
                lifespan="on",
                # Its own default waits for ever: one client of an endless stream would keep Ctrl-C from working.
                timeout_graceful_shutdown=STOP_GRACE,
            )
        )
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            pass  # uvicorn has shut down in order, then raised the SIGINT that asked it to
    return 0


def _serve_on_wsgi(application: Any, interface: Interface, found: str, options: argparse.Namespace) -> int:
    name: str = options.wsgi
    if name != "wsgiref" and importlib.util.find_spec(name) is None:
        raise CommandError(f"{name} is not installed, but `--wsgi {name}` needs it: pip install {name}")
    run = WSGI_SERVERS[name]
    with _listen(options.host, options.port) as listener:
        if interface is Interface.WSGI:
            _tell(f"{found}; serving it on {name} as it is", listener, options)
            return run(application, listener, options.threads, None)
        if interface is Interface.ASGI_2:
            application = double_to_single_callable(application)
        with AsgiToWsgi(application, shutdown_grace=STOP_GRACE) as adapter:
            if name != "gunicorn":  # its workers are processes of their own, and each starts the adapter
                _start(adapter, options.target)
            _tell(f"{found}; serving it on {name} through AsgiToWsgi", listener, options)
            return run(adapter, listener, options.threads, adapter)


def _start(adapter: AsgiToWsgi, target: str) -> None:
    try:
        adapter.start()
    except BridgeError as error:
        raise CommandError(f"{target} failed to start: {named(error.__cause__ or error)}", status=REFUSED) from error


def _tell(doing: str, listener: socket.socket, options: argparse.Namespace) -> None:
    threads = f"{options.threads} thread{'' if options.threads == 1 else 's'}"
    print(f"bridge: {doing}, {threads}, {_address(options.host, listener.getsockname()[1])}", flush=True)


def _listen(host: str, port: int) -> socket.socket:
    """Listen before the server is started, so that a refused port is one line and the system's choice can be told."""
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
        status=REFUSED,
    )


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

"""``python -m bridge``: serve an application from the command line.

A command line that names nothing servable ends with one line on the standard error and the status 2; what the system
refuses (a port that is taken), or the application as it starts, with one line and the status 1. A traceback is shown
only of the application's own code, from where that begins.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from bridge import __version__
from bridge.cli.errors import CommandError
from bridge.cli.serving import serve
from bridge.cli.wsgi_servers import WSGI_SERVERS

INTERRUPTED = 130  # what a shell reports for a command that SIGINT ended


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
        prog=prog,
        description="Serve WSGI applications on ASGI servers, and ASGI applications on WSGI servers.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"bridge {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    command = commands.add_parser(
        "serve",
        help="serve a WSGI application on uvicorn, or with --wsgi any application on a WSGI server",
        description="Serve a WSGI application on uvicorn, or with --wsgi an ASGI application on a WSGI server.",
        allow_abbrev=False,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    command.add_argument(
        "target", metavar="MODULE:APP", help="such as shop.web:app, shop.web:site.app or shop.web:create()"
    )
    command.add_argument(
        "--wsgi",
        nargs="?",
        const="wsgiref",
        default=argparse.SUPPRESS,  # so that the help shows no default: without it the server is uvicorn
        type=_wsgi_server,
        metavar="SERVER",
        help="serve on a WSGI server: wsgiref (if none is named; the standard library's), waitress or gunicorn",
    )
    command.add_argument("--host", default="127.0.0.1", help="address to listen on")
    command.add_argument(
        "--port", default=8000, type=_port, help="port to listen on, 0 for one that the system chooses"
    )
    command.add_argument("--threads", default=40, type=_threads, help="how many requests are handled at once")
    command.set_defaults(run=serve, wsgi=None)
    return parser


def _wsgi_server(text: str) -> str:
    if text in WSGI_SERVERS:
        return text
    remedy = "; write MODULE:APP before --wsgi" if ":" in text else ""
    raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(WSGI_SERVERS)}{remedy}")


def _port(text: str) -> int:
    return _integer(text, at_least=0, at_most=65535)


def _threads(text: str) -> int:
    return _integer(text, at_least=1)


def _integer(text: str, *, at_least: int, at_most: int | None = None) -> int:
    if text.isascii() and text.isdigit() and int(text) >= at_least and (at_most is None or int(text) <= at_most):
        return int(text)
    bounds = f"at least {at_least}" if at_most is None else f"{at_least} to {at_most}"
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, {bounds}")

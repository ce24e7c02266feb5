"""``python -m bridge``: serve an application, check what one breaks of its specification, or show the bridge at work.

A command line that names nothing servable ends with one line on the standard error and the status 2; what the system
refuses (a port that is taken), or the application as it starts, with one line and the status 1. A traceback is shown
only of the application's own code, from where that begins.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from bridge import __version__
from bridge.cli.demo import demo
from bridge.cli.errors import CommandError, report
from bridge.cli.logs import LEVELS
from bridge.cli.root_path import root_path
from bridge.cli.serving import SERVERS, serve

INTERRUPTED = 130  # what a shell reports for a command that SIGINT ended

_EXAMPLES = """\
examples:
  %(prog)s demo
  %(prog)s serve shop.web:app
  %(prog)s serve shop.web:app --wsgi waitress
  %(prog)s check shop.web:app
"""

_SERVE_EXAMPLES = """\
examples:
  %(prog)s shop.web:app --reload
        Flask's or Django's, FastAPI's or Starlette's application on uvicorn, anew after each change
  %(prog)s shop.web:create_app --factory --wsgi gunicorn --threads 8
        the same on a WSGI server, made by a function
  %(prog)s shop.web:app --port 9000 --root-path /shop --log-level warning
        behind a proxy that passes on /shop/cart as /cart
"""

_CHECK_EXAMPLES = """\
examples:
  %(prog)s shop.web:app
  %(prog)s shop.web:app --path / --path /cart --timeout 2
"""


def main(arguments: Sequence[str] | None = None, *, prog: str | None = None) -> int:
    """Run the command that ``arguments`` (default: those of the process) ask for; return the exit status."""
    options = _parser(prog).parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except CommandError as error:
        report(error)
        return error.status
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser(prog: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Serve WSGI applications on ASGI servers, and ASGI applications on WSGI servers.",
        epilog=_EXAMPLES,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"bridge {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    _add_serve(commands)
    _add_check(commands)
    _add_demo(commands)
    return parser


def _add_serve(commands: Any) -> None:
    command = commands.add_parser(
        "serve",
        help="serve an application of either kind on uvicorn, or with --wsgi on a WSGI server",
        description="Serve a WSGI or an ASGI application on uvicorn, or with --wsgi on a WSGI server.\n"
        "What the server cannot call itself goes through the bridge; the first line says so.",
        epilog=_SERVE_EXAMPLES,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_target(command)
    command.add_argument(
        "--factory",
        action="store_true",
        help="MODULE:APP is a function that is called without arguments and returns the application",
    )
    command.add_argument(
        "--wsgi",
        nargs="?",
        const="wsgiref",
        type=_wsgi_server,
        metavar="SERVER",
        help="serve on a WSGI server: wsgiref (if none is named; the standard library's), waitress or gunicorn",
    )
    command.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    command.add_argument(
        "--port",
        default=8000,
        type=_port,
        help="port to listen on, 0 for one that the system chooses (default: %(default)s)",
    )
    command.add_argument(
        "--threads",
        default=40,
        type=_threads,
        help="how many requests are handled at once, but for an ASGI application on uvicorn, which needs no threads "
        "(default: %(default)s)",
    )
    command.add_argument(
        "--root-path",
        type=root_path,
        metavar="PATH",
        help="the path that a proxy in front has taken off (SCRIPT_NAME, root_path), such as /shop",
    )
    command.add_argument(
        "--reload",
        action="store_true",
        help="load the application anew when a file of it has changed; uvicorn and gunicorn have it",
    )
    command.add_argument(
        "--log-level",
        default="info",
        choices=LEVELS,
        help="of all loggers; they write to the standard error (default: %(default)s)",
    )
    command.set_defaults(run=serve)


def _add_target(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "target", metavar="MODULE:APP", help="such as shop.web:app, shop.web:site.app or shop.web:create()"
    )


def _add_check(commands: Any) -> None:
    command = commands.add_parser(
        "check",
        help="send an application requests, and tell what it breaks of PEP 3333, ASGI or HTTP",
        description="Send an application requests through the bridge and through wsgiref's validator, and tell what\n"
        "it breaks of its specification, with the section. The requests are real ones, POST too, in\n"
        "this process: check it where it may do what they ask for. What it prints and logs is not\n"
        "shown. The status is 1 if there are findings, 0 if there are none.",
        epilog=_CHECK_EXAMPLES,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_target(command)
    command.add_argument(
        "--path",
        action="append",
        type=_path,
        metavar="PATH",
        help="a path to send requests for, which may have a query; may be given more than once (default: /)",
    )
    command.add_argument(
        "--timeout",
        default=5.0,
        type=_seconds,
        metavar="SECONDS",
        help="how long each request may take (default: %(default)g)",
    )
    command.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    from bridge.cli.check import check  # noqa: PLC0415  no other command needs it

    return check(options)


def _add_demo(commands: Any) -> None:
    command = commands.add_parser(
        "demo",
        help="show what goes over the bridge, with two small applications of its own",
        description="Serve a small WSGI application on uvicorn and a small ASGI application on the standard library's "
        "WSGI server, on this machine alone, ask both for a few things, and print what goes over the bridge. It takes "
        "a few seconds, and needs nothing that is not installed.",
        allow_abbrev=False,
    )
    command.set_defaults(run=demo)


def _wsgi_server(text: str) -> str:
    if text in SERVERS:
        return text
    remedy = "; write MODULE:APP before --wsgi" if ":" in text else ""
    raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(SERVERS)}{remedy}")


def _port(text: str) -> int:
    return _integer(text, at_least=0, at_most=65535)


def _threads(text: str) -> int:
    return _integer(text, at_least=1)


def _path(text: str) -> str:
    if text.startswith("/") and text.isascii() and text.isprintable() and not set(text) & set(" #"):
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is not a path such as /cart?item=3, with %XX for other characters")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if 0 < seconds < float("inf"):
        return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")


def _integer(text: str, *, at_least: int, at_most: int | None = None) -> int:
    if text.isascii() and text.isdigit() and int(text) >= at_least and (at_most is None or int(text) <= at_most):
        return int(text)
    bounds = f"at least {at_least}" if at_most is None else f"{at_least} to {at_most}"
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, {bounds}")

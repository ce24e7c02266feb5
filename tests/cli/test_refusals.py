"""`python -m bridge serve` with what it cannot serve: one clear line, a status, never a traceback of ours."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from tests.cli.command import Ended, called, ended

NEITHER = (
    "is neither a WSGI application, which is called with 2 arguments, nor an ASGI application, which is called with 3 "
    "and awaited"
)
NEEDS_ARGUMENTS = "needs arguments, and is called without any; wrap it in a function that gives them"
FORM = "is not of the form MODULE:APP, such as shop.web:app or shop.web:create()"


def serve(directory: Path, *arguments: str) -> Ended:
    """What the command answers."""
    return called("serve", *arguments, directory=directory)


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("shop", f"'shop' {FORM}"),
        ("shop:", f"'shop:' {FORM}"),
        (":app", f"':app' {FORM}"),
        ("shop:create(1)", f"'shop:create(1)' {FORM}"),
        ("shop:()", f"'shop:()' {FORM}"),
        ("src/shop.py:app", f"'src/shop.py:app' {FORM} (a module is named with dots and without .py)"),
        ("shop:aplication", "shop has no attribute 'aplication'; did you mean 'application'?"),
        ("shop:zzz", "shop has no attribute 'zzz'"),
        ("shop:site.web.ap", "shop:site.web has no attribute 'ap'; did you mean 'app'?"),
        ("shop:settings", "shop:settings (dict) cannot be called, so it is neither a WSGI nor an ASGI application"),
        ("shop:create_nothing()", "shop:create_nothing() returned None; does it lack its return statement?"),
        ("shop:number()", "shop:number (int) cannot be called; write it without the () or --factory"),
        ("shop:functools", "shop:functools (module) is a module, not an application; write functools:APP"),
        ("shop:create", f"shop:create (function) {NEITHER}; if it returns one, write shop:create()"),
        (
            "shop:create_with_defaults",
            f"shop:create_with_defaults (function) {NEITHER}; if it returns one, write shop:create_with_defaults()",
        ),
        (
            "shop:create_with_arguments()",
            f"shop:create_with_arguments {NEEDS_ARGUMENTS}",
        ),
        ("shop:Instance", f"shop:Instance (type) {NEITHER}; an instance of it may be one"),
        ("shop:one_argument_too_many", f"shop:one_argument_too_many (function) {NEITHER}"),
        ("shop:coroutine_of_two", f"shop:coroutine_of_two (function) {NEITHER}"),
    ],
)
def test_a_wrong_target_is_one_line(directory: Path, target: str, line: str) -> None:
    """A wrong form, attribute or object is one line that says what it is and what to write; the status is 2."""
    refused = serve(directory, target)
    assert (refused.status, refused.only_line) == (2, f"bridge: {line}")


@pytest.mark.parametrize("module", ["nowhere", "nowhere.web", "shop.web", "package.nowhere"])
def test_a_missing_module_is_named(directory: Path, module: str) -> None:
    """A module that does not exist, or a package on the way to it, is named with the directory that was searched."""
    (directory / "package").mkdir()
    (directory / "package" / "__init__.py").touch()
    refused = serve(directory, f"{module}:app")
    missing = "nowhere" if module == "nowhere.web" else module
    assert refused.status == 2
    assert refused.only_line == f"bridge: there is no module {missing!r} in {directory} or elsewhere on sys.path"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import flsk", "No module named 'flsk'"),
        ("from shop import aplication", "cannot import name 'aplication' from 'shop' "),
        ("import broken.deeper", "No module named 'broken.deeper'; 'broken' is not a package"),
    ],
)
def test_an_import_that_fails_inside_is_not_a_missing_module(directory: Path, source: str, reason: str) -> None:
    """An ImportError inside the module says which import failed and where, and that the module itself was found."""
    (directory / "broken.py").write_text(f"\n{source}\n")
    refused = serve(directory, "broken:app")
    assert refused.status == 2
    assert refused.only_line.startswith(f"bridge: cannot import broken: {reason}")
    assert refused.only_line.endswith(f" ({directory / 'broken.py'}, line 2)")


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("raise LookupError('no configuration')", "LookupError: no configuration"),
        ("def app(:", "SyntaxError: invalid syntax (broken.py, line 1)"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_an_error_inside_shows_the_application_s_traceback(directory: Path, source: str, error: str) -> None:
    """Any other error of the module shows the traceback from the module on, and ends with one line; the status is 2."""
    (directory / "broken.py").write_text(source)
    refused = serve(directory, "broken:app")
    assert (refused.status, refused.out) == (2, "")
    assert refused.err.splitlines()[-1] == f"bridge: cannot import broken: it raised {error}"
    assert str(directory / "broken.py") in refused.err
    assert "bridge/cli" not in refused.err
    assert "importlib" not in refused.err


def test_an_error_of_a_factory_shows_its_traceback(directory: Path) -> None:
    """What a factory raises is shown from the factory on; the last line has it in one line."""
    refused = serve(directory, "shop:create_broken()")
    assert refused.status == 2
    assert refused.err.splitlines()[-1] == "bridge: shop:create_broken() raised LookupError: no configuration, nowhere"
    assert "in create_broken" in refused.err
    assert "bridge/cli" not in refused.err


def test_a_port_in_use_is_one_line(directory: Path) -> None:
    """A port that another process listens on is one line with the remedy, and the status 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = serve(directory, "shop:application", "--port", str(port))
    assert refused.status == 1
    assert refused.only_line == (
        f"bridge: cannot listen on http://127.0.0.1:{port}: Address already in use; choose another --host or --port "
        "(0: one that is free)"
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "..", "host name"])
def test_a_host_that_is_not_here_is_one_line(directory: Path, host: str) -> None:
    """An address of another machine (RFC 5737 keeps this one free) or what is no host name is one line; status 1."""
    refused = serve(directory, "shop:application", "--port", "0", "--host", host)
    assert refused.status == 1
    assert refused.only_line.startswith(f"bridge: cannot listen on http://{host}:0: ")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "the following arguments are required: MODULE:APP"),
        (["shop:application", "--port", "65536"], "argument --port: '65536' is not a whole number, 0 to 65535"),
        (["shop:application", "--port", "http"], "argument --port: 'http' is not a whole number, 0 to 65535"),
        (["shop:application", "--threads", "0"], "argument --threads: '0' is not a whole number, at least 1"),
        (["shop:application", "--threads", "-3"], "argument --threads: '-3' is not a whole number, at least 1"),
        (["shop:application", "--root-path", "api"], "argument --root-path: 'api' does not start with a slash"),
        (["shop:application", "--root-path", "/api/"], "argument --root-path: '/api/' ends with a slash; write it"),
        (["shop:application", "--root-path", "/"], "argument --root-path: '/' ends with a slash; write it without, or"),
        (["shop:application", "--root-path", "//api"], "argument --root-path: '//api' has empty segments, or"),
        (["shop:application", "--root-path", "/a b"], "argument --root-path: '/a b' has empty segments, or characters"),
        (["shop:application", "--root-path", "/a%20b"], "argument --root-path: '/a%20b' has empty segments, or"),
        (["shop:application", "--root-path", "/é"], "argument --root-path: '/é' has empty segments, or characters"),
        (["shop:application", "--log-level", "loud"], "argument --log-level: invalid choice: 'loud'"),
        (["shop:application", "--thread", "3"], "unrecognized arguments: --thread 3"),
        (["cafe:application", "--wsgi", "nginx"], "argument --wsgi: 'nginx' is none of wsgiref, waitress, gunicorn"),
        (
            ["--wsgi", "cafe:application"],
            "'cafe:application' is none of wsgiref, waitress, gunicorn; write MODULE:APP before --wsgi",
        ),
    ],
)
def test_wrong_options_are_refused(directory: Path, arguments: list[str], complaint: str) -> None:
    """A wrong option is refused with its usage and the reason, before anything is imported; the status is 2."""
    refused = serve(directory, *arguments)
    assert (refused.status, refused.out) == (2, "")
    assert refused.err.splitlines()[0].startswith("usage: python -m bridge")
    assert complaint in refused.err.splitlines()[-1]


def test_a_refusal_ends_the_process(directory: Path) -> None:
    """What is refused is the process's own status and its only line."""
    refused = ended("-m", "bridge", "serve", "shop", directory=directory)
    assert (refused.status, refused.only_line) == (2, f"bridge: 'shop' {FORM}")


def test_no_command_is_refused(directory: Path) -> None:
    """`python -m bridge` alone says that a command is missing; the status is 2."""
    refused = ended("-m", "bridge", directory=directory)
    assert refused.status == 2
    assert refused.err.splitlines()[-1] == "python -m bridge: error: the following arguments are required: COMMAND"


def test_without_uvicorn_the_remedy_is_named(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where uvicorn is not installed, the line names the command that installs it; the status is 2."""
    # None in sys.modules is how Python itself marks a module that must not be found.
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    refused = serve(directory, "shop:application")
    assert refused.status == 2
    assert refused.only_line == (
        "bridge: uvicorn is not installed, but `serve` needs it: pip install 'wsgi-asgi-bridge[serve]'"
    )


@pytest.mark.parametrize("server", ["waitress", "gunicorn"])
def test_without_the_wsgi_server_the_remedy_is_named(
    directory: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the server of `--wsgi` is not installed, the line names the command that installs it; the status is 2."""
    monkeypatch.setitem(sys.modules, server, None)
    refused = serve(directory, "cafe:application", "--wsgi", server)
    assert refused.status == 2
    assert refused.only_line == (
        f"bridge: {server} is not installed, but `--wsgi {server}` needs it: pip install {server}"
    )


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("shop:create()", "shop:create() is called already; leave out the () or --factory"),
        ("shop:number", "shop:number (int) cannot be called; write it without the () or --factory"),
        ("shop:create_with_arguments", f"shop:create_with_arguments {NEEDS_ARGUMENTS}"),
        ("shop:create_nothing", "shop:create_nothing() returned None; does it lack its return statement?"),
        ("shop", f"'shop' {FORM}"),
    ],
)
def test_what_is_no_factory_is_one_line(directory: Path, target: str, line: str) -> None:
    """`--factory` with what is none, or makes nothing, is one line that says what to write; the status is 2."""
    refused = serve(directory, target, "--factory")
    assert (refused.status, refused.only_line) == (2, f"bridge: {line}")


def test_a_factory_that_raises_shows_its_traceback(directory: Path) -> None:
    """What a function behind `--factory` raises is shown from that function on, and then in one line."""
    refused = serve(directory, "shop:create_broken", "--factory")
    assert refused.status == 2
    assert refused.err.splitlines()[-1] == "bridge: shop:create_broken() raised LookupError: no configuration, nowhere"
    assert refused.err.count("  File ") == 1, refused.err


@pytest.mark.parametrize("server", ["wsgiref", "waitress"])
def test_a_server_without_reload_is_refused(directory: Path, server: str) -> None:
    """`--reload` on a server that has none is one line that names those that have it; the status is 2."""
    refused = serve(directory, "shop:application", "--wsgi", server, "--reload")
    assert (refused.status, refused.only_line) == (
        2,
        f"bridge: {server} has no --reload; uvicorn (without --wsgi) and gunicorn (--wsgi gunicorn) have it",
    )


def test_without_uvicorn_nothing_is_reloaded(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `--reload` a missing uvicorn is told before a process is started."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    refused = serve(directory, "shop:application", "--reload")
    assert (refused.status, refused.only_line) == (
        2,
        "bridge: uvicorn is not installed, but `serve` needs it: pip install 'wsgi-asgi-bridge[serve]'",
    )


@pytest.mark.parametrize(
    "arguments", [["--wsgi"], ["--wsgi", "gunicorn"], ["--reload"], ["--wsgi", "gunicorn", "--reload"]]
)
def test_a_port_in_use_is_one_line_on_every_server(directory: Path, arguments: list[str]) -> None:
    """The listening socket is the command's own, so a port that is taken is one line before any server is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = serve(directory, "cafe:application", "--port", str(taken.getsockname()[1]), *arguments)
    assert refused.status == 1
    assert "Address already in use; choose another --host or --port" in refused.only_line


def test_a_startup_that_fails_is_told_on_uvicorn(directory: Path) -> None:
    """A lifespan that fails to start on uvicorn ends the command with status 1; uvicorn's log has the reason."""
    refused = ended("-m", "bridge", "serve", "cafe:no_database", "--port", "0", directory=directory)
    assert refused.status == 1
    assert "no database" in refused.err
    assert refused.err.splitlines()[-1] == "bridge: cafe:no_database failed to start; the log above says why"


@pytest.mark.parametrize("server", ["wsgiref", "waitress"])
def test_a_startup_that_fails_is_told(directory: Path, server: str) -> None:
    """A10: an application whose lifespan fails to start ends the command with the reason and the status 1."""
    refused = ended("-m", "bridge", "serve", "cafe:no_database", "--port", "0", "--wsgi", server, directory=directory)
    assert (refused.status, refused.out) == (1, "")
    last = refused.err.splitlines()[-1]
    assert last.startswith("bridge: cafe:no_database failed to start: ")
    assert last.endswith("no database")

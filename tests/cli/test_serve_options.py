"""The options of `python -m bridge serve` on every server, with both kinds of applications."""

from __future__ import annotations

import io
import logging
import re
import time
from contextlib import redirect_stderr
from pathlib import Path

import pytest

from bridge.cli import _parser
from bridge.cli.logs import LEVELS, logging_to_stderr
from tests.cli.command import AT_ONCE, called, ended, running

TELLING = """
import logging


def create_wsgi():
    def application(environ, start_response):
        logging.getLogger("bridge").debug("a word of bridge")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [" ".join(environ[key] for key in ("SCRIPT_NAME", "PATH_INFO")).encode()]

    return application


def create_asgi():
    async def application(scope, receive, send):
        if scope["type"] != "http":
            return
        logging.getLogger("bridge").debug("a word of bridge")
        body = " ".join([scope["root_path"], scope["path"], scope["raw_path"].decode()]).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return application
"""


@pytest.mark.parametrize(
    ("arguments", "word_of_server"),
    [
        ([], r"INFO \[uvicorn\.access\] 127\.0\.0\.1:\d+ - \"GET "),
        (["--wsgi"], r"INFO \[wsgiref\] 127\.0\.0\.1 - \"GET "),
        (["--wsgi", "waitress"], ""),  # has nothing to say
        (["--wsgi", "gunicorn"], r"INFO \[gunicorn\.error\] Booting worker"),
    ],
    ids=["uvicorn", "wsgiref", "waitress", "gunicorn"],
)
@pytest.mark.parametrize(
    ("factory", "answer"),
    [("create_wsgi", "/api /a/b"), ("create_asgi", "/api /api/a/b /api/a%2Fb")],
    ids=["WSGI", "ASGI"],
)
def test_every_option_on_every_server(
    tmp_path: Path, factory: str, answer: str, arguments: list[str], word_of_server: str
) -> None:
    """Both kinds on each server: a factory, a root path, one format for all logs; Ctrl-C ends it within a second."""
    (tmp_path / "site_of_test.py").write_text(TELLING)
    options = ["--factory", "--root-path", "/api", "--log-level", "debug", "--port", "0", *arguments]
    with running("-m", "bridge", "serve", f"site_of_test:{factory}", *options, directory=tmp_path) as server:
        assert server.page("/a%2Fb") == answer
        asked_at = time.monotonic()
        server.ctrl_c()
        assert server.process.wait(10) in {0, 130}
        assert time.monotonic() - asked_at < AT_ONCE
        output = server.rest()
    assert "Traceback" not in output
    stamp = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} "
    assert re.search(stamp + r"DEBUG \[bridge\] a word of bridge$", output, re.MULTILINE), output
    assert re.search(stamp + word_of_server, output, re.MULTILINE), output
    # gunicorn tells its settings in one record of many lines.
    unlike = [line for line in output.splitlines() if not re.match(stamp + "|  ", line)]
    assert len(unlike) == 1, unlike
    assert unlike[0].startswith("bridge: ")


def test_an_asgi_application_on_uvicorn(directory: Path) -> None:
    """An ASGI application is served on uvicorn as it is, with its lifespan; the first line says so, without threads."""
    with running("-m", "bridge", "serve", "cafe:application", "--port", "0", directory=directory) as server:
        said = server.line("^bridge: ").string
        assert re.fullmatch(
            r"bridge: cafe:application \(function\) is ASGI; serving it on uvicorn as it is, http://127\.0\.0\.1:\d+\n",
            said,
        )
        server.line("^startup$")
        server.ctrl_c()
        assert server.process.wait(10) == 0
        assert "\nshutdown\n" in server.rest()


def test_an_asgi_2_application_on_uvicorn(directory: Path) -> None:
    """The older form of ASGI applications is served as well."""
    with running("-m", "bridge", "serve", "cafe:Twice", "--port", "0", directory=directory) as server:
        assert server.page() == "GET / 0 startup"


@pytest.mark.parametrize("level", LEVELS)
def test_the_level_holds_for_every_logger(level: str) -> None:
    """Records from the level on reach the standard error, of any logger, and none below it."""
    with redirect_stderr(io.StringIO()) as err, logging_to_stderr(level):
        for name in LEVELS:
            for logger in ("bridge", "uvicorn.error", "waitress", "of.the.application"):
                logging.getLogger(logger).log(getattr(logging, name.upper()), "said at %s", name)
    shown = LEVELS[: LEVELS.index(level) + 1]
    assert [line.rpartition(" ")[2] for line in err.getvalue().splitlines()] == [
        name for name in shown for _ in range(4)
    ]


def test_logging_is_put_back() -> None:
    """After the command the root logger is as it was before, for whoever calls it from a program."""
    root = logging.getLogger()
    before = root.level, root.handlers.copy()
    with logging_to_stderr("debug"):
        assert (root.level, root.handlers) != before
    assert (root.level, root.handlers) == before


@pytest.mark.parametrize("command", [[], ["serve"]])
def test_the_help_ends_with_examples(command: list[str], tmp_path: Path) -> None:
    """The help of the program and of `serve` ends with examples, each of which its own parser takes."""
    shown = called(*command, "--help", directory=tmp_path)
    assert shown.status == 0
    examples = re.findall(r"^  python -m bridge (.*)$", shown.out.partition("\nexamples:\n")[2], re.MULTILINE)
    assert len(examples) >= 2
    for example in examples:
        assert callable(_parser("python -m bridge").parse_args(example.split()).run)


def test_records_of_bridge_are_on_the_standard_error(directory: Path) -> None:
    """What the logger `bridge` says of a startup that fails is in the one format, on the standard error."""
    refused = ended("-m", "bridge", "serve", "cafe:no_database", "--port", "0", "--wsgi", directory=directory)
    assert re.search(r"^\d{4}-.* ERROR \[bridge\] ", refused.err, re.MULTILINE), refused.err

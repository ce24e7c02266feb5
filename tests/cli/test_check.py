"""`python -m bridge check`: what it finds in applications, where it says that this stands, and how it ends."""

from __future__ import annotations

import io
import re
from pathlib import Path
from textwrap import dedent

import pytest

from bridge.cli.check_report import Outcome, Report
from tests.cli.command import Ended, called, ended

START_RESPONSE = 'PEP 3333, "The start_response() Callable"'
DETAILS = 'PEP 3333, "Specification Details"'
UNICODE = 'PEP 3333, "Unicode Issues"'
CONTENT_LENGTH = 'PEP 3333, "Handling the Content-Length Header"'
WRITE = 'PEP 3333, "The write() Callable"'
STREAMS = 'PEP 3333, "Input and Error Streams"'
FEATURES = 'PEP 3333, "Other HTTP Features"'
RESPONSE_START = 'ASGI specs/www.rst, "Response Start - send event"'
RESPONSE_BODY = 'ASGI specs/www.rst, "Response Body - send event"'
DISCONNECT = 'ASGI specs/www.rst, "Disconnect - receive event"'
ERRORS = 'ASGI specs/main.rst, "Error Handling"'
LIFESPAN = 'ASGI specs/lifespan.rst, "Lifespan Protocol"'
STARTUP = 'ASGI specs/lifespan.rst, "Startup Complete - send event"'
STARTUP_FAILED = 'ASGI specs/lifespan.rst, "Startup Failed - send event"'
SHUTDOWN = 'ASGI specs/lifespan.rst, "Shutdown Complete - send event"'

PLAIN = '[("Content-Type", "text/plain")]'
TEN = '[("Content-Type", "text/plain"), ("Content-Length", "10")]'
OK = 'await send({"type": "http.response.start", "status": 200, "headers": []})'
END = 'await send({"type": "http.response.body", "body": b"ok"})'

WSGI_BREACHES = {
    "a status as bytes": (
        f'start_response(b"200 OK", {PLAIN}); return [b"ok"]',
        "the application gave a status of type bytes, not str: b'200 OK'",
        START_RESPONSE,
    ),
    "a status without a reason phrase": (
        f'start_response("200", {PLAIN}); return [b"ok"]',
        "wsgiref.validate: The status string ('200') should be",
        START_RESPONSE,
    ),
    "a status that is no number": (
        f'start_response("OK 200", {PLAIN}); return [b"ok"]',
        'the application gave a status that is not like "200 OK"',
        START_RESPONSE,
    ),
    "a header with a line break": (
        'start_response("200 OK", [("Content-Type", "text/plain"), ("X-A", "1\\nX-B: 2")]); return [b"ok"]',
        "the application gave a response header with a control or non-latin-1 character",
        START_RESPONSE,
    ),
    "headers as a tuple": (
        f'start_response("200 OK", tuple({PLAIN})); return [b"ok"]',
        "the application gave response headers of type tuple",
        START_RESPONSE,
    ),
    "a hop-by-hop header": (
        'start_response("200 OK", [("Content-Type", "text/plain"), ("Connection", "close")]); return [b"ok"]',
        "the application gave the hop-by-hop header Connection",
        FEATURES,
    ),
    "a body as str": (
        f'start_response("200 OK", {PLAIN}); return ["ok"]',
        "the application gave a chunk of type str; PEP 3333 wants bytes: 'ok'",
        UNICODE,
    ),
    "a body that is one bytes": (
        f'start_response("200 OK", {PLAIN}); return b"ok"',
        "the application gave a chunk of type int",
        UNICODE,
    ),
    "no iterable": (
        f'start_response("200 OK", {PLAIN})',
        "the application returned an object of type NoneType, not an iterable of bytes",
        DETAILS,
    ),
    "start_response never called": (
        'return [b""]',
        "the application ended its response before start_response",
        DETAILS,
    ),
    "start_response called after the first chunk": (
        f'yield b"early"; start_response("200 OK", {PLAIN})',
        "the application gave a chunk of the body before start_response",
        DETAILS,
    ),
    "start_response called twice": (
        f'start_response("200 OK", {PLAIN}); start_response("404 Not Found", {PLAIN}); return [b"ok"]',
        "the application called start_response a second time without exc_info",
        START_RESPONSE,
    ),
    "start_response called twice, and the error swallowed": (
        f"""
        start_response("200 OK", {PLAIN})
        try:
            start_response("404 Not Found", {PLAIN})
        except Exception:
            pass
        return [b"ok"]
        """,
        "the application called start_response a second time without exc_info",
        START_RESPONSE,
    ),
    "too few bytes": (
        f'start_response("200 OK", {TEN}); return [b"ok"]',
        "the application declared 10 bytes (Content-Length) and gave 8 less",
        CONTENT_LENGTH,
    ),
    "too many bytes": (
        f'start_response("200 OK", {TEN}); return [b"0123456789", b"more"]',
        "the application declared 10 bytes (Content-Length) and gave more",
        "RFC 9110, 8.6",
    ),
    "too many bytes written": (
        f'write = start_response("200 OK", {TEN}); write(b"0123456789more"); return []',
        "the application wrote more than the 10 bytes that it declared (Content-Length)",
        CONTENT_LENGTH,
    ),
    "write in the iterable": (
        f'write = start_response("200 OK", {PLAIN}); write(b"a"); yield b"b"; write(b"c")',
        "the application called write() from within its iterable",
        WRITE,
    ),
    "write after the end": (
        f"""
        class Body:
            def __iter__(self):
                return iter([b"ok"])
            def close(self):
                write(b"more")
        write = start_response("200 OK", {PLAIN})
        return Body()
        """,
        "the application gave a chunk of the body after the end",
        WRITE,
    ),
    "wsgi.input closed": (
        f'environ["wsgi.input"].close(); start_response("200 OK", {PLAIN}); return [b"ok"]',
        "wsgiref.validate: input.close() must not be called",
        STREAMS,
    ),
}

ASGI_BREACHES = {
    "a body before the start": (
        END,
        "the application sent http.response.body before http.response.start",
        RESPONSE_START,
    ),
    "a start twice": (
        f"{OK}; {OK}; {END}",
        "the application sent http.response.start after http.response.start",
        RESPONSE_START,
    ),
    "a body as str": (
        f'{OK}; await send({{"type": "http.response.body", "body": "ok"}})',
        "the application sent a body of type str, not bytes: 'ok'",
        RESPONSE_BODY,
    ),
    "a header as str": (
        f'await send({{"type": "http.response.start", "status": 200, "headers": [("x-a", "1")]}}); {END}',
        "the application gave a response header that is no pair of bytes: ('x-a', '1')",
        RESPONSE_START,
    ),
    "a header with a line break": (
        f'await send({{"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1\\n2")]}}); {END}',
        "the application gave a response header with a control character",
        "RFC 9110, 5.5",
    ),
    "an unknown message": (
        f'await send({{"type": "http.response.begin"}}); {OK}; {END}',
        "the application sent a message of unknown type 'http.response.begin' before http.response.start",
        ERRORS,
    ),
    "no answer": ("pass", "the application returned without an answer", RESPONSE_BODY),
    "an answer without its end": (
        f'{OK}; await send({{"type": "http.response.body", "body": b"a", "more_body": True}})',
        "the application returned without ending its answer",
        RESPONSE_BODY,
    ),
    "a body after the end": (
        f"{OK}; {END}; {END}",
        "the application sent http.response.body after the response was complete",
        RESPONSE_BODY,
    ),
    "a body after the end, and the error swallowed": (
        f"""
        {OK}
        {END}
        try:
            {END}
        except Exception:
            pass
        """,
        "the application sent http.response.body after the response was complete",
        RESPONSE_BODY,
    ),
    "a status of the wrong type": (
        f'await send({{"type": "http.response.start", "status": "200"}}); {END}',
        "the application sent http.response.start with the status '200'",
        RESPONSE_START,
    ),
    "too few bytes": (
        'await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]}); ' + END,
        "the application declared 10 bytes (Content-Length) and sent 8 less",
        "RFC 9110, 8.6",
    ),
    "receive called on and on after the end": (
        f"""
        {OK}
        {END}
        while True:
            await receive()
        """,
        "the application has called receive() 1000 times after http.disconnect",
        DISCONNECT,
    ),
}

LIFESPAN_BREACHES = {
    "a startup that is never answered": (
        "await receive(); await receive()",
        "the application did not answer lifespan.startup within 0.2 s (--timeout)",
        STARTUP,
    ),
    "an answer of another protocol": (
        f"await receive(); {OK}",
        "the application sent 'http.response.start' in its lifespan, at its startup",
        LIFESPAN,
    ),
    "a startup that failed": (
        'await receive(); await send({"type": "lifespan.startup.failed", "message": "no database"})',
        "the application's startup failed: no database; it is checked without its lifespan",
        STARTUP_FAILED,
    ),
    "a shutdown that is never answered": (
        'await receive(); await send({"type": "lifespan.startup.complete"}); await receive(); await receive()',
        "the application did not answer lifespan.shutdown within 0.2 s (--timeout)",
        SHUTDOWN,
    ),
    "a return at the shutdown": (
        'await receive(); await send({"type": "lifespan.startup.complete"}); await receive()',
        "the application returned without an answer to lifespan.shutdown",
        SHUTDOWN,
    ),
}


def check(directory: Path, source: str, *arguments: str) -> Ended:
    """What the command says of `checked:app`."""
    (directory / "checked.py").write_text(source)
    return called("check", "checked:app", *arguments, directory=directory)


def function(head: str, body: str, indent: int = 0) -> str:
    """A function's source."""
    lines = [head, *(f"    {line}" for line in dedent(body).strip().splitlines())]
    return "\n".join(f"{' ' * indent}{line}" for line in lines) + "\n"


def asgi(body: str, lifespan: str = "raise ValueError") -> str:
    """The source of an ASGI application."""
    serve = function("async def serve(scope, receive, send):", body)
    live = function("async def live(receive, send):", lifespan)
    return f"""{serve}{live}
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await live(receive, send)
    else:
        await serve(scope, receive, send)
"""


def assert_finding(found: Ended, message: str, source: str) -> None:
    """The report has a finding with this message and this source, and the command failed."""
    pattern = f"^finding: {re.escape(message)}.*\n    source: {re.escape(source)}$"
    assert re.search(pattern, found.out, re.MULTILINE), found.out
    assert (found.status, found.err) == (1, "")


@pytest.mark.parametrize("breach", WSGI_BREACHES)
def test_a_breach_of_a_wsgi_application_is_a_finding(directory: Path, breach: str) -> None:
    """W7-W9, B2: what a WSGI application breaks is told with the section that has it; the status is 1."""
    body, message, source = WSGI_BREACHES[breach]
    assert_finding(check(directory, function("def app(environ, start_response):", body)), message, source)


@pytest.mark.parametrize("breach", ASGI_BREACHES)
def test_a_breach_of_an_asgi_application_is_a_finding(directory: Path, breach: str) -> None:
    """A4, A8, B2: what an ASGI application breaks is told with the section that has it; the status is 1."""
    body, message, source = ASGI_BREACHES[breach]
    assert_finding(check(directory, asgi(body)), message, source)


@pytest.mark.parametrize("breach", LIFESPAN_BREACHES)
def test_a_breach_in_a_lifespan_is_a_finding(directory: Path, breach: str) -> None:
    """A10, B2: what a lifespan breaks is told with its section, and the requests are sent all the same."""
    lifespan, message, source = LIFESPAN_BREACHES[breach]
    found = check(directory, asgi(f"{OK}; {END}", lifespan), "--timeout", "0.2")
    assert_finding(found, message, source)
    assert "ok       GET /: 200" in found.out.splitlines()


FLASK = """
from flask import Flask, request

app = Flask(__name__)

@app.route("/", methods=["GET", "POST"])
def index():
    return str(len(request.get_data())), 204 if request.args else 200
"""

FASTAPI = """
from contextlib import asynccontextmanager
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

@asynccontextmanager
async def lifespan(app):
    yield

app = FastAPI(lifespan=lifespan)

@app.get("/")
async def index():
    return StreamingResponse(iter([b"a", b"b"]))

@app.post("/")
async def post(request: Request):
    return len(await request.body())
"""

GENERATOR = f"""
def app(environ, start_response):
    environ["wsgi.input"].read()
    start_response("200 OK", {PLAIN})
    yield b"a"
    yield b"b"
"""

DJANGO = """
from django.conf import settings
from django.core.{0} import get_{0}_application
from django.http import HttpResponse
from django.urls import path

settings.configure(ALLOWED_HOSTS=["localhost"], ROOT_URLCONF=__name__, SECRET_KEY="none")
urlpatterns = [path("", lambda request: HttpResponse(str(len(request.body))))]
app = get_{0}_application()
"""


@pytest.mark.parametrize("source", [FLASK, FASTAPI, GENERATOR], ids=["flask", "fastapi", "generator"])
def test_a_good_application_has_no_findings(directory: Path, source: str) -> None:
    """An application that keeps to its specification has no finding and no note, 404 and 405 included; status 0."""
    found = check(directory, source)
    assert (found.status, found.err) == (0, "")
    first, *lines, empty, last = found.out.splitlines()
    assert first.startswith("bridge: checked:app (")
    assert all(line.startswith("ok ") for line in lines), found.out
    assert (empty, last) == ("", f"0 findings, 0 notes, {len(lines)} probes")


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_django_has_no_findings(directory: Path, kind: str) -> None:
    """Django has no findings; that it sends header names in mixed case to ASGI servers is a note."""
    (directory / "checked.py").write_text(DJANGO.format(kind))
    found = ended("-m", "bridge", "check", "checked:app", directory=directory)
    assert (found.status, found.err) == (0, "")
    counts = found.out.splitlines()[-1]
    assert counts.startswith("0 findings, ")
    assert ("not in lower case, such as 'Content-Type'" in found.out) == (kind == "asgi")


def test_an_asgi_2_application_is_checked(directory: Path) -> None:
    """An application of ASGI's second version is called as that has it."""
    found = check(
        directory,
        f"""
class app:
    def __init__(self, scope):
        if scope["type"] != "http":
            raise ValueError
    async def __call__(self, receive, send):
        {OK}
        {END}
""",
    )
    assert (found.status, found.err) == (0, "")
    assert found.out.startswith("bridge: checked:app (type) is ASGI 2; ")
    assert "ok       GET /: 200" in found.out.splitlines()


@pytest.mark.parametrize(
    "source",
    [
        function("def app(environ, start_response):", "raise LookupError('nowhere')"),
        asgi("raise LookupError('nowhere')"),
    ],
    ids=["wsgi", "asgi"],
)
def test_an_exception_is_a_note(directory: Path, source: str) -> None:
    """What an application raises of its own is told in one line, and breaks nothing: the status is 0."""
    found = check(directory, source)
    lines = found.out.splitlines()
    assert (found.status, found.err) == (0, "")
    assert "note     POST / with a form: raised" in lines
    assert "note: raised LookupError: nowhere; the client gets 500" in lines
    assert lines[-1].startswith("0 findings, 1 note, ")


def test_an_error_after_the_answer_is_a_note(directory: Path) -> None:
    """A7, A8: a background task that fails is told beside the status, for the client has its answer."""
    found = check(directory, asgi(f"{OK}; {END}; raise LookupError('too late')"))
    lines = found.out.splitlines()
    assert (found.status, found.err) == (0, "")
    assert "note     GET /: 200" in lines
    assert "note: raised LookupError: too late; the client has its answer by then" in lines


def test_an_answer_of_500_is_a_note(directory: Path) -> None:
    """An application that answers 500 by itself keeps to its specification."""
    found = check(directory, asgi(f"{OK.replace('200', '500')}; {END}"))
    lines = found.out.splitlines()
    assert (found.status, found.err) == (0, "")
    assert "note     GET /: 500" in lines
    assert "note: answered 500" in lines


UP = 'await receive(); await send({"type": "lifespan.startup.complete"})'


@pytest.mark.parametrize(
    ("lifespan", "note"),
    [
        ("return", "the application returned without an answer to lifespan.startup; "),
        (UP, "the application left its lifespan before the shutdown, "),
        (f"{UP}; await receive(); raise LookupError('gone')", "raised LookupError: gone at the shutdown"),
        (
            f'{UP}; await receive(); await send({{"type": "lifespan.shutdown.failed"}})',
            "the application sent lifespan.shutdown.failed",
        ),
    ],
    ids=["a return at once", "a return after the startup", "an error at the shutdown", "a shutdown that failed"],
)
def test_a_lifespan_that_is_not_kept_up_is_a_note(directory: Path, lifespan: str, note: str) -> None:
    """A10: what an application does not do with its lifespan, but may leave undone, is a note; the status is 0."""
    found = check(directory, asgi(f"{OK}; {END}", lifespan))
    assert (found.status, found.err) == (0, "")
    assert f"note: {note}" in found.out
    assert found.out.splitlines()[-1].startswith("0 findings, 1 note, ")


@pytest.mark.parametrize(
    "source",
    [
        "import asyncio\n" + asgi(f"{OK}; {END}; await asyncio.sleep(60)"),
        "import time\n"
        + function(
            "def app(environ, start_response):",
            f"""
            class Body(list):
                def close(self):
                    time.sleep(0.3)
            start_response("200 OK", {PLAIN})
            return Body([b"ok"])
            """,
        ),
    ],
    ids=["a task", "a close"],
)
def test_work_after_the_answer_is_a_note(directory: Path, source: str) -> None:
    """A7: an application that goes on after its answer for longer than the limit breaks nothing."""
    found = check(directory, source, "--timeout", "0.1")
    lines = found.out.splitlines()
    assert (found.status, found.err) == (0, "")
    assert "note     GET /: 200" in lines
    assert "note: the application still ran 0.1 s (--timeout) after the request was over" in lines


def test_an_exit_is_a_note(directory: Path) -> None:
    """W13: an application that raises SystemExit ends no more than its request."""
    found = check(directory, function("def app(environ, start_response):", "raise SystemExit(3)"))
    assert found.status == 0
    assert "note: raised SystemExit: 3; the client gets 500" in found.out.splitlines()


@pytest.mark.parametrize(
    "source",
    [
        "import time\n" + function("def app(environ, start_response):", "time.sleep(60)"),
        "import asyncio\n" + asgi("await asyncio.sleep(60)"),
        "import time\n" + asgi("time.sleep(60)"),
    ],
    ids=["a thread", "a task", "the loop"],
)
def test_an_application_that_hangs_is_a_finding(directory: Path, source: str) -> None:
    """B1: a probe that is not answered in time is named, the others are tried, and the process ends."""
    (directory / "checked.py").write_text(source)
    found = ended("-m", "bridge", "check", "checked:app", "--timeout", "0.1", directory=directory)
    assert (found.status, found.err) == (1, "")
    for probe in ("GET /", "HEAD /", "GET /, twice at the same time"):
        assert f"finding  {probe}: no answer within 0.1 s" in found.out.splitlines()
    assert "finding: the application did not answer within 0.1 s (--timeout)" in found.out.splitlines()


def test_a_stream_without_an_end_is_a_note(directory: Path) -> None:
    """W18: an answer that goes on for ever is left at the time limit, and breaks nothing."""
    found = check(
        directory,
        "import time\n"
        + function(
            "def app(environ, start_response):",
            f"""
            start_response("200 OK", {PLAIN})
            while True:
                time.sleep(0.01)
                yield b"again"
            """,
        ),
        "--timeout",
        "0.1",
    )
    assert found.status == 0
    lines = found.out.splitlines()
    assert "note: the answer had not ended after 0.1 s (--timeout), and the client left" in lines
    assert "ok       GET /, whose client leaves after the first chunk: 200" in lines


def test_what_the_application_writes_is_not_in_the_report(directory: Path) -> None:
    """What an application prints and logs, at its import and later, from Python and below, spoils no line."""
    noise = 'print("noise"); logging.warning("noise"); os.write(1, b"noise"); os.write(2, b"noise")'
    (directory / "checked.py").write_text(
        f"import logging, os, sys\nlogging.basicConfig(stream=sys.stdout)\n{noise}\n"
        + function(
            "def app(environ, start_response):",
            f'{noise}; start_response("200 OK", {PLAIN}); environ["wsgi.errors"].write("noise"); return [b"ok"]',
        )
    )
    found = ended("-m", "bridge", "check", "checked:app", directory=directory)
    assert (found.status, found.err) == (0, "")
    assert "noise" not in found.out
    assert found.out.splitlines()[-1] == "0 findings, 0 notes, 8 probes"


def test_the_paths_are_those_that_were_asked_for(directory: Path) -> None:
    """Each `--path` is probed, with its query, and only these are."""
    source = function(
        "def app(environ, start_response):",
        """
        known = environ["PATH_INFO"] == "/cart" and environ["QUERY_STRING"].startswith("item=3")
        start_response("200 OK" if known else "404 Not Found", [("Content-Type", "text/plain")])
        return []
        """,
    )
    found = check(directory, source, "--path", "/cart?item=3", "--path", "/none")
    lines = found.out.splitlines()
    assert "ok       GET /cart?item=3: 200" in lines
    assert "ok       GET /cart?item=3&a=1&b=%C3%A9&a=&c: 200" in lines
    assert "ok       HEAD /none: 404" in lines
    assert not any(line.startswith("ok       GET /:") for line in lines)
    assert lines[-1] == "0 findings, 0 notes, 16 probes"


def test_a_module_that_cannot_be_imported_is_one_line(directory: Path) -> None:
    """A target that is none ends the command with one line and the status 2, as with `serve`."""
    missing = called("check", "nowhere:app", directory=directory)
    assert missing.status == 2
    assert missing.only_line == f"bridge: there is no module 'nowhere' in {directory} or elsewhere on sys.path"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--path", "cart"], "argument --path: 'cart' is not a path such as /cart?item=3"),
        (["--path", "/a b"], "argument --path: '/a b' is not a path"),
        (["--timeout", "0"], "argument --timeout: '0' is not a number of seconds above 0"),
        (["--timeout", "nan"], "argument --timeout: 'nan' is not a number of seconds above 0"),
        (["--timeout", "soon"], "argument --timeout: 'soon' is not a number of seconds above 0"),
    ],
)
def test_wrong_options_are_refused(directory: Path, arguments: list[str], complaint: str) -> None:
    """A wrong option is refused with the reason before anything is imported; the status is 2."""
    refused = called("check", "shop:application", *arguments, directory=directory)
    assert (refused.status, refused.out) == (2, "")
    assert complaint in refused.err.splitlines()[-1]


def test_the_help_has_an_example(directory: Path) -> None:
    """The help shows a command line that works as it stands but for the names."""
    told = called("check", "--help", directory=directory)
    assert told.status == 0
    assert "python -m bridge check shop.web:app --path / " in told.out


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.mark.parametrize(
    ("stream", "no_color", "has_colours"),
    [(Terminal(), "", True), (Terminal(), "1", False), (io.StringIO(), "", False)],
    ids=["a terminal", "a terminal with NO_COLOR", "a file"],
)
def test_colours_are_for_terminals(
    stream: io.StringIO, no_color: str, has_colours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report has colours on a terminal alone, and none if NO_COLOR is set."""
    monkeypatch.setenv("NO_COLOR", no_color)
    report = Report(stream)
    outcome = Outcome("GET /")
    outcome.finding("it is broken", "RFC 9110, 8.6")
    report.add(outcome)
    assert report.end()
    assert ("\033[31mfinding\033[0m: it is broken\n" in stream.getvalue()) == has_colours
    assert ("\033" in stream.getvalue()) == has_colours

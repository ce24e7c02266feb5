"""`python -m bridge serve --reload`: a file is changed, and the next answer is another."""

from __future__ import annotations

import http.client
import time
from pathlib import Path

import pytest

from tests.cli.command import ADDRESS, AT_ONCE, Running, running

WSGI = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"VERSION"]
"""

ASGI = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"VERSION"})
"""

CHANGES = 5  # that are made until one is seen
SEEN_WITHIN = 5.0  # seconds, on a busy machine


def page(address: tuple[str, int]) -> tuple[int, bytes]:
    """The status and the body of the answer to a GET."""
    connection = http.client.HTTPConnection(*address, timeout=10)
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def change(server: Running, file: Path, source: str, line: str) -> None:
    """Write a file anew until the server's output has the line that tells that it was loaded.

    Once may be too early: the process that watches may not have begun to, and nothing tells when it has.
    """
    for _ in range(CHANGES):
        # In one step: a second change would have it loaded once more, while the test goes on.
        new = file.with_suffix(".new")
        new.write_text(source)
        new.replace(file)
        try:
            server.line(line, within=SEEN_WITHIN)
        except AssertionError:
            assert server.process.poll() is None, server.rest()
        else:
            return
    raise AssertionError(f"no line {line!r} after {CHANGES} changes")


@pytest.mark.parametrize(
    ("source", "arguments", "breaks"),
    [
        (WSGI, [], True),
        (ASGI, [], False),
        (WSGI, ["--wsgi", "gunicorn"], False),
        (ASGI, ["--wsgi", "gunicorn"], True),
    ],
    ids=["WSGI on uvicorn", "ASGI on uvicorn", "WSGI on gunicorn", "ASGI on gunicorn"],
)
def test_a_changed_file_is_loaded_anew(tmp_path: Path, source: str, arguments: list[str], *, breaks: bool) -> None:
    """The answer follows the file, past a version that cannot be loaded; Ctrl-C ends all processes within a second."""
    file = tmp_path / "changing.py"
    file.write_text(source.replace("VERSION", "the first"))
    options = ["serve", "changing:app", "--port", "0", "--reload", *arguments]
    with running("-m", "bridge", *options, directory=tmp_path) as server:
        host, port = server.line(ADDRESS).groups()
        address = host, int(port)
        assert page(address) == (200, b"the first")
        if breaks:
            change(
                server, file, "raise LookupError('half')\n", "^bridge: cannot import changing: it raised LookupError"
            )
        if breaks and arguments:
            assert page(address)[0] == 500
        change(server, file, source.replace("VERSION", "the second"), "^bridge: changing:app .* is [AW]SGI; serving")
        assert page(address) == (200, b"the second")
        asked_at = time.monotonic()
        server.ctrl_c()
        assert server.process.wait(10) == 0
        assert time.monotonic() - asked_at < AT_ONCE
        output = server.rest()  # which ends when the last process has
        assert time.monotonic() - asked_at < AT_ONCE
    assert output.count("Traceback") == (1 if breaks else 0), output
    assert "bridge/cli" not in output

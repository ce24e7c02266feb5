"""examples/django_asgi_under_wsgi.py on real servers: the ORM of an async site in the WSGI server's threads."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.cli.command import ROOT, running
from tests.examples.client import BRIDGE_SAYS, GUNICORN_SAYS, connected

EXAMPLE = "examples.django_asgi_under_wsgi"


@pytest.fixture(
    scope="module",
    params=[
        (["-m", "bridge", "serve", f"{EXAMPLE}:app", "--port", "0", "--wsgi"], BRIDGE_SAYS),
        (
            [
                *["-m", "gunicorn", "--no-control-socket", "--bind", "127.0.0.1:0"],
                *["--worker-class", "gthread", "--threads", "40", f"{EXAMPLE}:wsgi"],
            ],
            GUNICORN_SAYS,
        ),
        (["examples/django_asgi_under_wsgi.py"], BRIDGE_SAYS),
    ],
    ids=["bridge serve", "gunicorn", "python file"],
)
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of the running example, with a database of its own."""
    arguments, address = request.param
    extra = {"PORT": "0", "DATABASE": str(tmp_path_factory.mktemp("database") / "notes.sqlite3")}
    with running(*arguments, directory=ROOT, extra=extra) as server, connected(server, address) as started:
        yield started


def test_notes_are_written_and_read(client: httpx.Client) -> None:
    """A1, A2: a form reaches the async view, and what it wrote is read in another request and in a stream."""
    assert client.get("/notes").json() == {"notes": []}
    for number, text in enumerate(["one", "two ä"], 1):
        answer = client.post("/notes", data={"text": text})
        assert (answer.status_code, answer.json()) == (201, {"id": number})
    assert client.get("/notes").json() == {"notes": ["one", "two ä"]}
    with client.stream("GET", "/export") as stream:
        assert list(stream.iter_lines()) == ["one", "two ä"]


def test_the_orm_runs_in_the_thread_of_the_request(client: httpx.Client) -> None:
    """A12: the view runs on bridge's loop, every ORM call of a request in the one thread that the server gave it."""
    told = client.get("/threads").json()
    assert told["view"] == "bridge-loop"
    [thread] = told["orm"]
    assert re.match(r"MainThread|Thread-|ThreadPoolExecutor", thread)


def test_a_wrong_method_and_path_are_django_s(client: httpx.Client) -> None:
    """A1: an unknown path is Django's own 404 page."""
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert "<h1>Not Found</h1>" in answer.text

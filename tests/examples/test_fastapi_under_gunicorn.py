"""examples/fastapi_under_gunicorn.py on a real gunicorn, started in each of the ways that it names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.cli.command import ROOT, running
from tests.examples.client import ANSWERS_WITHIN, BRIDGE_SAYS, GUNICORN_SAYS, connected
from tests.harness import eventually

EXAMPLE = "examples.fastapi_under_gunicorn"
GUNICORN = ["-m", "gunicorn", "--no-control-socket", "--bind", "127.0.0.1:0"]


@pytest.fixture(
    scope="module",
    params=[
        ([*GUNICORN, "--worker-class", "gthread", "--threads", "40", f"{EXAMPLE}:wsgi"], GUNICORN_SAYS),
        ([*GUNICORN, "--worker-class", "gthread", "--threads", "40", "--preload", f"{EXAMPLE}:wsgi"], GUNICORN_SAYS),
        (["examples/fastapi_under_gunicorn.py"], GUNICORN_SAYS),
        (["-m", "bridge", "serve", f"{EXAMPLE}:app", "--port", "0", "--wsgi"], BRIDGE_SAYS),
    ],
    ids=["gunicorn", "gunicorn --preload", "python file", "bridge serve"],
)
def client(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of the running example."""
    arguments, address = request.param
    with running(*arguments, directory=ROOT, extra={"PORT": "0"}) as server, connected(server, address) as started:
        yield started


def test_the_environ_is_there(client: httpx.Client) -> None:
    """A1: the application finds the server's environ in the scope."""
    assert client.get("/").json()["hello"].startswith(("gunicorn", "WSGIServer"))


@pytest.mark.parametrize("size", [0, 1000, 3_000_000])
def test_an_upload_is_streamed(client: httpx.Client, size: int) -> None:
    """A2: an upload arrives whole, of a declared length and, under gunicorn, chunked; wsgiref refuses that."""
    content = hashlib.shake_128(b"content").digest(size)
    whole = {"size": size, "sha256": hashlib.sha256(content).hexdigest()}
    assert client.put("/files", content=content).json() == whole
    chunked = client.put("/files", content=iter([content[: size // 2], content[size // 2 :]]))
    if client.get("/").json()["hello"].startswith("gunicorn"):
        assert chunked.json() == whole
    else:
        assert chunked.status_code == 411


def test_events_come_one_by_one(client: httpx.Client) -> None:
    """A5: the first event is here before the application goes on to the next one; A6: it may be left behind."""
    with client.stream("GET", "/countdown", params={"seconds": "600"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        # All events would take ten minutes.
        assert next(answer.iter_lines()) == "data: 600"
    assert client.get("/countdown", params={"seconds": "0"}).text == "data: go\n\n"


def test_a_letter_is_sent_after_the_answer(client: httpx.Client) -> None:
    """A7, A10: the background task delays no client, does its work, and uses what the lifespan made on its loop."""
    for name, seconds in (("Grace", 3), ("Ada ä", 0)):  # the server waits for Grace when it ends
        assert client.post("/letters", data={"name": name, "seconds": seconds}).json() == {"accepted": name}
    eventually(lambda: client.get("/letters").json() == ["Ada ä"], "the letter that takes no time is sent")


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["", "--preload"])
def test_the_lifespan_runs_once_in_each_worker(preload: list[str]) -> None:
    """A9, A10: with two workers, startup and shutdown run once in each that serves, and never in the master."""
    arguments = [*GUNICORN, "--workers", "2", "--threads", "4", *preload, f"{EXAMPLE}:wsgi"]
    with running(*arguments, directory=ROOT) as server, connected(server, GUNICORN_SAYS) as client:

        def both_have_opened() -> bool:
            # A connection of its own each time, so that both workers get some.
            httpx.get(client.base_url.join("/letters"), trust_env=False, timeout=ANSWERS_WITHIN)
            return len(processes("opened", server.so_far())) == 2

        eventually(both_have_opened, "both workers have served", ANSWERS_WITHIN)
        client.close()
        server.terminate()
        output = server.rest()
        assert server.process.wait(10) == 0
    opened = processes("opened", output)
    assert len(opened) == 2
    assert str(server.process.pid) not in opened
    assert sorted(processes("closed", output)) == sorted(opened)


def processes(done: str, output: str) -> list[str]:
    """The processes that told of something."""
    return re.findall(rf"{done} in process (\d+)", output)

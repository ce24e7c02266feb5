"""examples/flask_under_uvicorn.py on a real uvicorn, started in each of the ways that it names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import httpx
import pytest

from tests.examples.client import BRIDGE_SAYS, UVICORN_SAYS, client_of

EXAMPLE = "examples.flask_under_uvicorn"


@pytest.fixture(
    scope="module",
    params=[
        (["-m", "bridge", "serve", f"{EXAMPLE}:app", "--port", "0"], BRIDGE_SAYS),
        (["examples/flask_under_uvicorn.py"], UVICORN_SAYS),
        (["-m", "uvicorn", f"{EXAMPLE}:asgi", "--port", "0"], UVICORN_SAYS),
    ],
    ids=["bridge serve", "python file", "uvicorn"],
)
def client(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of the running example."""
    arguments, address = request.param
    with client_of(*arguments, address=address) as started:
        yield started


def test_the_page(client: httpx.Client) -> None:
    """README's first command: the page comes, knows its own address, and has both forms."""
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert f"Hello from {client.base_url}".rstrip("/") in answer.text
    assert 'action="/greetings"' in answer.text
    assert 'action="/files" enctype="multipart/form-data"' in answer.text


def test_a_form(client: httpx.Client) -> None:
    """README's first command: a form is posted, its text escaped."""
    answer = client.post("/greetings", data={"name": "Ada <3 ä"})
    assert (answer.status_code, answer.text) == (200, "<p>Hello, Ada &lt;3 ä!")
    assert client.post("/greetings").text == "<p>Hello, you!"


@pytest.mark.parametrize("size", [0, 65_443, 3_000_000])
def test_a_file(client: httpx.Client, size: int) -> None:
    """README's first command, W4: a file is posted and arrives whole."""
    content = hashlib.shake_128(b"content").digest(size)
    answer = client.post("/files", files={"file": ("ä.bin", content)})
    assert answer.status_code == 201
    assert answer.json() == {"name": "ä.bin", "size": size, "sha256": hashlib.sha256(content).hexdigest()}


def test_a_form_without_a_file(client: httpx.Client) -> None:
    """The example answers a client's mistake with 400 and the reason."""
    answer = client.post("/files", data={"other": "x"})
    assert answer.status_code == 400
    assert "the form has no field named file" in answer.text


def test_the_stream_comes_line_by_line(client: httpx.Client) -> None:
    """W8: the first line of the countdown is here before the application goes on to the next one."""
    with client.stream("GET", "/countdown", params={"seconds": "600"}) as answer:
        assert answer.status_code == 200
        # All lines would take ten minutes.
        assert next(answer.iter_lines()).startswith("600 for 127.0.0.1:")
    assert client.get("/countdown", params={"seconds": "0"}).text == "go\n"


def test_an_async_view(client: httpx.Client) -> None:
    """W16: the async view answers."""
    assert client.get("/sleep").text == "rested"

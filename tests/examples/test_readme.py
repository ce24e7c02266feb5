"""README tells the truth: its code runs, its commands start, its table is that of the class."""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge import AsgiToWsgi, Stats, WsgiToAsgi
from bridge.cli.interfaces import Interface, interface_of
from bridge.cli.targets import load
from tests.cli.command import ROOT
from tests.docs.asking import WITHIN, answer, ask, run, with_state, wsgi_answer

README = (ROOT / "README.md").read_text(encoding="utf-8")

BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def the_block(text: str) -> dict[str, Any]:
    """The names of the only block that has this text."""
    [block] = [block for block in BLOCKS if text in block]
    return run(block, "README.md")


def mounted(app: Any) -> WsgiToAsgi:
    """The adapter that a block mounts at /legacy: nobody ends it but the test."""
    [adapter] = [route.app for route in app.routes if route.path == "/legacy"]
    assert isinstance(adapter, WsgiToAsgi)
    return adapter


@pytest.mark.parametrize("block", BLOCKS, ids=[f"block {number}" for number in range(1, len(BLOCKS) + 1)])
def test_every_block_runs(block: str) -> None:
    """Every Python block of README runs as it stands and defines an application."""
    assert "app" in run(block, "README.md")


def test_no_block_is_missed() -> None:
    """Every fence of README is a known language, and all of its Python was found above."""
    fences = re.findall(r"^```(.+)$", README, re.MULTILINE)
    assert set(fences) == {"python", "sh"}
    assert fences.count("python") == len(BLOCKS) >= 4


def test_flask_on_uvicorn() -> None:
    """The block for uvicorn answers."""
    with the_block("asgi = WsgiToAsgi(app)")["asgi"] as asgi:
        assert answer(asgi, "/").text == "hello"


def test_flask_in_fastapi() -> None:
    """The block for FastAPI answers below the mount."""
    app = the_block('legacy.get("/orders")')["app"]
    with mounted(app):
        assert answer(app, "/legacy/orders").text == "orders"
        assert answer(app, "/orders").status_code == 404


def test_fastapi_on_gunicorn() -> None:
    """The block for gunicorn answers."""
    with the_block("wsgi = AsgiToWsgi(app)")["wsgi"] as wsgi:
        assert wsgi_answer(wsgi, "/").json() == "hello"


def test_an_mcp_server_in_flask() -> None:
    """The block for MCP in Flask answers below its mount as the MCP server, elsewhere as Flask."""
    app = the_block("MCPServer")["app"]
    with app.wsgi_app.mounts["/tools"]:
        assert wsgi_answer(app, "/tools/mcp").json()["jsonrpc"] == "2.0"
        assert wsgi_answer(app, "/mcp").headers["content-type"] == "text/html; charset=utf-8"


def test_asking_for_a_disconnect() -> None:
    """W18: the block that asks whether the client has gone answers one that has not."""
    app = the_block("bridge.disconnected")["app"]
    with WsgiToAsgi(app) as adapter:
        assert answer(adapter, "/report").json()["rows"][-1] == 999 * 999


def test_a_client_of_the_lifespan(monkeypatch: pytest.MonkeyPatch) -> None:
    """W16, W20: the block with the client made at startup uses it in the async view, on the loop that made it."""
    loops = []

    def teapot(request: httpx.Request) -> httpx.Response:
        loops.append(asyncio.get_running_loop())
        return httpx.Response(418)

    client = functools.partial(httpx.AsyncClient, transport=httpx.MockTransport(teapot))
    monkeypatch.setattr(httpx, "AsyncClient", client)
    app = the_block("asgi.state")["app"]

    async def serve() -> None:
        # What a server does: it runs the lifespan and gives each request the state.
        async with app.router.lifespan_context(app) as state, asyncio.timeout(WITHIN):
            for _ in range(2):
                assert (await ask(with_state(app, state), "/legacy/status")).json() == {"status": 418}
        assert loops == [asyncio.get_running_loop()] * 2

    with mounted(app):
        asyncio.run(serve())


@pytest.mark.parametrize(
    "command",
    [
        "pip install -e '.[serve,flask]' && .venv/bin/python -m bridge serve examples.flask_under_uvicorn:app",
        "pip install -e '.[test]' && .venv/bin/python -m pytest",
    ],
    ids=["serve", "test"],
)
def test_the_two_commands(command: str) -> None:
    """The two commands for a fresh clone stand on lines of their own, and name extras that exist."""
    assert f"python3 -m venv .venv && .venv/bin/{command}" in README.splitlines()
    [extras] = re.findall(r"'\.\[(.*)\]'", command)
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert all(re.search(rf"^{extra} = \[", pyproject, re.MULTILINE) for extra in extras.split(","))


def test_the_served_example_is_wsgi() -> None:
    """What README's first command serves is found and is a WSGI application."""
    [target] = set(re.findall(r"-m bridge serve (examples\S+)$", README, re.MULTILINE))
    assert interface_of(load(target), target) is Interface.WSGI


@pytest.mark.parametrize("adapter", [WsgiToAsgi, AsgiToWsgi])
def test_the_options_are_those_of_the_class(adapter: type) -> None:
    """The table below each class has every keyword option of it, in its order, with its default."""
    section = README.partition(f"### Options of `{adapter.__name__}`\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \|", section, re.MULTILINE)
    parameters = inspect.signature(adapter).parameters.values()
    options = [option for option in parameters if option.kind is inspect.Parameter.KEYWORD_ONLY]
    assert rows == [(option.name, repr(option.default).replace("'", '"')) for option in options]


def test_the_counts_are_those_of_stats() -> None:
    """README names what `stats()` tells."""
    [sentence] = re.findall(r"^`stats\(\)` tells ([^.]*)\.", README, re.MULTILINE)
    assert re.split(r",\s|\sand\s", sentence) == list(Stats.__dataclass_fields__)


def links() -> Iterator[str]:
    """Files that README points to."""
    yield from re.findall(r"\]\(([^):]+)\)", README)


def test_links_lead_somewhere() -> None:
    """What README links to is in the repository."""
    found = list(links())
    assert found
    assert [link for link in found if not (ROOT / Path(link)).is_file()] == []

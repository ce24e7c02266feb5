"""examples/mcp_in_flask.py on a real waitress, asked by a real MCP client and a browser's requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from mcp import Client

from tests.examples.client import WAITRESS_SAYS, client_of

WITHIN = 20.0


@pytest.fixture(
    scope="module",
    params=[
        ["examples/mcp_in_flask.py"],
        ["-m", "waitress", "--listen", "127.0.0.1:0", "--threads", "40", "examples.mcp_in_flask:app"],
    ],
    ids=["python file", "waitress"],
)
def site(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of the running example."""
    with client_of(*request.param, address=WAITRESS_SAYS) as started:
        yield started


@pytest.fixture(params=["legacy", "auto"])
def mode(request: pytest.FixtureRequest) -> str:
    """Sessions that begin with a handshake and keep a stream open, and the newer requests without."""
    mode: str = request.param
    return mode


def with_client(site: httpx.Client, mode: str, use: Callable[[Client], Awaitable[Any]]) -> Any:
    """What a use of an MCP client returns."""

    async def run() -> Any:
        async with asyncio.timeout(WITHIN), Client(str(site.base_url.join("/tools/mcp")), mode=mode) as client:
            return await use(client)

    return asyncio.run(run())


def test_both_sides_know_the_same_orders(site: httpx.Client, mode: str) -> None:
    """A1, A10: what a visitor orders in Flask a model sees over MCP, and the other way round."""
    assert site.post("/orders", data={"item": f"tea {mode}"}).status_code == 302
    assert f"tea {mode}" in site.get("/").json()["orders"]
    steps = []

    async def use(client: Client) -> tuple[list[str], Any, str]:
        async def hear(progress: float, total: float | None, message: str | None) -> None:
            steps.append((progress, total, message))

        names = sorted(tool.name for tool in (await client.list_tools()).tools)
        listed = await client.call_tool("list_orders", {})
        prepared = await client.call_tool("prepare", {"item": f"tea {mode}"}, progress_callback=hear)
        return names, listed.structured_content, prepared.content[0].text  # type: ignore[union-attr]

    names, listed, prepared = with_client(site, mode, use)
    assert names == ["list_orders", "prepare"]
    assert f"tea {mode}" in listed["result"]
    assert prepared == f"tea {mode} is on its way"
    assert steps == [(1, 3, "found"), (2, 3, "packed"), (3, 3, "sent")]
    assert f"tea {mode}" not in site.get("/").json()["orders"]


def test_many_clients_at_once(site: httpx.Client, mode: str) -> None:
    """B1: ten clients with sessions of their own work side by side, and the site answers as before."""

    async def one(client: Client) -> int:
        return len((await client.list_tools()).tools)

    async def all_of_them() -> list[int]:
        async def run() -> int:
            async with Client(str(site.base_url.join("/tools/mcp")), mode=mode) as client:
                return await one(client)

        async with asyncio.timeout(WITHIN):
            return await asyncio.gather(*[run() for _ in range(10)])

    assert asyncio.run(all_of_them()) == [2] * 10
    assert site.get("/").status_code == 200


def test_the_mount_is_the_mcp_server_s_alone(site: httpx.Client) -> None:
    """A1: unknown paths below the mount are the MCP server's 404, beside it Flask's."""
    assert site.get("/tools/nowhere").text == "Not Found"
    assert site.get("/toolsmith").headers["content-type"] == "text/html; charset=utf-8"

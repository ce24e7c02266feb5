"""Async views of WSGI frameworks run on the server's own event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import httpx
import pytest
from flask import Flask, request
from flask.typing import ResponseReturnValue

from bridge import WsgiToAsgi
from tests.frameworks import django_site
from tests.frameworks.law import HOST

WITHIN = 20.0

pytestmark = pytest.mark.usefixtures("django")

View = Callable[[], Awaitable[str]]


def flask_with(view: View) -> WsgiToAsgi:
    """A Flask application whose only view is that one."""
    site = Flask("site")
    site.config["PROPAGATE_EXCEPTIONS"] = True

    @site.get("/")
    async def only() -> ResponseReturnValue:
        assert request.path == "/"
        return await view()

    return WsgiToAsgi(site)


def django_with(view: View) -> WsgiToAsgi:
    """Django, with that view at the root."""
    return WsgiToAsgi(django_site.make_site(async_view=view))


each_framework = pytest.mark.parametrize("serve", [flask_with, django_with], ids=["flask", "django"])


def run(
    serve: Callable[[View], WsgiToAsgi], view: View, conversation: Callable[[httpx.AsyncClient], Awaitable[None]]
) -> None:
    """Hold a conversation with an application in a new loop."""

    async def hold() -> None:
        transport = httpx.ASGITransport(adapter)
        async with (
            asyncio.timeout(WITHIN),
            httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client,
        ):
            await conversation(client)

    with serve(view) as adapter:
        asyncio.run(hold())


@each_framework
def test_the_loop_is_the_server_s(serve: Callable[[View], WsgiToAsgi]) -> None:
    """W16: an async view sees the loop, and the thread, in which the server called the adapter; so does the next."""
    seen = []

    async def view() -> str:
        seen.append((asyncio.get_running_loop(), threading.get_ident()))
        return "seen"

    async def conversation(client: httpx.AsyncClient) -> None:
        for _ in range(3):
            assert (await client.get("/")).text == "seen"
        assert seen == [(asyncio.get_running_loop(), threading.get_ident())] * 3

    run(serve, view, conversation)


@each_framework
def test_a_view_may_await_what_belongs_to_the_loop(serve: Callable[[View], WsgiToAsgi]) -> None:
    """W16: a view waits for an event of the server's loop that is set while it waits."""
    began, gate = asyncio.Event(), asyncio.Event()

    async def view() -> str:
        began.set()
        await gate.wait()
        return "through"

    async def conversation(client: httpx.AsyncClient) -> None:
        asking = asyncio.ensure_future(client.get("/"))
        await began.wait()
        assert not asking.done()
        gate.set()
        assert (await asking).text == "through"

    run(serve, view, conversation)


@each_framework
def test_views_meet_on_the_loop(serve: Callable[[View], WsgiToAsgi]) -> None:
    """W16: async views of several requests are tasks of one loop, which meet at a barrier of that loop."""
    count = 5
    barrier = asyncio.Barrier(count)

    async def view() -> str:
        await barrier.wait()
        return "met"

    async def conversation(client: httpx.AsyncClient) -> None:
        answers = await asyncio.gather(*(client.get("/") for _ in range(count)))
        assert [answer.text for answer in answers] == ["met"] * count

    run(serve, view, conversation)


@each_framework
def test_a_client_made_at_startup_is_used_in_a_view(serve: Callable[[View], WsgiToAsgi]) -> None:
    """W16: an `httpx.AsyncClient` of the loop keeps its connection from one view to the next."""
    connections = 0
    closed = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while await reader.readline():
            while await reader.readline() not in {b"\r\n", b""}:
                pass
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
        writer.close()
        await writer.wait_closed()
        closed.set()

    outside: httpx.AsyncClient
    address = ""

    async def view() -> str:
        return (await outside.get(address)).text

    async def conversation(client: httpx.AsyncClient) -> None:
        nonlocal outside, address
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            address = f"http://{host}:{port}/"
            async with httpx.AsyncClient(trust_env=False) as outside:
                for _ in range(3):
                    assert (await client.get("/")).text == "ok"
            await closed.wait()
        assert connections == 1

    run(serve, view, conversation)

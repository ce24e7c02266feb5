"""Flask below Starlette's and FastAPI's mounts."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from flask import Flask, request
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from bridge import WsgiToAsgi
from tests.frameworks.bodies import form, upload
from tests.frameworks.content import CONTENT
from tests.frameworks.flask_site import make_site
from tests.frameworks.law import Around, ask, get, head, same, visit

WITHIN = 20.0


def in_starlette(adapter: WsgiToAsgi) -> Any:
    """One mount of Starlette."""
    return Starlette(routes=[Mount("/legacy", adapter)])


def in_fastapi(adapter: WsgiToAsgi) -> Any:
    """One mount of FastAPI."""
    app = FastAPI()
    app.mount("/legacy", adapter)
    return app


def three_deep(adapter: WsgiToAsgi) -> Any:
    """Mounts in mounts, one with a parameter."""
    inner = Starlette(routes=[Mount("/inner", adapter)])
    middle = FastAPI()
    middle.mount("/{tenant}", inner)
    outer = FastAPI()
    outer.mount("/outer", middle)
    return outer


def with_letters(adapter: WsgiToAsgi) -> Any:
    """A mount beyond ASCII."""
    return Starlette(routes=[Mount("/café", adapter)])


def below_middleware(adapter: WsgiToAsgi) -> Any:
    """Starlette's two kinds of middleware around the mount."""

    async def dispatch(
        request: StarletteRequest, call_next: Callable[[StarletteRequest], Awaitable[Response]]
    ) -> Response:
        return await call_next(request)

    return Starlette(routes=[Mount("/legacy", adapter)], middleware=[Middleware(BaseHTTPMiddleware, dispatch=dispatch)])


MOUNTS: list[tuple[str, Around]] = [
    ("/legacy", in_starlette),
    ("/legacy", in_fastapi),
    ("/outer/ada/inner", three_deep),
    ("/café", with_letters),
    ("/legacy", below_middleware),
]


@pytest.mark.parametrize(("mount", "around"), MOUNTS, ids=[around.__name__ for _, around in MOUNTS])
def test_a_mounted_application_is_the_same(tmp_path: Path, mount: str, around: Around) -> None:
    """Law, W2: below a mount, nested ones too, Flask answers what it answers natively with that SCRIPT_NAME."""
    requests = [
        get("/"),
        get("/where/caf%C3%A9?a=1"),
        get("/where/a%2Fb"),
        get("/where/%FF"),
        get("/environ"),
        get("/stream?name=Ada"),
        get("/async?name=Ada"),
        get("/folder?x=1"),
        get("/file", Range="bytes=5-9"),
        head("/file"),
        form("/login", user="Ada"),
        get("/"),
        upload("/upload", {"name": "Ada"}, {"one": ("a.bin", CONTENT * 2)}),
        get("/nowhere"),
        get("/boom"),
    ]
    answers = same(lambda: make_site(tmp_path), visit(*requests), mount=mount, around=around)
    assert [answer.status for answer in answers] == [200] * 7 + [308, 206, 200, 302, 200, 200, 404, 500]
    assert json.loads(answers[4].body)["SCRIPT_NAME"] == mount.encode().decode("latin-1")


def places(around: Around, *targets: str) -> list[tuple[str, str] | int]:
    """SCRIPT_NAME and PATH_INFO, or the status of what is no 200, for each target."""
    site = Flask("site")

    @site.route("/", defaults={"rest": ""})
    @site.route("/<path:rest>")
    def place(rest: str) -> list[str]:
        return [request.environ["SCRIPT_NAME"], request.environ["PATH_INFO"]]

    async def converse() -> list[tuple[str, str] | int]:
        async with asyncio.timeout(WITHIN):
            answers = [await ask(app, get(target)) for target in targets]
        return [tuple(json.loads(answer.body)) if answer.status == 200 else answer.status for answer in answers]

    with WsgiToAsgi(site) as adapter:
        app = around(adapter)
        return asyncio.run(converse())


def test_neighbours_of_a_mount_are_not_cut() -> None:
    """W2: `/legacyish` is not below the mount `/legacy`, and below it `/legacy/legacy` is cut once."""
    found = places(in_starlette, "/legacy/", "/legacy", "/legacyish", "/legacy/legacy", "/legacy/legacy/legacyish")
    assert found == [
        ("/legacy", "/"),
        307,
        404,
        ("/legacy", "/legacy"),
        ("/legacy", "/legacy/legacyish"),
    ]


def test_a_mount_at_the_root() -> None:
    """W2: a mount at `/` leaves the path whole and SCRIPT_NAME empty, and routes before it win."""

    async def new(request: StarletteRequest) -> Response:
        return PlainTextResponse("new", 202)

    def at_the_root(adapter: WsgiToAsgi) -> Any:
        return Starlette(routes=[Route("/new", new), Mount("/", adapter)])

    assert places(at_the_root, "/", "/a/b", "/new", "/newer") == [("", "/"), ("", "/a/b"), 202, ("", "/newer")]


def behind_a_proxy(adapter: WsgiToAsgi) -> Any:
    """What a proxy serves below `/proxy`, as FastAPI is told."""
    # Newer versions of FastAPI advise against it.
    with warnings.catch_warnings(action="ignore"):
        app = FastAPI(root_path="/proxy")
    app.mount("/legacy", adapter)
    return app


def test_a_root_path_of_fastapi() -> None:
    """W2: with `FastAPI(root_path=)` the mount is found whether the proxy passes its prefix on or cuts it off."""
    assert places(behind_a_proxy, "/proxy/legacy/a/b", "/legacy/a/b") == [("/proxy/legacy", "/a/b")] * 2


def behind_a_server(root_path: str, around: Around) -> Around:
    """The same with a server that is started with that `--root-path`."""

    def outermost(adapter: WsgiToAsgi) -> Any:
        inner = around(adapter)

        async def server(scope: Any, receive: Any, send: Any) -> None:
            await inner({**scope, "root_path": root_path}, receive, send)

        return server

    return outermost


def test_a_root_path_of_the_server() -> None:
    """W2: with a server's `--root-path` the mount is found whether or not the server puts that into the path."""
    found = places(behind_a_server("/proxy", in_starlette), "/proxy/legacy/a/b", "/legacy/a/b")
    assert found == [("/proxy/legacy", "/a/b")] * 2


@pytest.mark.parametrize("root_path", ["/proxy", "/proxy/"])
def test_a_root_path_without_a_mount(root_path: str) -> None:
    """W2: served by itself below `--root-path`, with a trailing slash in that too, the application finds its place."""
    found = places(behind_a_server(root_path, lambda adapter: adapter), "/proxy/a/b", "/a/b", "/proxying", "/proxy/")
    assert found == [("/proxy", "/a/b"), ("/proxy", "/a/b"), ("/proxy", "/proxying"), ("/proxy", "/")]


def test_gzip_of_outer_middleware(tmp_path: Path) -> None:
    """Starlette's GZipMiddleware compresses what the adapter answers, streamed and not, and passes on what is small."""

    def compressed(adapter: WsgiToAsgi) -> Any:
        return GZipMiddleware(adapter)

    async def converse() -> None:
        async with asyncio.timeout(WITHIN):
            for target, encoding in {"/numbers": "gzip", "/stream?name=x": "gzip", "/": None}.items():
                answer = await ask(app, get(target, Accept_Encoding="gzip"))
                assert answer.status == 200
                assert answer.all("content-encoding") == ([encoding] if encoding else [])

    with WsgiToAsgi(make_site(tmp_path)) as adapter:
        app = compressed(adapter)
        asyncio.run(converse())

"""W2: under Starlette's and FastAPI's mounts, as their users meet them."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import Host, Mount

from tests.conformance.adapting import adapt
from tests.conformance.applications import PLAIN
from tests.harness import run

# FastAPI would rather have the root path from the server, but users have it in their code.
pytestmark = pytest.mark.filterwarnings("ignore:.*root_path.*")


def where(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer with the place that the application believes to be at."""
    body = environ["wsgi.input"].read(-1).decode()
    start_response("200 OK", list(PLAIN))
    return [json.dumps([environ["SCRIPT_NAME"], environ["PATH_INFO"], environ["RAW_URI"], body]).encode()]


def ask(app: Any, path: str, root_path: str = "", body: str = "") -> list[str]:
    """Return SCRIPT_NAME, PATH_INFO, RAW_URI and the body, as seen through an ASGI application."""

    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(app, root_path=root_path)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            return await client.post(path, content=body)

    response = run(main)
    assert response.status_code == 200, response.text
    answer: list[str] = response.json()
    return answer


@pytest.mark.parametrize("framework", [Starlette, FastAPI])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/legacy/x/y", "/x/y"),
        ("/legacy/", "/"),
        ("/legacy/legacy/x", "/legacy/x"),
        ("/legacy/caf%C3%A9", "/caf\xc3\xa9"),
        ("/legacy/a%2Fb", "/a/b"),
        ("/legacy/%FF", "/\xff"),
        ("/legacy//x", "//x"),
    ],
)
def test_mount(framework: Any, path: str, expected: str) -> None:
    """W2: right under a mount of Starlette and of FastAPI."""
    app = framework()
    app.mount("/legacy", adapt(where))
    assert ask(app, path, body="b") == ["/legacy", expected, path, "b"]


def test_mounts_nested() -> None:
    """W2: right two and three mounts deep."""
    adapter = adapt(where)
    app = Starlette(routes=[Mount("/a", routes=[Mount("/b", adapter), Mount("/c", routes=[Mount("/d", adapter)])])])
    assert ask(app, "/a/b/x")[:2] == ["/a/b", "/x"]
    assert ask(app, "/a/c/d/x")[:2] == ["/a/c/d", "/x"]


def test_sub_application_of_fastapi() -> None:
    """W2: right under a FastAPI application that is mounted in another."""
    inner, outer = FastAPI(), FastAPI()
    inner.mount("/legacy", adapt(where))
    outer.mount("/inner", inner)
    assert ask(outer, "/inner/legacy/x")[:2] == ["/inner/legacy", "/x"]


@pytest.mark.parametrize("path", ["/legacy/x", "/api/legacy/x"])
def test_root_path_of_fastapi(path: str) -> None:
    """W2: right with FastAPI(root_path=), whether or not the proxy left the prefix in the path."""
    app = FastAPI(root_path="/api")
    app.mount("/legacy", adapt(where))
    assert ask(app, path)[:2] == ["/api/legacy", "/x"]


def test_root_path_of_fastapi_nested() -> None:
    """W2: right two mounts under FastAPI(root_path=); without the prefix in the path Starlette itself finds nothing."""
    inner, outer = FastAPI(), FastAPI(root_path="/api")
    inner.mount("/legacy", adapt(where))
    outer.mount("/inner", inner)
    assert ask(outer, "/api/inner/legacy/x")[:2] == ["/api/inner/legacy", "/x"]


def test_root_path_of_the_server() -> None:
    """W2: right with --root-path, where the server puts it into the path."""
    app = Starlette()
    app.mount("/legacy", adapt(where))
    assert ask(app, "/api/legacy/x", root_path="/api")[:2] == ["/api/legacy", "/x"]


def test_root_path_that_the_server_leaves_out() -> None:
    """W2: right with a root path that the server does not put into the path."""
    app = Starlette()
    app.mount("/legacy", adapt(where))
    assert ask(app, "/legacy/x", root_path="/api")[:2] == ["/api/legacy", "/x"]
    assert ask(app, "/legacy/%FF", root_path="/api")[:2] == ["/api/legacy", "/\xff"]


def test_other_routing() -> None:
    """W2: a mount by host, and one whose name is no ASCII."""
    app = Starlette(routes=[Host("testserver", Mount("/caf\xe9", adapt(where)))])
    assert ask(app, "/caf%C3%A9/x")[:2] == ["/caf\xc3\xa9", "/x"]


def test_not_beside_the_mount() -> None:
    """W2: a path that only begins like the mount never reaches the application."""
    app = Starlette()
    app.mount("/legacy", adapt(where))
    with pytest.raises(AssertionError, match="Not Found"):
        ask(app, "/legacyx")


def test_under_middleware_that_wraps_receive_and_send() -> None:
    """W2: right under Starlette's BaseHTTPMiddleware, which puts its own streams around the application."""

    async def dispatch(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    app = Starlette(routes=[Mount("/legacy", adapt(where))])
    app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
    assert ask(app, "/legacy/x", body="b" * 100_000)[3] == "b" * 100_000

"""The two runs of a suite, made of a few tests that are written here: the runner notices what it is there for."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from tests.suites.__main__ import problems
from tests.suites.frameworks import Framework
from tests.suites.running import Run, run_tests

TESTS = """
    import sys

    import anyio
    import httpx
    import pytest
    from asgiref.testing import ApplicationCommunicator
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route, WebSocketRoute
    from starlette.testclient import TestClient
    from werkzeug.test import Client

    # ---- WSGI: five requests

    def wsgi(environ, start_response):
        if environ["PATH_INFO"] == "/error":
            raise LookupError("nobody there")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"through the adapters" if "bridge.disconnected" in environ else b"as it is"]

    def test_wsgi():
        assert Client(wsgi).get("/").status_code == 200

    def test_wsgi_error():
        with pytest.raises(LookupError, match="nobody there"):
            Client(wsgi).get("/error")

    def test_wsgi_only_without():
        assert Client(wsgi).get("/").data == b"as it is"

    def test_never():
        assert Client(wsgi).get("/").status_code == 418

    @pytest.fixture
    def late():
        yield
        assert Client(wsgi).get("/").data == b"as it is"

    def test_only_without_at_its_end(late):
        pass

    def test_skipped():
        pytest.skip("no such thing here")

    # ---- ASGI: four requests, and a lifespan and a websocket, which go nowhere but to the application

    async def answer(request):
        frame = sys._getframe()
        while frame is not None and not frame.f_globals["__name__"].startswith("bridge."):
            frame = frame.f_back
        return PlainTextResponse("as it is" if frame is None else "through the adapters")

    async def talk(websocket):
        await websocket.accept()
        await websocket.close()

    asgi = Starlette(routes=[Route("/", answer), WebSocketRoute("/talk", talk)])

    def test_asgi():
        assert TestClient(asgi).get("/").status_code == 200

    def test_started_and_websocket():
        with TestClient(asgi) as client, client.websocket_connect("/talk") as websocket:
            assert websocket.receive()["type"] == "websocket.close"

    def test_asgi_only_without():
        assert TestClient(asgi).get("/").text == "as it is"

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=asgi), base_url="http://it") as client:
            return await client.get("/")

    def test_asgi_only_without_by_httpx():
        assert anyio.run(ask).text == "as it is"

    async def communicate():
        scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
        client = ApplicationCommunicator(application=asgi, scope=scope)
        await client.send_input({"type": "http.request"})
        await client.receive_output()
        return (await client.receive_output())["body"]

    def test_asgi_only_without_by_asgiref():
        assert anyio.run(communicate) == b"as it is"
"""

TOY = Framework("toy", "1.0", requirements=(), passing=9, requests=9)


def run(folder: Path, tests: str, *, bridged: bool) -> Run:
    """Run tests of a source distribution that is made of them."""
    source = folder / "source"
    source.mkdir(exist_ok=True)
    (source / "pytest.ini").write_text("[pytest]\n")
    (source / "test_it.py").write_text(dedent(tests))
    return run_tests(Path(sys.executable), source, ["test_it.py"], folder / f"bridged-{bridged}", bridged=bridged)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """Both runs of the tests above."""
    folder = tmp_path_factory.mktemp("suite")
    return run(folder, TESTS, bridged=False), run(folder, TESTS, bridged=True)


def test_requests_go_through_the_adapters(runs: tuple[Run, Run]) -> None:
    """The law: what test clients call went through both adapters in the second run, and in that one only."""
    native, bridged = runs
    assert native.outcomes["test_it.py::test_never"] == "failed"
    assert native.outcomes["test_it.py::test_skipped"] == "skipped"
    assert (native.requests, bridged.requests) == (0, 9), bridged.printed
    assert problems(TOY, native, bridged) == [
        f"passes without the adapters, and fails with them: test_it.py::{test}"
        for test in (
            "test_asgi_only_without",
            "test_asgi_only_without_by_asgiref",
            "test_asgi_only_without_by_httpx",
            "test_only_without_at_its_end",
            "test_wsgi_only_without",
        )
    ]


def test_too_little_was_compared(runs: tuple[Run, Run]) -> None:
    """The law: a comparison of nothing is a failure, whether tests are missing or the adapters were not used."""
    few_tests, few_requests, *_ = problems(replace(TOY, passing=10, requests=10), *runs)
    assert few_tests == "9 tests pass without the adapters, and should be 10 or more"
    assert few_requests == "9 requests went through the adapters, and should be 10 or more"


def test_a_run_that_breaks_off(tmp_path: Path) -> None:
    """The law: tests that end their process have not passed, and are told of."""
    native = Run({"test_it.py::test_one": "passed", "test_it.py::test_two": "passed"}, is_whole=True)
    broken = run(tmp_path, "import os\ndef test_one(): pass\ndef test_two(): os._exit(0)", bridged=True)
    assert problems(replace(TOY, passing=2, requests=0), native, broken) == [
        "the run with the adapters broke off",
        "passes without the adapters, and does not run with them: test_it.py::test_two",
    ]

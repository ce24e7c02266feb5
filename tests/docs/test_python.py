"""The Python of docs/ runs as it stands, and what it makes answers."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from bridge import AsgiToWsgi, WsgiToAsgi
from tests.cli.command import ended, running
from tests.docs.asking import WITHIN, answer, ask, with_state, wsgi_answer
from tests.docs.pages import Block, of
from tests.examples.client import GUNICORN_SAYS, connected


@dataclass(frozen=True)
class Asked:
    """A request to what a block has made, and what the answer's body has to hold."""

    name: str
    target: str
    body: str
    method: str = "GET"
    content: bytes = b""


_ASGI = [Asked("asgi", "/", "hello")]
_WSGI = [Asked("wsgi", "/", '"hello"')]
_APPLICATION = [Asked("application", "/", '"hello"')]

ANSWERS: dict[tuple[str, str], list[Asked]] = {
    ("index.md", "hello.py"): _ASGI,
    ("index.md", "greetings.py"): _WSGI,
    ("tutorial.md", "shop.py"): [Asked("asgi", "/orders", '{"orders":["tea"]}')],
    ("tutorial.md", "main.py"): [Asked("app", "/prices", '{"tea":3}'), Asked("app", "/orders", '{"orders":["tea"]}')],
    ("tutorial.md", "deploy.py"): [Asked("wsgi", "/prices", '{"tea":3}'), Asked("wsgi", "/orders", "tea")],
    ("threads.md", "shop.py"): [Asked("app", "/legacy/orders", "orders"), Asked("app", "/stats", '"completed":')],
    ("streaming.md", "reports.py"): [
        Asked("asgi", "/uploads", '{"size":7}', "POST", b"content"),
        Asked("asgi", "/report", "closed also for a client that leaves"),
    ],
    ("streaming.md", "events.py"): [
        Asked("wsgi", "/events?count=1", "data: 0\n\n"),
        Asked("wsgi", "/files", '{"size":7}', "PUT", b"content"),
    ],
    ("context-and-async.md", "traced.py"): [Asked("app", "/legacy/trace", "abc123")],
    ("context-and-async.md", "with_state.py"): [Asked("app", "/legacy/prices", '{"tea":3}')],
    ("operations.md", "slow.py"): _ASGI,
    ("operations.md", "metrics.py"): [*_WSGI, Asked("wsgi", "/metrics", 'bridge_requests_total{adapter="shop"')],
    ("servers/uvicorn.md", "shop.py"): _ASGI,
    ("servers/hypercorn.md", "shop.py"): _ASGI,
    ("servers/granian.md", "shop.py"): [*_ASGI, *_WSGI],
    ("servers/daphne.md", "shop.py"): _ASGI,
    ("servers/gunicorn.md", "api.py"): _WSGI,
    ("servers/gunicorn.md", "shop.py"): _ASGI,
    ("servers/waitress.md", "api.py"): _WSGI,
    ("servers/uwsgi.md", "api.py"): _WSGI,
    ("servers/mod_wsgi.md", "api.py"): _APPLICATION,
    ("servers/passenger.md", "passenger_wsgi.py"): _APPLICATION,
    ("servers/pythonanywhere.md", "wsgi.py"): _APPLICATION,
    ("servers/processes.md", "shop.py"): [Asked("app", "/", "hello")],
    ("security.md", "guarded.py"): [
        Asked("asgi", "/", '{"size":7}', "POST", b"content"),
        Asked("asgi", "/", "413", "POST", b"x" * 1_000_001),
    ],
    ("migration.md", "from_a2wsgi.py"): [*_ASGI, *_WSGI],
    ("migration.md", "from_starlette.py"): [Asked("app", "/legacy/orders", "orders")],
    ("migration.md", "from_asgiref.py"): _ASGI,
    ("operations.md", "shop.py"): [Asked("app", "/", "hello"), Asked("api", "/", '"hello"')],
}
"""By page and title of a block."""

ELSEWHERE = {
    ("django.md", "mysite/asgi.py"),
    ("django.md", "mysite/wsgi.py"),
    ("servers/gunicorn.md", "gunicorn.conf.py"),
    ("servers/gunicorn.md", "gunicorn_gevent.conf.py"),
    ("servers/pythonanywhere.md", "threads_wsgi.py"),
    ("operations.md", "logs.py"),
    ("troubleshooting.md", ""),  # tests/test_troubleshooting.py
}
"""Blocks that have a test of their own: they need a process for themselves."""

Reader = Callable[[str], Path]


def test_no_block_is_missed() -> None:
    """Every Python block of docs/ is run by a test, and is asked where it makes an application."""
    found = [(block.page, block.title) for block in of("python")]
    assert len(found) == len(set(found))
    assert set(found) == ANSWERS.keys() | ELSEWHERE


@contextmanager
def ending(module: ModuleType) -> Iterator[None]:
    """End the adapters of a module, mounted ones too."""
    try:
        yield
    finally:
        found = list(vars(module).values())
        found += [getattr(route, "app", None) for app in found if isinstance(app, FastAPI) for route in app.routes]
        for adapter in found:
            if isinstance(adapter, (WsgiToAsgi, AsgiToWsgi)):
                adapter.close()


async def in_lifespan(app: FastAPI, asked: Asked) -> httpx.Response:
    """What FastAPI answers on a server that runs its lifespan."""
    async with app.router.lifespan_context(app) as state, asyncio.timeout(WITHIN):
        return await ask(with_state(app, state), asked.target, asked.method, asked.content)


def response(application: Any, asked: Asked) -> httpx.Response:
    """What an application of either kind answers."""
    if isinstance(application, FastAPI):
        return asyncio.run(in_lifespan(application, asked))
    by = answer if isinstance(application, WsgiToAsgi) else wsgi_answer
    return by(application, asked.target, asked.method, asked.content)


@pytest.mark.parametrize("block", [block for block in of("python") if (block.page, block.title) in ANSWERS], ids=str)
def test_what_it_makes_answers(block: Block, reader: Reader) -> None:
    """A Python block of docs/, as the file that it names, makes an application that answers."""
    reader(block.page)
    module = importlib.import_module(block.title.removesuffix(".py"))
    with ending(module):
        for asked in ANSWERS[block.page, block.title]:
            assert asked.body in response(getattr(module, asked.name), asked).text


_ASK_DJANGO = """
import pathlib
from tests.docs.asking import answer, wsgi_answer
from bridge import WsgiToAsgi
pathlib.Path("mysite/urls.py").write_text(
    "from django.http import HttpResponse\\n"
    "from django.urls import path\\n"
    "async def view(request):\\n"
    "    return HttpResponse('from Django')\\n"
    "urlpatterns = [path('', view)]\\n"
)
import mysite.settings
mysite.settings.ALLOWED_HOSTS = ["localhost"]
import mysite.asgi, mysite.wsgi
with mysite.asgi.application as asgi, mysite.wsgi.application as wsgi:
    assert isinstance(asgi, WsgiToAsgi)
    print(answer(asgi, "/").text, wsgi_answer(wsgi, "/").text, sep="; ")
"""


def test_django(reader: Reader) -> None:
    """The two files for Django take the place of those that `startproject` makes, and both answer."""
    directory = reader("servers/uvicorn.md")
    made = ended("-m", "django", "startproject", "mysite", ".", directory=directory)
    assert made.status == 0, made.err
    reader("django.md")
    asked = ended("-c", _ASK_DJANGO, directory=directory)
    assert asked.out == "from Django; from Django\n", asked.err


def test_gunicorns_configuration(reader: Reader) -> None:
    """gunicorn serves by the file that the page shows, with the startup run in the worker's own start."""
    directory = reader("servers/gunicorn.md")
    arguments = ["-m", "gunicorn", "--no-control-socket", "--config", "gunicorn.conf.py", "--bind", "127.0.0.1:0"]
    with running(*arguments, directory=directory) as server, connected(server, GUNICORN_SAYS) as client:
        assert client.get("/").json() == "hello"


def test_gunicorns_configuration_for_gevent(reader: Reader) -> None:
    """gunicorn accepts the file for gevent, which it loads before the application."""
    directory = reader("servers/gunicorn.md")
    checked = ended("-m", "gunicorn", "--check-config", "--config", "gunicorn_gevent.conf.py", directory=directory)
    assert checked.status == 0, checked.err


_ASK_TWICE = """
import time
from tests.docs.asking import wsgi_answer
import threads_wsgi
before = wsgi_answer(threads_wsgi.application, "/").text
until = time.monotonic() + 10
while wsgi_answer(threads_wsgi.application, "/").text == before:
    assert time.monotonic() < until
    time.sleep(0.02)
print("grows")
"""


def test_whether_threads_run(reader: Reader) -> None:
    """The page that tells whether threads run says so here, where they do."""
    asked = ended("-c", _ASK_TWICE, directory=reader("servers/pythonanywhere.md"))
    assert asked.out == "grows\n", asked.err


def test_logging(reader: Reader) -> None:
    """B3: with the configuration of the page a warning of bridge's comes out once, on the standard error."""
    program = "import logging, logs; logging.getLogger('bridge').warning('bridge: told')"
    told = ended("-c", program, directory=reader("operations.md"))
    assert told.err.endswith(" WARNING [bridge] bridge: told\n")
    assert told.err.count("told") == 1

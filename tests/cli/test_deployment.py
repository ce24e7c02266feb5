"""``bridge.asgi`` and ``bridge.wsgi``: an application and its adapter by environment variables alone."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bridge import AsgiToWsgi, UsageError, WsgiToAsgi
from bridge.deployment import OF_ASGI_TO_WSGI, OF_WSGI_TO_ASGI, asgi_application, wsgi_application
from bridge.handoff.workers import WorkerPool
from tests.cli.command import running
from tests.examples.client import GUNICORN_SAYS, UVICORN_SAYS, connected

SHOP = {"BRIDGE_APP": "shop:application"}
CAFE = {"BRIDGE_APP": "cafe:application"}


@pytest.fixture
def here(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the applications, as the working directory; what is imported from it is forgotten again."""
    monkeypatch.chdir(directory)
    monkeypatch.syspath_prepend(directory)
    for module in ("shop", "cafe"):
        monkeypatch.setitem(sys.modules, module, None)
        monkeypatch.delitem(sys.modules, module)
    return directory


@pytest.mark.parametrize(
    ("adapter", "readers", "objects"),
    [(WsgiToAsgi, OF_WSGI_TO_ASGI, {"executor"}), (AsgiToWsgi, OF_ASGI_TO_WSGI, {"loop"})],
)
def test_every_option_can_be_set(
    adapter: type[Any], readers: Mapping[str, Callable[[str], Any]], objects: set[str]
) -> None:
    """An option that an adapter gains is one of the environment's too, unless it is an object."""
    options = {
        name
        for name, parameter in inspect.signature(adapter).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    assert readers.keys() == options - objects
    assert objects < options


@pytest.mark.usefixtures("here")
def test_a_wsgi_application_for_an_asgi_server() -> None:
    """A WSGI application comes in WsgiToAsgi, with the options that are set."""
    found = asgi_application(
        SHOP
        | {"BRIDGE_THREADS": "3", "BRIDGE_MAX_QUEUED": "7", "BRIDGE_QUEUE_TIMEOUT": "0.5", "BRIDGE_LIFESPAN": "off"}
    )
    assert isinstance(found, WsgiToAsgi)
    with found:
        assert found.queue_timeout == 0.5
        assert isinstance(found.workers, WorkerPool)
        assert (found.workers._threads, found.workers._max_queued) == (3, 7)


@pytest.mark.usefixtures("here")
def test_an_asgi_application_for_a_wsgi_server() -> None:
    """An ASGI application comes in AsgiToWsgi, with the options that are set; ``none`` is None."""
    found = wsgi_application(
        CAFE
        | {"BRIDGE_DISCONNECT_GRACE": "none", "BRIDGE_LIFESPAN": "off", "BRIDGE_LOOP_FACTORY": "asyncio:new_event_loop"}
    )
    assert isinstance(found, AsgiToWsgi)
    with found:
        options = found._options
        assert (options.disconnect_grace, options.lifespan) == (None, "off")
        assert options.loop_factory is asyncio.new_event_loop


@pytest.mark.usefixtures("here")
def test_an_application_that_needs_no_adapter() -> None:
    """What the server can call is served as it is."""
    shop, cafe = map(importlib.import_module, ("shop", "cafe"))
    assert wsgi_application(SHOP) is shop.application
    assert wsgi_application({"BRIDGE_APP": "shop:create()"}) is shop.application
    assert asgi_application(CAFE) is cafe.application


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "BRIDGE_APP is not set: bridge.asgi serves the application that it names, as in BRIDGE_APP=shop.web:app"),
        ({"BRIDGE_APP": "shop"}, "BRIDGE_APP: 'shop' is not of the form MODULE:APP"),
        ({"BRIDGE_APP": "nowhere:app"}, "BRIDGE_APP: there is no module 'nowhere'"),
        (
            {"BRIDGE_APP": "shop:aplication"},
            "BRIDGE_APP: shop has no attribute 'aplication'; did you mean",
        ),
        (SHOP | {"BRIDGE_THREADS": "many"}, "BRIDGE_THREADS must be a whole number, not 'many'"),
        (SHOP | {"BRIDGE_THREADS": "none"}, "BRIDGE_THREADS must be a whole number, not 'none'"),
        (SHOP | {"BRIDGE_READ_TIMEOUT": "5s"}, "BRIDGE_READ_TIMEOUT must be a number of seconds, not '5s'"),
        (
            SHOP | {"BRIDGE_UNDERSCORE_HEADERS": "maybe"},
            "BRIDGE_UNDERSCORE_HEADERS must be one of 1, true, yes, on,",
        ),
        (SHOP | {"BRIDGE_TREADS": "5"}, "BRIDGE_TREADS is no option; did you mean BRIDGE_THREADS?"),
        (SHOP | {"BRIDGE_THREADS": "0"}, "threads must be at least 1, not 0"),
    ],
)
@pytest.mark.usefixtures("here")
def test_variables_that_have_no_meaning(variables: dict[str, str], message: str) -> None:
    """B2: one sentence that names the variable; a slip of the pen does not leave a site without its limit."""
    with pytest.raises(UsageError) as caught:
        asgi_application(variables)
    assert str(caught.value).startswith(message)


@pytest.mark.usefixtures("here")
def test_a_loop_factory_that_there_is_not() -> None:
    """B2: a name that names nothing is told with its variable."""
    with pytest.raises(UsageError, match="BRIDGE_LOOP_FACTORY: there is no module 'nowhere'"):
        wsgi_application(CAFE | {"BRIDGE_LOOP_FACTORY": "nowhere:new_event_loop"})


@pytest.mark.usefixtures("here")
def test_hooks_by_name(here: Path) -> None:
    """B3: the variable names an object, or a call that makes one; a class is not taken for its instance."""
    (here / "watching.py").write_text(
        "import bridge\n\n\nclass Hooks(bridge.RequestHooks):\n    pass\n\n\nhooks = Hooks()\n"
    )
    for name in ("hooks", "Hooks()"):
        assert isinstance(asgi_application(SHOP | {"BRIDGE_HOOKS": f"watching:{name}"}), WsgiToAsgi)
        assert isinstance(wsgi_application(CAFE | {"BRIDGE_HOOKS": f"watching:{name}"}), AsgiToWsgi)
    with pytest.raises(UsageError, match="hooks must be a RequestHooks; Hooks is a class, give an instance of it"):
        asgi_application(SHOP | {"BRIDGE_HOOKS": "watching:Hooks"})


@pytest.mark.usefixtures("here")
def test_options_of_the_other_adapter(caplog: pytest.LogCaptureFixture) -> None:
    """One file may serve both adapters; what has no effect in one of them is said, where it is asked for."""
    with caplog.at_level(logging.INFO, "bridge"):
        asgi_application(SHOP | {"BRIDGE_LIFESPAN": "on"})
    assert "BRIDGE_LIFESPAN is an option of the other adapter, and has no effect here" in caplog.text


@pytest.mark.usefixtures("here")
def test_variables_of_other_programs(caplog: pytest.LogCaptureFixture) -> None:
    """A variable of another program keeps no site from starting, and the log tells that it has no effect."""
    with caplog.at_level(logging.WARNING, "bridge"):
        asgi_application(CAFE | {"BRIDGE_NETWORK_INTERFACE": "br0"})
    assert "BRIDGE_NETWORK_INTERFACE is no option of bridge and is ignored" in caplog.text


def test_flask_style_on_uvicorn(directory: Path) -> None:
    """`BRIDGE_APP=shop:application uvicorn bridge.asgi:app` serves a WSGI application in worker threads."""
    arguments = ["-m", "uvicorn", "bridge.asgi:app", "--port", "0"]
    with running(*arguments, directory=directory, extra=SHOP) as server, connected(server, UVICORN_SAYS) as client:
        assert client.get("/").text.startswith("served by bridge-")


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["", "--preload"])
def test_asgi_style_on_gunicorn(directory: Path, preload: list[str]) -> None:
    """`BRIDGE_APP=cafe:application gunicorn bridge.wsgi:app` serves an ASGI application, with its lifespan."""
    arguments = ["-m", "gunicorn", "--no-control-socket", "--bind", "127.0.0.1:0", *preload, "bridge.wsgi:app"]
    with running(*arguments, directory=directory, extra=CAFE) as server, connected(server, GUNICORN_SAYS) as client:
        assert client.get("/").text == "GET / 0 startup"  # what the startup has left in the state


@pytest.mark.parametrize("module", ["asgi", "wsgi"])
def test_a_server_tells_what_is_wrong(directory: Path, module: str) -> None:
    """B2: without the variable the server ends, and its last words name the variable."""
    server = {"asgi": ["uvicorn"], "wsgi": ["gunicorn", "--no-control-socket", "--bind", "127.0.0.1:0"]}[module]
    with running("-m", *server, f"bridge.{module}:app", directory=directory) as process:
        assert "BRIDGE_APP is not set" in process.rest()

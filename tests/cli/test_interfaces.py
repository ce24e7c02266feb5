"""Telling WSGI from ASGI, for what `serve` and `bridge.deployment` are pointed at."""

from __future__ import annotations

from typing import Any

import pytest

from bridge import WsgiToAsgi
from bridge.cli.errors import CommandError
from bridge.cli.interfaces import Interface, interface_of
from tests.cli.applications import SOURCE


@pytest.fixture(scope="module")
def shop() -> dict[str, Any]:
    """The names of the module that the command line is pointed at."""
    names: dict[str, Any] = {"__name__": "shop"}
    exec(SOURCE, names)  # noqa: S102  the module as it is written for the other tests
    return names


@pytest.mark.parametrize(
    ("name", "interface"),
    [
        ("asgi", Interface.ASGI),
        ("asgi_instance", Interface.ASGI),
        ("asgi_partial", Interface.ASGI),
        ("asgi_undeclared", Interface.ASGI),
        ("AsgiEndpoint", Interface.ASGI),
        ("AsgiTwice", Interface.ASGI_2),
        ("asgi_twice", Interface.ASGI_2),
    ],
)
def test_every_form_of_asgi_application_is_recognized(shop: dict[str, Any], name: str, interface: Interface) -> None:
    """Functions, instances, partials and classes are told from WSGI by what they can be called with."""
    assert interface_of(shop[name], name) is interface


@pytest.mark.parametrize("function", [str.upper, lambda config: {"app": config}])
def test_a_function_of_one_argument(function: Any) -> None:
    """A function of one argument is ASGI 2's only if that is named scope: it may be a factory, or anything."""
    with pytest.raises(CommandError, match="is neither a WSGI application, which"):
        interface_of(function, "one")


def test_an_adapter_is_told_from_its_application(shop: dict[str, Any]) -> None:
    """An application that is wrapped already is ASGI, so it is not wrapped twice."""
    with WsgiToAsgi(shop["application"]) as wrapped:
        assert interface_of(wrapped, "wrapped") is Interface.ASGI

"""Errors of applications say which sentence of which specification was broken: `ApplicationError.source`."""

from __future__ import annotations

import ast
import copy
import importlib
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import bridge
from bridge import ApplicationError, ApplicationExit

PACKAGE = Path(bridge.__file__).parent

# The sections as they stand in the specifications, where more than a number names them.
SECTIONS = {
    "PEP 3333": {
        "Handling the Content-Length Header",
        "Specification Details",
        "The start_response() Callable",
        "The write() Callable",
        "Unicode Issues",
    },
    "ASGI docs/extensions.rst": {"HTTP Trailers", "Path Send"},
    "ASGI specs/lifespan.rst": {"Lifespan Protocol", "Startup Complete - send event"},
    "ASGI specs/main.rst": {"Error Handling"},
    "ASGI specs/www.rst": {
        "Disconnect - receive event",
        "Response Body - send event",
        "Response Start - send event",
    },
}
RFC_SECTIONS = {"RFC 9110, 5.1", "RFC 9110, 5.5", "RFC 9110, 8.6"}
SOURCES = RFC_SECTIONS | {f'{text}, "{title}"' for text, titles in SECTIONS.items() for title in titles}

# By the function that makes the error: why it breaks no sentence.
WITHOUT_SOURCE = {
    ("translation.responses", "early_hint_links"): "no specification has wsgi.early_hints",
    ("wsgi_request", "_failed_in_worker"): "the application raised an error of its own",
    ("asgi_request", "_error_for_server"): "the application raised an error of its own",
    ("application_lifespan", "_ended_in_loop"): "the adapter was closed",
    ("application_lifespan", "shut_down_in_loop"): "the adapter was closed",
    ("application_lifespan", "_receive"): "nothing forbids to call receive() then",
    ("application_lifespan", "_send"): "lifespan.startup.failed is what an application may send",
    ("asgi_home", "_loop_error"): "the loop has ended, by whomever",
    ("asgi_home", "make_ready"): "its cause is the application's own error, or has the source",
}


class Making(NamedTuple):
    """A place where an ApplicationError is made."""

    module: str
    function: str
    line: int
    sources: frozenset[str]  # none: it has no source


def makings() -> Iterator[Making]:
    """Every place in `bridge`, with the sources that are given there."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        if module == "__main__":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Call) and ast.unparse(node.func) == "ApplicationError":
                        given = [keyword.value for keyword in node.keywords if keyword.arg == "source"]
                        sources = frozenset(text for value in given for text in texts_of(value, function, module))
                        yield Making(module, function.name, node.lineno, sources)


def texts_of(value: ast.expr, function: ast.AST, module: str) -> Iterator[str]:
    """What an expression may be: a text, one of two, a constant of the module, or a local name for such."""
    if isinstance(value, ast.Constant):
        if isinstance(value.value, str):
            yield value.value
    elif isinstance(value, ast.IfExp):
        yield from texts_of(value.body, function, module)
        yield from texts_of(value.orelse, function, module)
    elif isinstance(value, ast.Dict):
        for item in value.values:
            yield from texts_of(item, function, module)
    elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        yield from texts_of(value.func.value, function, module)  # {...}.get(kind)
    else:
        assert isinstance(value, ast.Name), ast.unparse(value)
        if hasattr(loaded := importlib.import_module(f"bridge.{module}"), value.id):
            yield getattr(loaded, value.id)
            return
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == value.id:
                yield from texts_of(node.value, function, module)


def test_every_error_of_an_application_has_a_source() -> None:
    """B2: each place that makes an ApplicationError says what was broken, or is listed with the reason why not."""
    places = list(makings())
    assert len(places) > 30
    without = {(place.module, place.function) for place in places if not place.sources}
    assert without == set(WITHOUT_SOURCE), "a place without a source, or a reason for none that is there"


def test_every_source_is_a_section() -> None:
    """B2: sources name sections that are there; each one of the list is used."""
    used = {source for place in makings() for source in place.sources}
    assert used == SOURCES


def test_an_error_says_its_source_beside_its_message() -> None:
    """B2: the source is an attribute; the message is as it was, and both default to nothing."""
    error = ApplicationError("too short", source="RFC 9110, 8.6")
    assert (str(error), error.args, error.source) == ("too short", ("too short",), "RFC 9110, 8.6")
    assert (str(ApplicationError()), ApplicationError("late").source, ApplicationExit("left").source) == ("", "", "")


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])  # noqa: S301
def test_errors_can_be_copied(copied: object) -> None:
    """B2: a copy, also one that went to another process, has message, source and notes."""
    assert callable(copied)
    error = ApplicationError("too short", source="RFC 9110, 8.6")
    error.add_note("while answering GET /")
    other = copied(error)
    assert type(other) is ApplicationError
    assert (other.args, other.source, other.__notes__) == (error.args, error.source, error.__notes__)
    left = copied(ApplicationExit("left"))
    assert (type(left), left.args, left.source) == (ApplicationExit, ("left",), "")

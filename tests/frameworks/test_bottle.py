"""Bottle's answers are the same natively and through the bridge."""

# Bottle comes without types.
# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

import bottle

from tests.frameworks.bodies import form, upload
from tests.frameworks.content import CONTENT, content_file
from tests.frameworks.law import Request, Visit, get, head, post, same, through_the_bridge, visit


def make_site(directory: Path) -> WSGIApplication:
    """A fresh application."""
    path = content_file(directory)

    def index() -> str:
        count = int(bottle.request.get_cookie("count", secret="a secret") or 0) + 1
        bottle.response.set_cookie("count", str(count), secret="a secret")
        return f"<p>visit {count} at {bottle.request.url}, under {bottle.request.script_name}"

    def greet() -> str:
        page: str = bottle.template("Hello, {{name}}!", name=bottle.request.forms.name)
        return page

    def store() -> Any:
        content = bottle.request.files.file.file.read()
        return {"name": bottle.request.files.file.raw_filename, "sha256": hashlib.sha256(content).hexdigest()}

    def body() -> bytes:
        content: bytes = bottle.request.body.read()
        method: str = bottle.request.method
        return method.encode() + b" " + content

    def stream() -> Iterator[str]:
        yield ""
        for number in range(100):
            yield f"{number} for {bottle.request.query.name}\n"

    def file() -> Any:
        return bottle.static_file(path.name, root=str(path.parent), download=path.name)

    def memory() -> Any:
        return io.BytesIO(CONTENT)

    def aborted() -> None:
        bottle.abort(403, "no")

    def moved() -> None:
        bottle.redirect("/")

    def broken() -> None:
        raise LookupError("broken")

    def nothing() -> None:
        bottle.response.status = 204

    site = bottle.Bottle()
    for rule, method, view in [
        ("/", "GET", index),
        ("/greetings", "POST", greet),
        ("/files", "POST", store),
        ("/body", "ANY", body),
        ("/stream", "GET", stream),
        ("/file", "GET", file),
        ("/memory", "GET", memory),
        ("/aborted", "GET", aborted),
        ("/moved", "GET", moved),
        ("/broken", "GET", broken),
        ("/nothing", "GET", nothing),
    ]:
        site.route(rule, method, view)
    application: WSGIApplication = site
    return application


def test_bottle(tmp_path: Path) -> None:
    """Law: pages, signed cookies, forms, files, streams, ranges, 304, redirects and errors, at the root and mounted."""

    def tour() -> Visit:
        yield get("/")
        second = yield get("/")
        assert b"visit 2" in second.body
        greeting = yield form("/greetings", name="Ä<&")
        assert greeting.body == "Hello, Ä&lt;&amp;!".encode()
        yield upload("/files", {"note": "x"}, {"file": ("Übersicht.bin", CONTENT * 2)})
        yield post("/body", CONTENT, "application/octet-stream")
        yield Request("DELETE", "/body", {}, b"")
        yield get("/stream?name=%C3%84")
        yield head("/stream")
        file = yield get("/file")
        assert file.body == CONTENT
        yield head("/file")
        part = yield get("/file", Range="bytes=10-19")
        assert (part.status, part.body) == (206, CONTENT[10:20])
        unchanged = yield get("/file", If_None_Match=file.header("etag"))
        assert (unchanged.status, unchanged.body) == (304, b"")
        memory = yield get("/memory")
        assert memory.body == CONTENT
        for target, status in {
            "/aborted": 403,
            "/moved": 303,
            "/nothing": 204,
            "/nowhere": 404,
        }.items():
            answer = yield get(target)
            assert answer.status == status
        refused = yield get("/files")
        assert refused.status == 405

    for mount in ("", "/app"):
        answers = same(lambda: make_site(tmp_path), tour, mount=mount)
        assert f"under {mount}/".encode() in answers[0].body


def test_bottle_s_errors(tmp_path: Path) -> None:
    """W7, W13: Bottle's page for an error is sent, which it gives with `exc_info` (werkzeug's client raises that)."""
    [page] = through_the_bridge(make_site(tmp_path), visit(get("/broken"))())
    assert page.status == 500
    assert b"Internal Server Error" in page.body

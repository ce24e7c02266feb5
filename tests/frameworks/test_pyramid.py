"""Pyramid's answers are the same natively and through the bridge."""

# Pyramid comes without types.
# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import gc
import hashlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

import pytest

from tests.frameworks.bodies import form, upload
from tests.frameworks.content import CONTENT, content_file
from tests.frameworks.law import Request, Visit, get, head, post, same

# Pyramid and WebOb import modules that are deprecated.
with warnings.catch_warnings(action="ignore"):
    from pyramid.config import Configurator
    from pyramid.httpexceptions import HTTPForbidden, HTTPFound
    from pyramid.request import Request as PyramidRequest
    from pyramid.response import FileResponse, Response
    from pyramid.session import SignedCookieSessionFactory


def make_site(directory: Path) -> WSGIApplication:
    """A fresh application."""
    path = content_file(directory)

    def index(request: PyramidRequest) -> Any:
        request.session["count"] = request.session.get("count", 0) + 1
        home = request.route_url("index")
        return Response(f"<p>visit {request.session['count']} at {request.url}, home is {home}")

    def greet(request: PyramidRequest) -> Any:
        return Response(json_body={"name": request.POST["name"], "again": request.params["name"]})

    def store(request: PyramidRequest) -> Any:
        file = request.POST["file"]
        return Response(json_body={"name": file.filename, "sha256": hashlib.sha256(file.file.read()).hexdigest()})

    def body(request: PyramidRequest) -> Any:
        return Response(body=request.method.encode() + b" " + request.body)

    def stream(request: PyramidRequest) -> Any:
        def pieces() -> Iterator[bytes]:
            yield b""
            for number in range(100):
                yield f"{number} for {request.GET['name']}\n".encode()

        return Response(app_iter=pieces())

    def file(request: PyramidRequest) -> Any:
        response = FileResponse(str(path), request=request, content_type="application/octet-stream")
        response.conditional_response = True
        response.etag = "a-tag"
        return response

    def forbidden(request: PyramidRequest) -> Any:
        raise HTTPForbidden("no")

    def moved(request: PyramidRequest) -> Any:
        return HTTPFound(request.route_path("index"), headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])

    def nothing(request: PyramidRequest) -> Any:
        return Response(status=204)

    with Configurator(session_factory=SignedCookieSessionFactory("a secret")) as config:
        for view, pattern in [
            (index, "/"),
            (greet, "/greetings"),
            (store, "/files"),
            (body, "/body"),
            (stream, "/stream"),
            (file, "/file"),
            (forbidden, "/forbidden"),
            (moved, "/moved"),
            (nothing, "/nothing"),
        ]:
            config.add_route(view.__name__, pattern)
            config.add_view(view, route_name=view.__name__)
        application: WSGIApplication = config.make_wsgi_app()
    return application


# WebOb leaves the temporary files of bodies to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_pyramid(tmp_path: Path) -> None:
    """Law: pages, sessions, forms, files, streams, ranges, 304, redirects and errors, at the root and mounted."""

    def tour() -> Visit:
        yield get("/")
        second = yield get("/")
        assert b"visit 2" in second.body
        greeting = yield form("/greetings", name="Ä<&")
        assert greeting.status == 200
        yield upload("/files", {"note": "x"}, {"file": ("Übersicht.bin", CONTENT * 2)})
        yield post("/body", CONTENT, "application/octet-stream")
        yield Request("DELETE", "/body", {}, b"")
        yield get("/stream?name=%C3%84")
        yield head("/stream?name=x")
        file = yield get("/file")
        assert file.body == CONTENT
        yield head("/file")
        part = yield get("/file", Range="bytes=10-19")
        assert (part.status, part.body) == (206, CONTENT[10:20])
        unchanged = yield get("/file", If_None_Match=file.header("etag"))
        assert (unchanged.status, unchanged.body) == (304, b"")
        moved = yield get("/moved")
        assert moved.all("set-cookie") == ["a=1", "b=2"]
        for target, status in {"/forbidden": 403, "/nothing": 204, "/nowhere": 404}.items():
            answer = yield get(target)
            assert answer.status == status

    for mount in ("", "/app"):
        answers = same(lambda: make_site(tmp_path), tour, mount=mount)
        assert answers[0].body.endswith(f"home is http://localhost{mount}/".encode())
    gc.collect()

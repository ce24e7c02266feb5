"""WSGI applications two mounts deep: Starlette's Mount around FastAPI's mount()."""

from __future__ import annotations

import hashlib
from typing import Any
from wsgiref.validate import validator

import flask
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge import WsgiToAsgi
from tests.servers.application import application

site = flask.Flask(__name__)


@site.post("/form")
def form() -> Any:
    """The fields that Flask parsed."""
    return flask.jsonify(flask.request.form.to_dict(flat=False))


@site.post("/file")
def file() -> Any:
    """The file that Flask parsed, and the field beside it."""
    sent = flask.request.files["file"]
    body = sent.read()
    return flask.jsonify(
        name=sent.filename, size=len(body), digest=hashlib.sha256(body).hexdigest(), note=flask.request.form["note"]
    )


@site.get("/where")
def where() -> Any:
    """What Flask thinks of its own place."""
    return flask.jsonify(
        script_root=flask.request.script_root,
        path=flask.request.path,
        raw_uri=flask.request.environ["RAW_URI"],
        url=flask.url_for("where"),
    )


inner = FastAPI()
inner.mount("/flask", WsgiToAsgi(site))
# wsgiref's validator raises on whatever PEP 3333 forbids to a server.
inner.mount("/checked", WsgiToAsgi(validator(application)))
app = Starlette(routes=[Mount("/outer", app=inner)])

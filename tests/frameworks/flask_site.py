"""A Flask application that uses what Flask applications use."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

from flask import (
    Flask,
    Response,
    abort,
    flash,
    get_flashed_messages,
    jsonify,
    redirect,
    request,
    send_file,
    session,
    stream_with_context,
    url_for,
)
from flask.typing import ResponseReturnValue

from tests.frameworks.content import CONTENT, content_file

MOST_CONTENT = 8_000_000


def make_site(directory: Path) -> Flask:
    """A fresh application. `directory` is where its file lies."""
    site = Flask("site", root_path=str(directory))
    site.secret_key = "a secret"
    site.config["MAX_CONTENT_LENGTH"] = MOST_CONTENT
    for add in (add_sessions, add_streams, add_forms, add_errors, add_urls, add_cookies):
        add(site)
    add_files(site, content_file(directory))
    return site


def add_sessions(site: Flask) -> None:
    """Sessions and flashed messages."""

    @site.get("/")
    def index() -> ResponseReturnValue:
        return jsonify(user=session.get("user"), messages=get_flashed_messages(with_categories=True))

    @site.post("/login")
    def login() -> ResponseReturnValue:
        session["user"] = request.form["user"]
        flash("welcome, Grüße", "greeting")
        return redirect(url_for("index"))

    @site.get("/logout")
    def logout() -> ResponseReturnValue:
        session.clear()
        flash("bye")
        return redirect(url_for("index"), 303)


def add_streams(site: Flask) -> None:
    """Bodies made piece by piece, and large ones."""

    @site.get("/stream")
    def stream() -> ResponseReturnValue:
        def pieces() -> Iterator[str]:
            yield ""
            for number in range(100):
                yield f"{number} for {request.args['name']} at {request.path}\n"

        return stream_with_context(pieces())

    @site.get("/stream-of-known-length")
    def stream_of_known_length() -> ResponseReturnValue:
        return Response(iter([b"ab", b"", b"c"]), headers={"Content-Length": "3"})

    @site.get("/numbers")
    def numbers() -> ResponseReturnValue:
        return jsonify(list(range(200_000)))

    @site.get("/nothing")
    def nothing() -> ResponseReturnValue:
        return "", 204

    @site.get("/async")
    async def asynchronous() -> ResponseReturnValue:
        return jsonify(asynchronous=True, name=request.args["name"])

    @site.get("/async-error")
    async def asynchronous_error() -> ResponseReturnValue:
        raise LookupError


def add_files(site: Flask, path: Path) -> None:
    """`send_file`, of a file on the disk and of one in memory."""

    @site.get("/file")
    def file() -> ResponseReturnValue:
        return send_file(path, mimetype="application/octet-stream")

    @site.get("/attachment")
    def attachment() -> ResponseReturnValue:
        return send_file(path, as_attachment=True, download_name="Übersicht €.bin")

    @site.get("/memory")
    def memory() -> ResponseReturnValue:
        return send_file(io.BytesIO(CONTENT), mimetype="application/octet-stream")

    @site.get("/etag")
    def etag() -> ResponseReturnValue:
        response = Response("content with a tag")
        response.add_etag()
        return response.make_conditional(request)


def add_forms(site: Flask) -> None:
    """What comes in: forms, files, JSON and plain bytes."""

    @site.post("/upload")
    def upload() -> ResponseReturnValue:
        files = {name: [file.filename, hashlib.sha256(file.read()).hexdigest()] for name, file in request.files.items()}
        return jsonify(form=request.form.to_dict(flat=False), files=files, length=request.content_length)

    @site.post("/json")
    def json() -> ResponseReturnValue:
        return jsonify(received=request.get_json())

    @site.route("/body", methods=["POST", "PUT", "PATCH", "DELETE", "GET"])
    def body() -> ResponseReturnValue:
        return Response(request.method.encode() + b" " + request.get_data(), mimetype="application/octet-stream")

    @site.post("/unread")
    def unread() -> ResponseReturnValue:
        return "not read"

    @site.post("/lines")
    def lines() -> ResponseReturnValue:
        return jsonify([line.decode() for line in request.stream])


def add_errors(site: Flask) -> None:
    """Errors of every kind."""

    @site.get("/abort/<int:code>")
    def aborting(code: int) -> ResponseReturnValue:
        abort(code)

    @site.get("/abort-with-response")
    def aborting_with_response() -> ResponseReturnValue:
        abort(Response("custom", 418, {"X-Custom": "ä"}))

    @site.get("/boom")
    def boom() -> ResponseReturnValue:
        raise LookupError("boom")

    @site.get("/missing-key")
    def missing_key() -> ResponseReturnValue:
        return request.args["absent"]

    @site.errorhandler(409)
    def conflict(error: Exception) -> ResponseReturnValue:
        return jsonify(error=str(error)), 409


def add_urls(site: Flask) -> None:
    """What depends on where the application is mounted and how it was asked."""

    @site.get("/where/<path:rest>")
    def where(rest: str) -> ResponseReturnValue:
        return jsonify(
            rest=rest,
            url=request.url,
            base_url=request.base_url,
            root_url=request.root_url,
            script_root=request.script_root,
            full_path=request.full_path,
            host=request.host,
            remote_addr=request.remote_addr,
            scheme=request.scheme,
            internal=url_for("index"),
            external=url_for("where", rest="ü/b", _external=True),
            static=url_for("static", filename="x.css"),
            query=request.query_string.decode("latin-1"),
            arguments=request.args.to_dict(flat=False),
            language=request.accept_languages.best,
        )

    @site.get("/environ")
    def environ() -> ResponseReturnValue:
        return jsonify(
            {key: value for key, value in request.environ.items() if key.startswith("HTTP_") or key in ENVIRON_KEYS}
        )

    @site.get("/folder/")
    def folder() -> ResponseReturnValue:
        return redirect("../file?x=ü")


ENVIRON_KEYS = {
    "REQUEST_METHOD",
    "SCRIPT_NAME",
    "PATH_INFO",
    "QUERY_STRING",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "REMOTE_ADDR",
    "CONTENT_TYPE",
    "CONTENT_LENGTH",
    "wsgi.url_scheme",
    "wsgi.version",
    "wsgi.run_once",
}


def add_cookies(site: Flask) -> None:
    """Cookies, several in one answer."""

    @site.get("/cookies")
    def cookies() -> ResponseReturnValue:
        response = jsonify(request.cookies.to_dict())
        response.set_cookie("first", "1", httponly=True)
        response.set_cookie("second", "zwei; ä,", samesite="Lax", path="/")
        response.delete_cookie("third")
        response.headers.add("Vary", "Cookie")
        response.headers.add("Vary", "Accept-Language")
        return response

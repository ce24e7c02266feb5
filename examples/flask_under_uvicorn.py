"""A Flask application on uvicorn: a page, a form, a file upload, a streamed answer and an async view.

It needs Flask and a server (`pip install 'flask[async]' uvicorn`). Run it:

    python -m bridge serve examples.flask_under_uvicorn:app
    python examples/flask_under_uvicorn.py
    uvicorn examples.flask_under_uvicorn:asgi

and ask it:

    curl http://127.0.0.1:8000/
    curl -d name=Ada http://127.0.0.1:8000/greetings
    curl -F file=@README.md http://127.0.0.1:8000/files
    curl -N http://127.0.0.1:8000/countdown
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Iterator

import uvicorn
from flask import Flask, abort, render_template_string, request, stream_with_context
from flask.typing import ResponseReturnValue

from bridge import WsgiToAsgi

app = Flask(__name__)

PAGE = """<!doctype html>
<title>Flask under uvicorn</title>
<h1>Hello from {{ request.environ["wsgi.url_scheme"] }}://{{ request.host }}</h1>
<form method="post" action="{{ url_for('greet') }}">
  <input name="name" placeholder="your name"> <button>Greet me</button>
</form>
<form method="post" action="{{ url_for('store') }}" enctype="multipart/form-data">
  <input type="file" name="file"> <button>Upload</button>
</form>
<p><a href="{{ url_for('countdown') }}?seconds=5">Count down</a>, <a href="{{ url_for('sleep') }}">sleep</a>
"""


@app.get("/")
def index() -> str:
    """The page with the two forms."""
    return render_template_string(PAGE)


@app.post("/greetings")
def greet() -> str:
    """Answer a form; Jinja escapes what the visitor typed."""
    return render_template_string("<p>Hello, {{ name }}!", name=request.form.get("name") or "you")


@app.post("/files")
def store() -> ResponseReturnValue:
    """Answer an upload with what arrived. It is parsed while it comes in; Flask keeps a large file on the disk."""
    file = request.files.get("file")
    if file is None:
        abort(400, "the form has no field named file")
    digest = hashlib.sha256()
    size = 0
    while chunk := file.stream.read(65536):
        digest.update(chunk)
        size += len(chunk)
    return {"name": file.filename, "size": size, "sha256": digest.hexdigest()}, 201


@app.get("/countdown")
def countdown() -> ResponseReturnValue:
    """Stream one line a second. Each goes out when it is made; a visitor who leaves ends the loop at the next one."""
    seconds = request.args.get("seconds", default=3, type=int)

    def lines() -> Iterator[str]:
        for left in range(seconds, 0, -1):
            yield f"{left} for {request.host}\n"
            time.sleep(1)
        yield "go\n"

    return stream_with_context(lines()), {"Content-Type": "text/plain; charset=utf-8"}


@app.get("/sleep")
async def sleep() -> str:
    """An async view. It runs on uvicorn's own event loop, so clients and pools of that loop can be used in it."""
    await asyncio.sleep(0.1)
    return "rested"


# What uvicorn, hypercorn, granian or daphne serve. Each request has one of these threads while it runs.
asgi = WsgiToAsgi(app, threads=40)

if __name__ == "__main__":
    uvicorn.run(asgi, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))

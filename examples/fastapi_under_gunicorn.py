"""FastAPI on gunicorn's threads: state of the lifespan, a streamed upload and answer, events, a background task.

It needs FastAPI, and a server (`pip install fastapi python-multipart gunicorn`). Run it:

    gunicorn --worker-class gthread --threads 40 examples.fastapi_under_gunicorn:wsgi
    python -m bridge serve examples.fastapi_under_gunicorn:app --wsgi
    python examples/fastapi_under_gunicorn.py

and ask it:

    curl http://127.0.0.1:8000/
    curl -T README.md http://127.0.0.1:8000/files
    curl -N http://127.0.0.1:8000/countdown
    curl -d name=Ada http://127.0.0.1:8000/letters
    curl http://127.0.0.1:8000/letters
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import BackgroundTasks, FastAPI, Form, Request
from fastapi.responses import StreamingResponse

from bridge import AsgiToWsgi


class PostOffice:
    """What the lifespan makes once in each process, and every request uses."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        # It belongs to one event loop. All requests can use it, since all of them run on the loop of the lifespan.
        self._counters = asyncio.Semaphore(5)

    async def send(self, name: str, seconds: float) -> None:
        """Send a letter, which takes a while."""
        async with self._counters:
            await asyncio.sleep(seconds)
            self.sent.append(name)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, PostOffice]]:
    """Run once in each of gunicorn's workers: up to the yield before its first request, the rest when it ends."""
    print(f"opened in process {os.getpid()}", flush=True)
    yield {"post_office": PostOffice()}
    print(f"closed in process {os.getpid()}", flush=True)


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def index(request: Request) -> dict[str, str]:
    """What the server calls itself; the environ is there for those who need it."""
    return {"hello": request.scope["wsgi.environ"]["SERVER_SOFTWARE"]}


@app.put("/files")
async def store(request: Request) -> dict[str, str | int]:
    """Take an upload piece by piece, as it comes in."""
    digest = hashlib.sha256()
    size = 0
    async for piece in request.stream():
        digest.update(piece)
        size += len(piece)
    return {"size": size, "sha256": digest.hexdigest()}


@app.get("/countdown")
async def countdown(seconds: int = 3) -> StreamingResponse:
    """Stream one server-sent event a second; each goes out when it is made."""

    async def events() -> AsyncIterator[str]:
        for left in range(seconds, 0, -1):
            yield f"data: {left}\n\n"
            await asyncio.sleep(1)
        yield "data: go\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


@app.post("/letters", status_code=202)
async def write_letter(
    request: Request, tasks: BackgroundTasks, name: Annotated[str, Form()], seconds: Annotated[float, Form()] = 3
) -> dict[str, str]:
    """Answer at once; the letter is sent afterwards, when the visitor and the worker's thread have gone on."""
    tasks.add_task(request.state.post_office.send, name, seconds)
    return {"accepted": name}


@app.get("/letters")
def letters(request: Request) -> list[str]:
    """The letters that were sent. A `def` endpoint: it runs in a thread of FastAPI's."""
    sent: list[str] = request.state.post_office.sent
    return sent


# What gunicorn, uWSGI, waitress or mod_wsgi serve. Nothing starts before the first request, so that forks are safe.
wsgi = AsgiToWsgi(app)

if __name__ == "__main__":
    # The command above; gunicorn becomes this very process.
    address = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
    options = ["--worker-class", "gthread", "--threads", "40", "--bind", address, "--chdir", os.path.dirname(__file__)]
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *options, "fastapi_under_gunicorn:wsgi"])

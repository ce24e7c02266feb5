"""Django's ASGI handler on a WSGI server, with a database: one file is the whole site.

Django's async views run on one event loop, as they would under an ASGI server, while the server stays what it is.

It needs Django (`pip install django`). Run it:

    python -m bridge serve examples.django_asgi_under_wsgi:app --wsgi
    gunicorn --worker-class gthread --threads 40 examples.django_asgi_under_wsgi:wsgi
    python examples/django_asgi_under_wsgi.py

and ask it:

    curl -d text=hello http://127.0.0.1:8000/notes
    curl http://127.0.0.1:8000/notes
    curl -N http://127.0.0.1:8000/export
    curl http://127.0.0.1:8000/threads
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import threading
from collections.abc import AsyncIterator
from wsgiref.simple_server import make_server

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.db import connection, models
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

from bridge import AsgiToWsgi

DATABASE = os.environ.get("DATABASE", os.path.join(tempfile.gettempdir(), "notes.sqlite3"))

settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATABASE}},
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)
django.setup()


class Note(models.Model):  # type: ignore[misc]  # Django ships no hints
    """One line of text."""

    text = models.CharField(max_length=200)

    class Meta:
        """An application of its own is not needed for one table."""

        app_label = "notes"

    def __str__(self) -> str:
        return str(self.text)


# In place of migrations.
if Note._meta.db_table not in connection.introspection.table_names():  # noqa: SLF001  its public interface, says Django
    with connection.schema_editor() as editor:
        editor.create_model(Note)
connection.close()


async def notes(request: HttpRequest) -> HttpResponse:
    """Add a note, or list all."""
    if request.method == "POST":
        note = await Note.objects.acreate(text=request.POST["text"])
        return JsonResponse({"id": note.pk}, status=201)
    return JsonResponse({"notes": [note.text async for note in Note.objects.order_by("pk")]})


async def export(request: HttpRequest) -> StreamingHttpResponse:
    """Stream the notes, one line each."""

    async def lines() -> AsyncIterator[str]:
        async for note in Note.objects.order_by("pk"):
            yield f"{note.text}\n"

    return StreamingHttpResponse(lines(), content_type="text/plain; charset=utf-8")


async def threads(request: HttpRequest) -> JsonResponse:
    """Where things run: the view on the event loop's thread, the ORM in the WSGI server's thread of this request."""

    def count() -> tuple[str, int]:
        return threading.current_thread().name, Note.objects.count()

    orm = {(await sync_to_async(count)())[0] for _ in range(3)}
    await asyncio.sleep(0)
    return JsonResponse({"view": threading.current_thread().name, "orm": sorted(orm)})


urlpatterns = [path("notes", notes), path("export", export), path("threads", threads)]

app = get_asgi_application()

# Django's ASGI handler has no lifespan; it raises for one, and "auto" takes that as the answer.
wsgi = AsgiToWsgi(app)

if __name__ == "__main__":
    with make_server("127.0.0.1", int(os.environ.get("PORT", "8000")), wsgi) as server:
        print(f"serving on http://127.0.0.1:{server.server_port}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()

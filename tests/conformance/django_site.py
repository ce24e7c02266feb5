"""A Django project in one module; each test runs in this one, since Django is configured once per process."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.utils import translation

from tests.harness import Gate

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        DEBUG=True,
        DEBUG_PROPAGATE_EXCEPTIONS=False,
        LANGUAGE_CODE="en",
        LOGGING_CONFIG=None,
        ROOT_URLCONF="tests.conformance.django_site",
        SECRET_KEY="only for tests",
        USE_I18N=True,
    )
    django.setup()

application: Any = get_wsgi_application()

waiting = Gate("an async view waits")
ended = Gate("an async view has ended")
outer: contextvars.ContextVar[str] = contextvars.ContextVar("outer", default="unset")


def file(request: HttpRequest) -> FileResponse:
    """Answer with the file that the query names."""
    return FileResponse(open(request.META["QUERY_STRING"], "rb"))


def language(request: HttpRequest) -> HttpResponse:
    """Answer with the language of this request."""
    return HttpResponse(translation.get_language() or "none")


def fail(request: HttpRequest) -> HttpResponse:
    """Show Django's debug page."""
    raise LookupError("on purpose")


async def where(request: HttpRequest) -> JsonResponse:
    """Answer with the loop and the threads that an async view meets."""
    worker = await sync_to_async(threading.get_ident)()
    return JsonResponse({"loop": id(asyncio.get_running_loop()), "thread": threading.get_ident(), "worker": worker})


async def wait(request: HttpRequest) -> HttpResponse:
    """Wait for ever, and tell when that is over."""
    try:
        waiting.open()
        await asyncio.Event().wait()
    finally:
        ended.open()
    return HttpResponse("never")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Answer with pieces."""
    return StreamingHttpResponse([b"one", b"two"])


urlpatterns = [
    path("file", file),
    path("language", language),
    path("fail", fail),
    path("where", where),
    path("wait", wait),
    path("stream", stream),
]

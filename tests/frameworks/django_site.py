"""A Django project in one file."""

# Django comes without types, and the project depends on no stubs for it.
# mypy: disable-error-code="import-untyped"
# ruff: noqa: D103  a view is named for what it answers

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from wsgiref.types import WSGIApplication

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.signals import request_finished
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.test import override_settings
from django.urls import path, re_path, reverse
from django.utils import translation
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from tests.frameworks.content import CONTENT, content_file

SETTINGS: dict[str, Any] = {
    "SECRET_KEY": "a secret",
    "ROOT_URLCONF": __name__,
    "ALLOWED_HOSTS": ["localhost"],
    "DEBUG": False,
    "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies",
    "SESSION_EXPIRE_AT_BROWSER_CLOSE": True,
    "MIDDLEWARE": [
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.http.ConditionalGetMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
    "USE_I18N": True,
    "LANGUAGE_CODE": "en",
    "LOGGING_CONFIG": None,
}


@contextmanager
def configured() -> Iterator[None]:
    """Django as this project sets it, while the block runs: its settings are global, and other tests have others."""
    if not settings.configured:
        settings.configure(**SETTINGS)
    with override_settings(**SETTINGS):
        yield


class Site:
    """What the views of the moment use."""

    file = Path()
    async_view: Callable[[], Awaitable[str]] | None = None


def make_site(directory: Path | None = None, async_view: Callable[[], Awaitable[str]] | None = None) -> WSGIApplication:
    """A fresh WSGI handler; Django has one set of views for all of them."""
    Site.async_view = async_view
    if directory is not None:
        Site.file = content_file(directory)
    application: WSGIApplication = get_wsgi_application()
    return application


async def index(request: Any) -> HttpResponse:
    assert Site.async_view is not None
    return HttpResponse(await Site.async_view())


def count(request: Any) -> HttpResponse:
    request.session["count"] = request.session.get("count", 0) + 1
    return JsonResponse({"count": request.session["count"]})


def forget(request: Any) -> HttpResponse:
    request.session.flush()
    return redirect("count")


async def asynchronous(request: Any) -> HttpResponse:
    request.session["seen"] = await request.session.aget("seen", 0) + 1
    return JsonResponse({"name": request.GET.get("name"), "seen": request.session["seen"]})


def stream(request: Any) -> StreamingHttpResponse:
    def pieces() -> Iterator[str]:
        yield ""
        for number in range(100):
            yield f"{number} for {request.path}\n"

    return StreamingHttpResponse(pieces(), content_type="text/plain")


def file(request: Any) -> FileResponse:
    return FileResponse(Site.file.open("rb"), as_attachment=True, filename="Übersicht.bin")


def memory(request: Any) -> FileResponse:
    return FileResponse(io.BytesIO(CONTENT), content_type="application/octet-stream")


def large(request: Any) -> HttpResponse:
    return JsonResponse({"numbers": list(range(200_000))})


@require_POST  # type: ignore[untyped-decorator]
def upload(request: Any) -> HttpResponse:
    files = {
        name: [file.name, hashlib.sha256(b"".join(file.chunks())).hexdigest()] for name, file in request.FILES.items()
    }
    return JsonResponse({"form": dict(request.POST.lists()), "files": files})


def body(request: Any) -> HttpResponse:
    return HttpResponse(request.method.encode() + b" " + request.body, content_type="application/octet-stream")


def where(request: Any, rest: str) -> HttpResponse:
    return JsonResponse(
        {
            "rest": rest,
            "path": request.path,
            "path_info": request.path_info,
            "full": request.get_full_path(),
            "absolute": request.build_absolute_uri(),
            "reversed": reverse("where", args=["ü/b"]),
            "query": request.GET.dict(),
            "headers": dict(request.headers.items()),
        }
    )


def cookies(request: Any) -> HttpResponse:
    response = JsonResponse(request.COOKIES)
    response.set_cookie("first", "1", httponly=True)
    response.set_cookie("second", "zwei", max_age=60, samesite="Lax")
    response.delete_cookie("third")
    return response


def forbidden(request: Any) -> HttpResponse:
    raise PermissionDenied


def broken(request: Any) -> HttpResponse:
    raise LookupError("broken")


def activate(request: Any) -> HttpResponse:
    translation.activate("de")
    return HttpResponse(gettext("yes,no,maybe"))


def language(request: Any) -> HttpResponse:
    return HttpResponse(f"{translation.get_language()} {gettext('yes,no,maybe')}")


def nothing(request: Any) -> HttpResponse:
    return HttpResponse(status=204)


urlpatterns = [
    path("", index),
    path("count", count, name="count"),
    path("forget", forget),
    path("async", asynchronous),
    path("stream", stream),
    path("file", file),
    path("memory", memory),
    path("large", large),
    path("upload", upload),
    path("body", body),
    re_path("^where/(.*)$", where, name="where"),
    path("cookies", cookies),
    path("forbidden", forbidden),
    path("broken", broken),
    path("activate", activate),
    path("language", language),
    path("nothing", nothing),
    path("folder/", nothing),
]


class Finished:
    """Counts `request_finished` and the threads that it was sent in, while the block runs."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    def __enter__(self) -> Self:
        request_finished.connect(self.note)
        return self

    def __exit__(self, *_: object) -> None:
        request_finished.disconnect(self.note)

    def note(self, **_: object) -> None:
        self.threads.append(threading.get_ident())


def parsed(content: bytes) -> Any:
    """A JSON answer."""
    return json.loads(content)

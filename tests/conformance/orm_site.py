"""A Django project with a database, run in a process of its own: Django is configured once per process."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from typing import Any

import django
from asgiref.sync import sync_to_async
from django.apps import apps
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.management import call_command
from django.db import connection
from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.urls import path

from bridge import AsgiToWsgi
from tests.harness import run_python
from tests.harness.wsgi_call import Call

_PROGRAM = "from tests.conformance.orm_site import main; main()"

urlpatterns: list[Any] = []


def report_of_a_site() -> dict[str, str]:
    """Run the site, and return what it found, line by line."""
    finished = run_python(_PROGRAM)
    if finished.returncode or finished.stderr:
        raise AssertionError(finished.stderr)
    return dict(line.split(": ", 1) for line in finished.stdout.splitlines())


def main() -> None:
    """Configure the site, serve requests, and tell what was seen."""
    with tempfile.TemporaryDirectory() as folder:
        settings.configure(
            ALLOWED_HOSTS=["*"],
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/db.sqlite3"}},
            INSTALLED_APPS=["django.contrib.contenttypes"],
            LOGGING_CONFIG=None,
            ROOT_URLCONF=__name__,
            SECRET_KEY="only for tests",
        )
        django.setup()
        _serve()


def _serve() -> None:
    content_types = apps.get_model("contenttypes.ContentType").objects
    call_command("migrate", verbosity=0)
    # The name of the request's own thread, and those of the threads of its queries
    threads: dict[str, set[str]] = {}

    def noting(own: str) -> Any:
        def note(execute: Any, sql: Any, *rest: Any) -> Any:
            threads[own].add(threading.current_thread().name)
            return execute(sql, *rest)

        return note

    def slow_query(own: str) -> int:
        with connection.execute_wrapper(noting(own)):
            count: int = content_types.count()
            time.sleep(0.2)
            return count

    async def slow(request: HttpRequest) -> JsonResponse:
        own = request.headers["X-Thread"]
        await content_types.acreate(app_label=own, model="made")
        return JsonResponse({"count": await sync_to_async(slow_query)(own)})

    def plain(request: HttpRequest) -> JsonResponse:
        return JsonResponse({"count": slow_query(request.headers["X-Thread"])})

    async def streaming(request: HttpRequest) -> StreamingHttpResponse:
        own = request.headers["X-Thread"]

        async def rows() -> Any:
            for _ in range(3):
                yield str(await sync_to_async(slow_query)(own))

        return StreamingHttpResponse(rows())

    urlpatterns.extend([path("slow", slow), path("plain", plain), path("streaming", streaming)])
    adapter = AsgiToWsgi(get_asgi_application())

    def with_thread(environ: dict[str, Any], start_response: Any) -> Any:
        environ["HTTP_X_THREAD"] = threading.current_thread().name
        threads[environ["HTTP_X_THREAD"]] = set()
        return adapter(environ, start_response)

    for name in ("slow", "plain", "streaming"):
        threads.clear()
        calls = [Call(with_thread, path=f"/{name}") for _ in range(8)]
        begin = time.monotonic()
        for call in calls:
            call.thread.start()
        codes = {call.end().code for call in calls}
        seconds = time.monotonic() - begin
        own = all(found == {thread} for thread, found in threads.items())
        sys.stdout.write(f"{name}: {sorted(codes)} {len(threads)} own threads {own} side by side {seconds < 1.4}\n")
    adapter.close()

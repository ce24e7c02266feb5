"""A WSGI server in this process that takes all that PEP 3333 allows, and says what it does not.

`wsgi_call` has one that forgives nothing; this one also serves applications that write, start late and start again.
What only an application may do, and a bridge must not, is asked of the record by `manners`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.harness.wsgi_answer import faults_of_start
from tests.roundtrip.requests import environ_of
from tests.roundtrip.sight import Complaint, Sight

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.roundtrip.client import Client
    from tests.roundtrip.requests import Request
    from tests.roundtrip.sight import Ending


class WsgiServer:
    """Serves one request."""

    def __init__(self, request: Request, client: Client) -> None:
        self._request = request
        self._client = client
        self._status: str | None = None
        self._headers: list[tuple[str, str]] = []
        self._declared: int | None = None
        self._sent = 0
        self._has_sent_headers = False
        self._has_finished = False
        self._has_returned = False
        self._errors: list[BaseException] = []
        self._late_errors: list[BaseException] = []
        self._unmannerly: list[str] = []

    def serve(self, app: Any) -> Sight:
        """Serve the request by an application."""
        try:
            iterable = app(environ_of(self._request, self._client.leave), self._start_response)
            self._has_returned = True
        except BaseException as error:
            self._raised(error)
            return self._sight()
        count = 0
        try:
            for chunk in iterable:
                count += 1
                if not self._goes_on_after(chunk):
                    break
            else:
                self._finish()
                if hasattr(iterable, "__len__") and len(iterable) != count:
                    self._unmannerly.append(f"len() is {len(iterable)}, and {count} chunks came")
        except BaseException as error:
            self._raised(error)
        try:
            if hasattr(iterable, "close"):
                iterable.close()
        except BaseException as error:
            self._raised(error)
        return self._sight()

    def manners(self) -> Iterator[str]:
        """Say what an application may do, and a bridge must not."""
        yield from self._unmannerly

    def _start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> Any:
        if self._has_returned:
            self._unmannerly.append("start_response after the application had returned")
        self._unmannerly += faults_of_start((status, headers, exc_info), {})
        if exc_info:
            try:
                if self._has_sent_headers:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self._status is not None:
            raise Complaint("start_response was called twice")
        self._status, self._headers = status, list(headers)
        lengths = [value for name, value in headers if name.lower() == "content-length"]
        self._declared = int(lengths[0]) if lengths else None
        return self._write

    def _write(self, chunk: bytes, /) -> None:
        self._unmannerly.append("write()")
        if self._client.has_left:
            raise BrokenPipeError("the client left")
        fits = self._declared is None or self._sent + len(chunk) <= self._declared
        self._send(chunk)
        if not fits and not self._is_bodiless:
            raise Complaint(f"more than the {self._declared} bytes that were declared")

    def _goes_on_after(self, chunk: bytes) -> bool:
        """Send a chunk of the iterable; tell whether a further one is wanted."""
        if type(chunk) is not bytes:
            self._unmannerly.append(f"a chunk of {type(chunk).__name__}")
        if self._client.has_left:
            return False
        before = self._sent
        self._send(chunk)
        # PEP 3333, "Handling the Content-Length Header": no more is asked for than may be sent.
        return not self._client.has_left and (not chunk or self._sent > before)

    def _send(self, chunk: bytes) -> None:
        if not chunk:
            return
        if self._status is None:
            raise Complaint("a chunk before start_response")
        # PEP 3333, "The start_response() Callable": the headers go out with the first non-empty chunk.
        self._has_sent_headers = True
        if self._is_bodiless:
            return
        if self._declared is not None:
            chunk = chunk[: self._declared - self._sent]
        self._sent += len(chunk)
        if chunk:
            self._client.take(chunk)

    def _finish(self) -> None:
        if self._status is None:
            raise Complaint("no start_response")
        self._has_sent_headers = True
        if self._declared is not None and self._sent < self._declared and not self._is_bodiless:
            raise Complaint(f"{self._sent} bytes of {self._declared}")
        self._has_finished = True

    @property
    def _is_bodiless(self) -> bool:
        """RFC 9110, 6.4.1."""
        return self._request.method == "HEAD" or str(self._status)[:3] in ("204", "304")

    def _raised(self, error: BaseException) -> None:
        (self._late_errors if self._ending() == "complete" else self._errors).append(error)

    def _ending(self) -> Ending:
        if self._client.has_left:
            return "left"
        if self._status is None or not self._has_sent_headers:
            return "refused"
        if self._has_finished or self._is_bodiless or self._sent == self._declared:
            return "complete"
        return "broken"

    def _sight(self) -> Sight:
        has_start = self._status is not None and self._has_sent_headers
        return Sight(
            status=int(str(self._status)[:3]) if has_start else None,
            headers=self._headers if has_start else [],
            body=self._client.body,
            took_its_share=self._client.took_its_share,
            ending=self._ending(),
            bodiless=self._status is not None and self._is_bodiless,
            errors=self._errors,
            late_errors=self._late_errors,
        )

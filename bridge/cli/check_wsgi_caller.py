"""The WSGI side of ``check``: it calls an application, or ``AsgiToWsgi``, as a strict WSGI server does.

Between the two stands ``wsgiref.validate``, the standard library's opinion. In two things that is stricter than any
specification, and they are kept from it: it wants a Content-Type in every answer (RFC 9110, 8.3: "should") but in none
with the status 204 or 304, and an argument of ``read`` (PEP 3333: "a server should allow read() to be called without").
"""

from __future__ import annotations

import io
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.validate import WSGIWarning, validator

from bridge._types import Environ, NativeHeaders, OptExcInfo, StartResponse, WSGIApplication
from bridge.cli.check_errors import consequence_of, tell_error
from bridge.cli.check_probes import Probe
from bridge.cli.check_report import Outcome
from bridge.errors import ApplicationError, ClientDisconnected
from bridge.translation.responses import BODY, COMPLETE, WsgiResponse

_PATIENCE = 0.2  # seconds more for a call that ends by itself at the limit

_OTHER_FEATURES = 'PEP 3333, "Other HTTP Features"'
_WRITE = 'PEP 3333, "The write() Callable"'


def call_wsgi(application: WSGIApplication, probe: Probe, limit: float, outcome: Outcome) -> bool:
    """Send a probe, each of its requests in a thread, and wait for at most ``limit`` seconds.

    Returns whether all ended in time.
    """
    calls = [_Call(application, probe, limit, outcome) for _ in range(probe.calls)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", category=WSGIWarning)
        for call in calls:
            call.thread.start()
        deadline = time.monotonic() + limit + _PATIENCE
        for call in calls:
            call.thread.join(max(0.0, deadline - time.monotonic()))
    for warning in caught:
        if issubclass(warning.category, WSGIWarning):
            outcome.finding(f"wsgiref.validate: {warning.message}", 'PEP 3333, "The start_response() Callable"')
    for call in calls:
        call.tell_end()
    return not any(call.thread.is_alive() for call in calls)


class _Call:
    """One call of the application, up to the close of its iterable."""

    def __init__(self, application: WSGIApplication, probe: Probe, limit: float, outcome: Outcome) -> None:
        self._application = application
        self._probe = probe
        self._limit = limit
        self._outcome = outcome
        self._response = WsgiResponse(probe.method)
        self._is_iterating = False
        self._has_left = False
        self._has_begun = False  # so that the client has got something
        self.thread = threading.Thread(target=self._run, name="bridge-check", daemon=True)

    def _run(self) -> None:
        iterable: Any = None
        try:
            environ = self._probe.environ()
            environ |= {
                "wsgi.input": io.BytesIO(self._probe.body),
                "wsgi.errors": io.StringIO(),
                "wsgi.multithread": True,
            }
            iterable = validator(self._under_validator)(environ, self._start_response)
            self._take_all(iterable)
        except BaseException as error:  # noqa: BLE001  SystemExit too: it is the application's
            self._tell(error)
        if iterable is not None:
            self._is_iterating = False
            self._response.finish_writing()
            try:
                iterable.close()
            except BaseException as error:  # noqa: BLE001
                self._tell(error)

    def _take_all(self, iterable: Iterable[bytes]) -> None:
        deadline = time.monotonic() + self._limit
        self._is_iterating = True
        for chunk in iterable:
            self._take(chunk)
            self._has_left = (self._probe.leaves and bool(chunk)) or time.monotonic() > deadline
            if self._has_left:
                return
        self._response.end()
        self._has_begun = True

    def tell_end(self) -> None:
        """Add what the call has come to: the status, or that it did not end in time."""
        if self._has_begun:
            self._outcome.answered(self._response.status)
        is_late = self.thread.is_alive()
        if is_late and not self._has_begun:
            self._outcome.not_answered(self._limit)
        elif is_late and self._response.state is COMPLETE:
            self._outcome.still_runs(self._limit)
        elif is_late or (self._has_left and not self._probe.leaves):
            self._outcome.not_ended(self._limit)

    def _tell(self, error: BaseException) -> None:
        if self._has_left and isinstance(error, ClientDisconnected):
            return  # as it should be
        tell_error(self._outcome, error, consequence_of(self._response.state))

    # ---- what the validator calls ------------------------------------------------------------------------------------

    def _start_response(
        self, status: str, headers: NativeHeaders, exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        response = self._response
        response.start_response(status, headers, exc_info)
        for name in response.dropped:
            self._outcome.finding(f"the application gave the hop-by-hop header {name}", _OTHER_FEATURES)
        return self._write

    def _write(self, chunk: bytes) -> None:
        if self._is_iterating:
            self._outcome.finding("the application called write() from within its iterable", _WRITE)
        self._take(chunk)

    def _take(self, chunk: bytes) -> None:
        response = self._response
        remaining = response.remaining if response.declared is not None else None
        response.chunk(chunk)
        if remaining is not None and len(chunk) > remaining and not response.bodiless:
            self._outcome.finding(
                f"the application declared {response.declared} bytes (Content-Length) and gave more", "RFC 9110, 8.6"
            )
        self._has_begun = response.state is BODY

    # ---- what the validator is called for ----------------------------------------------------------------------------

    def _under_validator(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        def start(*arguments: Any, **named: Any) -> Any:
            try:
                write = start_response(*_with_content_type(arguments), **named)
            except Exception as error:
                self._tell(error)  # now: the application may swallow it
                raise

            def write_or_tell(chunk: bytes) -> None:
                try:
                    write(chunk)
                except Exception as error:
                    self._tell(error)
                    raise

            return write_or_tell

        environ["wsgi.input"] = _Input(environ["wsgi.input"])
        iterable = self._application(environ, start)
        if not hasattr(iterable, "__iter__") and not hasattr(iterable, "__getitem__"):
            # The validator would stumble over it.
            raise ApplicationError(
                f"the application returned an object of type {type(iterable).__name__}, not an iterable of bytes",
                source='PEP 3333, "Specification Details"',
            )
        return iterable


class _Input:
    """The validator's input, with a ``read`` that can be called without an argument."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, *arguments: Any) -> Any:
        return self._stream.read(*arguments or (-1,))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _with_content_type(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arguments of start_response with a Content-Type if the validator wants one, or without."""
    try:
        status, headers, *others = arguments
        kept = [(name, value) for name, value in headers if name.lower() != "content-type"]
        if type(headers) is not list or any(type(pair) is not tuple for pair in headers):
            return arguments
        if status[:3] not in ("204", "304"):
            kept.append(("Content-Type", "text/plain"))
    except (AttributeError, TypeError, ValueError):
        return arguments  # the validator says what is wrong with them
    return (status, kept, *others)

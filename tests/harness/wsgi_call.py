"""One request, from a WSGI server's side: an environ, a scripted body, a strict start_response, an unsteady client.

It does to an application what a real server may do, and nothing that PEP 3333 forbids, and it forgives nothing: a rule
that is broken fails the test, also where the application under test swallows the error.

    answer = serve(app, "POST", "/form", body=b"a=1")                # one request
    with Call(app, hold_after=1) as call:                            # one request, step by step
        call.until(lambda: call.answer.body == b"first")
        call.leave()

Every wait has a limit.
"""

from __future__ import annotations

import faulthandler
import itertools
import threading
from types import GeneratorType
from typing import TYPE_CHECKING, Any
from wsgiref.validate import validator

from tests.harness.gates import Gate
from tests.harness.limits import LIMIT, eventually
from tests.harness.scopes import changed
from tests.harness.violations import Violation
from tests.harness.wsgi_answer import Answer, faults_of_chunk, faults_of_end, faults_of_start
from tests.harness.wsgi_environ import wsgi_environ
from tests.harness.wsgi_file_wrapper import FileWrapper
from tests.harness.wsgi_input import ScriptedInput, ScriptedInputWithRead1

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from tests.harness.wsgi_input import Item

_numbers = itertools.count(1)


class Call:
    """Calls a WSGI application in a thread, as a server does, and keeps what it does.

    `body` is one byte string, or a script: pieces, gates that a read waits for, exceptions that it raises.
    `declared`: CONTENT_LENGTH; True for what the script holds (none if that is nothing), False for none.
    `terminated`: the server ends `wsgi.input` itself (`wsgi.input_terminated`). `read1`: its input has that method.
    `environ` replaces keys of the environ, or leaves them out (`OMIT`).
    `files`: there is a `wsgi.file_wrapper`. `early_hints`: there is a `wsgi.early_hints`.
    `tells`: there is a `waitress.client_disconnected`.
    `hold_after` chunks the client stops reading, until `resume` is opened or it leaves; 0 is before the first chunk.
    `take`: how many chunks the server takes before it closes the iterable early, as if the write of the last failed.
    `valid`: wsgiref's validator stands between server and application.
    """

    def __init__(
        self,
        app: Any,
        method: str = "GET",
        path: str = "/",
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes | Sequence[Item] = b"",
        declared: bool | int = True,
        terminated: bool = False,
        read1: bool = False,
        environ: dict[str, Any] | None = None,
        files: bool = False,
        early_hints: bool = False,
        tells: bool = False,
        hold_after: int | None = None,
        take: int | None = None,
        valid: bool = True,
    ) -> None:
        script = [body] if isinstance(body, bytes) else list(body)
        length = sum(len(item) for item in script if isinstance(item, bytes)) if declared is True else declared
        self.input: ScriptedInput = (ScriptedInputWithRead1 if read1 else ScriptedInput)(
            script, None if terminated else int(length), self._violated
        )
        self.environ = wsgi_environ(method, path, headers=headers)
        self.environ["wsgi.input"] = self.input
        if declared is not False and (length or declared is not True):
            self.environ["CONTENT_LENGTH"] = str(length)
        if terminated:
            self.environ["wsgi.input_terminated"] = True
        if files:
            self.environ["wsgi.file_wrapper"] = FileWrapper
        if early_hints:
            self.environ["wsgi.early_hints"] = self._early_hints
        if tells:
            self.environ["waitress.client_disconnected"] = self._is_gone
        self.environ = changed(self.environ, environ or {})
        self.method = method
        self.answer = Answer()
        self.violations: list[Violation] = []
        self.called, self.held, self.finished = (
            Gate("called"),
            Gate("the client reads no more"),
            Gate("the call is over"),
        )
        self.resume, self.gone = Gate("the client reads on"), Gate("the client left")
        self._app = validator(self._spied(app, read1=read1)) if valid else self._spied(app, read1=read1)
        self._hold_after, self._take = hold_after, take
        self.thread = threading.Thread(target=self._serve, name=f"wsgi-server-{next(_numbers)}", daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self.leave()
            return
        self.end()

    def end(self, limit: float = LIMIT) -> Answer:
        """Wait for the end of the call, and demand that no rule was broken."""
        try:
            self.finished.wait(limit)
            self.thread.join(limit)
        except TimeoutError:
            faulthandler.dump_traceback(all_threads=True)
            raise
        if self.violations:
            raise self.violations[0]
        return self.answer

    def leave(self) -> None:
        """Let the client go: the server hears of it when it writes next, and at once if it is writing."""
        self.gone.open()
        self.resume.open()

    def until(self, holds: Callable[[], object], what: str = "what the test waits for") -> None:
        """Wait until `holds()` is true."""
        eventually(holds, f"{what}; so far {self.answer}")

    # In the server's thread:

    def _serve(self) -> None:
        self.input.belong_to_this_thread()
        answer, steps = self.answer, self.answer.steps
        iterable: Any = None
        place = "call"
        try:
            self.called.open()
            iterable = self._app(self.environ, self._start_response)
            steps.append("return")
            self._check_iterable()
            place = "next"
            iterator = iter(iterable)
            while not self._client_left():
                try:
                    chunk = next(iterator)
                except StopIteration:
                    steps.append("end")
                    self._complain_of(faults_of_end(answer, self.method))
                    break
                self._complain_of(faults_of_chunk(chunk, answer, self.method))
                answer.chunks.append(chunk)
                steps.append("chunk")
        except BaseException as error:
            steps.append(f"{place} raised")
            answer.errors.append(error)
        finally:
            self._close(iterable)
            self.input.over = True
            self.finished.open()

    def _client_left(self) -> bool:
        """Write what has come to the client; tell whether that failed."""
        written = len(self.answer.chunks)
        if written == self._hold_after:
            self.held.open()
            self.resume.wait()
            if self.gone.is_open:
                return True
        # A server learns that the client left when it has something to write.
        return written == self._take or (self.gone.is_open and written > 0)

    def _close(self, iterable: Any) -> None:
        close = getattr(iterable, "close", None)
        if close is None:
            return
        try:
            close()
            self.answer.steps.append("close")
        except BaseException as error:
            self.answer.steps.append("close raised")
            self.answer.errors.append(error)

    def _spied(self, app: Any, *, read1: bool) -> Any:
        def spied(environ: dict[str, Any], start_response: Any) -> Any:
            if read1 and environ["wsgi.input"] is not self.input:
                # The validator's wrapper has no read1
                environ["wsgi.input"].read1 = self.input.read1  # type: ignore[attr-defined]
            self.answer.iterable = app(environ, start_response)
            return self.answer.iterable

        return spied

    def _start_response(self, *arguments: Any, **options: Any) -> Any:
        self._check_thread("start_response")
        if self.answer.status is not None:
            raise self._violated("start_response was called twice")
        if "return" in self.answer.steps:
            raise self._violated("start_response was called after the application had returned")
        self._complain_of(faults_of_start(arguments, options))
        self.answer.status, headers = arguments[:2]
        self.answer.headers = list(headers)
        self.answer.steps.append("start")
        return self._write

    def _write(self, chunk: bytes) -> None:
        raise self._violated("write() is for applications that cannot do better (PEP 3333)")

    def _is_gone(self) -> bool:
        return self.gone.is_open

    def _early_hints(self, headers: Any) -> None:
        self._check_thread("wsgi.early_hints")
        if self.answer.status is not None:
            raise self._violated("early hints after start_response")
        self.answer.hints.append(list(headers))
        self.answer.steps.append("hint")

    def _check_iterable(self) -> None:
        returned = self.answer.iterable
        if self.answer.status is None:
            raise self._violated("the application returned without having called start_response")
        if isinstance(returned, (GeneratorType, str, bytes)) or not hasattr(returned, "__iter__"):
            raise self._violated(f"no iterable for a server: {returned!r}")

    def _check_thread(self, what: str) -> None:
        if threading.current_thread() is not self.thread:
            raise self._violated(f"{what} in {threading.current_thread().name}, not the request's thread")

    def _complain_of(self, faults: Iterator[str]) -> None:
        for fault in faults:
            raise self._violated(fault)

    def _violated(self, complaint: str) -> Violation:
        violation = Violation(complaint)
        self.violations.append(violation)
        return violation


def serve(app: Any, method: str = "GET", path: str = "/", *, limit: float = LIMIT, **request: Any) -> Answer:
    """Make one request; `request` is what `Call` takes."""
    call = Call(app, method, path, **request)
    with call:
        return call.end(limit)

"""What ``check`` makes of an error that came out of an application, an adapter or wsgiref's validator."""

from __future__ import annotations

import traceback
import wsgiref.validate

from bridge.cli.check_report import RAISED, Outcome
from bridge.cli.errors import named
from bridge.errors import ApplicationError, ApplicationExit
from bridge.translation.responses import BODY, COMPLETE, State

_START_RESPONSE = 'PEP 3333, "The start_response() Callable"'
_STREAMS = 'PEP 3333, "Input and Error Streams"'

# By the function of wsgiref.validate that refuses; for the others it is what the application returned.
_VALIDATOR_SOURCES = {
    "check_status": _START_RESPONSE,
    "check_headers": _START_RESPONSE,
    "check_exc_info": _START_RESPONSE,
    "validator.<locals>.lint_app.<locals>.start_response_wrapper": _START_RESPONSE,
    "InputWrapper.read": _STREAMS,
    "InputWrapper.readline": _STREAMS,
    "InputWrapper.readlines": _STREAMS,
    "InputWrapper.close": _STREAMS,
    "ErrorWrapper.write": _STREAMS,
    "ErrorWrapper.close": _STREAMS,
    "WriteWrapper.__call__": 'PEP 3333, "Unicode Issues"',
}
_RETURNED = 'PEP 3333, "Specification Details"'


def tell_error(outcome: Outcome, error: BaseException, consequence: str) -> None:
    """Add an error to an outcome: a finding if it says what it breaks, else a note that it was raised.

    consequence: what the client gets instead of a whole answer.
    """
    if isinstance(error, ApplicationExit) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, ApplicationError) and error.source:
        outcome.finding(str(error), error.source)
        return
    refused = _refusing_function(error)
    if refused:
        reason = " ".join(str(error).split()) or f"{refused} refused what it was given"
        outcome.finding(f"wsgiref.validate: {reason}", _VALIDATOR_SOURCES.get(refused, _RETURNED))
        return
    outcome.answer = outcome.answer or RAISED
    outcome.note(f"raised {named(error)}; {consequence}")


def consequence_of(state: State) -> str:
    """Return what the client gets if an application fails in this state of its answer."""
    if state is COMPLETE:
        return "the client has its answer by then"
    return "the client gets a part of the answer" if state is BODY else "the client gets 500"


def _refusing_function(error: BaseException) -> str:
    """Return the name of the validator's function that raised an error, or nothing if another did."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    if not frames or frames[-1].f_code.co_filename != wsgiref.validate.__file__:
        return ""
    names = [frame.f_code.co_qualname for frame in frames if frame.f_code.co_filename == wsgiref.validate.__file__]
    refused = next(name for name in reversed(names) if name not in {"assert_", "check_string_type"})
    # Of a status that is no number it lets int() complain. Other errors there are of what it calls.
    return refused if isinstance(error, AssertionError) or refused == "check_status" else ""

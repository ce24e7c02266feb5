"""Status lines of PEP 3333 (``"404 Not Found"``) and status codes of ASGI (``404``)."""

from __future__ import annotations

from http import HTTPStatus

from bridge.errors import ApplicationError

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
# Looked at before ``code_from_status``, for nearly all status lines are these.
KNOWN_CODES: dict[str, int] = {f"{code} {phrase}": code for code, phrase in _PHRASES.items()}

KNOWN_LINES = {code: line for line, code in KNOWN_CODES.items()}  # likewise, before ``status_from_code``

_SOURCE = 'PEP 3333, "The start_response() Callable"'

# RFC 9110, 6.4.1: no response to these carries content, whatever its header fields say (1xx is the third kind).
BODILESS = frozenset((*range(100, 200), 204, 304))


def code_from_status(status: object) -> int:
    """Return the code of a status line; the reason phrase may be missing (RFC 9112, 4: it is optional).

    Raises ApplicationError if it is no str, does not begin with three digits, or holds a character that could end the
    line (PEP 3333, "The start_response() Callable").
    """
    if not isinstance(status, str):
        raise ApplicationError(
            f"the application gave a status of type {type(status).__name__}, not str: {status!r}", source=_SOURCE
        )
    digits, space, phrase = status[:3], status[3:4], status[4:]
    if len(digits) != 3 or not (digits.isascii() and digits.isdigit()) or digits < "100" or space not in ("", " "):
        raise ApplicationError(f'the application gave a status that is not like "200 OK": {status!r}', source=_SOURCE)
    if not is_field_text(phrase):
        raise ApplicationError(
            f"the application gave a status with a control or non-latin-1 character: {status!r}", source=_SOURCE
        )
    return int(digits)


def status_from_code(code: int) -> str:
    """Return the status line for a code, with the registered reason phrase.

    PEP 3333 wants a reason phrase, so an unregistered code gets the phrase ``Unknown``.
    """
    return KNOWN_LINES.get(code) or f"{code} Unknown"


def is_field_text(text: str) -> bool:
    """Tell whether text may stand in a status line or a header value: latin-1 with no control character but the tab.

    RFC 9110, 5.5 and PEP 3333 ("no control characters, including carriage returns or linefeeds").
    """
    if text.isascii() and text.isprintable():
        return True
    for character in text:
        point = ord(character)
        if point > 255 or point == 127 or (point < 32 and point != 9):
            return False
    return True

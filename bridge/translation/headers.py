"""Header fields: ``[(b"content-type", b"text/plain")]`` of ASGI and ``CONTENT_TYPE`` / ``HTTP_*`` of CGI.

Theory. CGI upper-cases a name and turns ``-`` into ``_``, which loses information twice: letters' case, and the
difference between ``X-Real-User`` and ``X_Real_User``. A proxy that sets the first and passes on the second would let
a client speak for the proxy, so a name with an underscore never shares a key with the dashed one. ``Proxy`` never
becomes ``HTTP_PROXY``, which programs take for the variable that names their outgoing proxy (CVE-2016-5385).

What a name becomes is remembered in bounded tables: the same few names come with every request. A full table is
emptied, so that a client that invents names costs the ordinary ones a moment, and not their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from bridge._types import Environ, NativeHeaders, RawHeaders
from bridge.errors import ApplicationError, BadRequest
from bridge.translation.environ_keys import UNPREFIXED
from bridge.translation.status import is_field_text

# RFC 2616, 13.5.1 (and Proxy-Connection: RFC 9110, 7.6.1), which PEP 3333 ("Other HTTP Features") points to: these are
# the server's to set, never the application's.
HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
    )
)

# Where the specifications have what applications break.
_START_RESPONSE = 'PEP 3333, "The start_response() Callable"'
_RESPONSE_START = 'ASGI specs/www.rst, "Response Start - send event"'
_CONTENT_LENGTH = "RFC 9110, 8.6"

_REMEMBERED = 1024  # names per table
_REMEMBERED_LENGTH = 64

# Response headers whose values come again with the next answer, and are remembered along with the name. Those of others
# would only push these out of their table; and what Set-Cookie says is nobody's to keep.
_STEADY = frozenset(
    (
        b"access-control-allow-origin",
        b"cache-control",
        b"content-encoding",
        b"content-language",
        b"content-length",
        b"content-type",
        b"cross-origin-opener-policy",
        b"referrer-policy",
        b"server",
        b"strict-transport-security",
        b"vary",
        b"x-content-type-options",
        b"x-frame-options",
    )
)
_HOP_BY_HOP_LENGTH = -1

# RFC 9110, 5.6.2
_TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_DASHED = _TOKEN - frozenset(b"_")

_SPECIAL_KEYS: dict[bytes, str] = {
    b"content-type": "CONTENT_TYPE",
    b"content-length": "CONTENT_LENGTH",
    b"proxy": "",  # the empty key: this field is not passed on
}
_CGI_KEYS: dict[bytes, str] = {}
_RESPONSE_NAMES: dict[str, bytes] = {}
_RESPONSE_FIELDS: dict[tuple[str, str], tuple[tuple[bytes, bytes], int | None]] = {}
_NATIVE_NAMES: dict[bytes, str] = {}
_NATIVE_FIELDS: dict[tuple[bytes, bytes], tuple[tuple[str, str], int | None]] = {}


_Name = TypeVar("_Name", str, bytes)
_Known = TypeVar("_Known")


def _remember(table: dict[_Name, _Known], name: _Name, known: _Known) -> None:
    if len(name) <= _REMEMBERED_LENGTH:
        if len(table) >= _REMEMBERED:
            table.clear()
        table[name] = known


def _cgi_key(name: bytes) -> str:
    """Return the environ key of a header name in any letter case; remember it.

    ``""`` stands for a field that is not passed on: Proxy, a name with an underscore, a name that is no token.
    """
    if not isinstance(name, bytes):
        raise TypeError(f"the header name {name!r} is no bytes") from None
    lowered = name.lower()
    # Not by the table that is emptied, where another thread may find that Proxy is missing.
    key = _SPECIAL_KEYS.get(lowered)
    if key is None:
        is_passed_on = name and _DASHED.issuperset(lowered)
        key = "HTTP_" + lowered.decode("latin-1").upper().replace("-", "_") if is_passed_on else ""
    _remember(_CGI_KEYS, name, key)
    return key


def ordinary_environ_fields(headers: Sequence[Iterable[bytes]]) -> Environ | None:
    """Return what ``environ_fields`` would, in a third of its time, for headers whose names have all come before.

    None: they have not, or one of them is there twice or is not passed on, or they are no pairs of bytes.

    Raises BadRequest for Content-Length fields that differ.
    """
    keys = _CGI_KEYS
    try:
        fields: Environ = {keys[name]: value.decode("latin-1") for name, value in headers}
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    if len(fields) != len(headers) or "" in fields:
        return None
    if "CONTENT_LENGTH" in fields:
        _unite_lengths(fields)
    return fields


def environ_fields(headers: Sequence[Iterable[bytes]], *, underscores: bool = False) -> Environ:
    """Return the ``HTTP_*``, CONTENT_TYPE and CONTENT_LENGTH keys of a request.

    Repeated fields are joined by ``,`` (RFC 9110, 5.3), Cookie by ``; `` (RFC 6265, 5.4). Linear in the number of
    fields.

    underscores: pass on fields whose name has an underscore, where no field with dashes has the same key. Without it
    they are dropped.

    Raises BadRequest for Content-Length fields that differ; AttributeError, TypeError or ValueError for headers that
    are no pairs of bytes.
    """
    keys = _CGI_KEYS
    fields: Environ = {}
    repeated: dict[str, list[str]] = {}
    underscored: RawHeaders = []
    for name, value in headers:
        try:
            key = keys[name]  # half the cost of keys.get
        except KeyError:
            key = _cgi_key(name)
        if not key:
            if underscores and b"_" in name:
                underscored.append((name, value))
        elif key not in fields:
            fields[key] = value.decode("latin-1")
        elif key in repeated:
            repeated[key].append(value.decode("latin-1"))
        else:
            repeated[key] = [fields[key], value.decode("latin-1")]
    if repeated:
        _join_repeated(fields, repeated)
    if "CONTENT_LENGTH" in fields:
        _unite_lengths(fields)
    if underscored:
        _add_underscored(fields, underscored)
    return fields


def _join_repeated(fields: Environ, repeated: dict[str, list[str]]) -> None:
    for key, values in repeated.items():
        fields[key] = ("; " if key == "HTTP_COOKIE" else ",").join(values)


def _add_underscored(fields: Environ, headers: RawHeaders) -> None:
    """Add fields with an underscore; they join among themselves, and yield to a key that stands already."""
    added: dict[str, list[str]] = {}
    for name, value in headers:
        if not _TOKEN.issuperset(name):
            continue
        # Never CONTENT_LENGTH nor HTTP_PROXY: those would be the dashed field's, or nobody's. Nor HTTP_CONTENT_LENGTH,
        # which PEP 3333's validator (wsgiref.validate) refuses.
        key = "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
        if key[5:] not in UNPREFIXED and (key not in fields or key in added):
            fields[key] = ""
            added.setdefault(key, []).append(value.decode("latin-1"))
    _join_repeated(fields, added)


def _unite_lengths(fields: Environ) -> None:
    length = fields["CONTENT_LENGTH"]
    if "," in length:
        fields["CONTENT_LENGTH"] = _one_length(length)


def _one_length(value: str) -> str:
    """Return what several Content-Length values amount to: one, if they are equal (RFC 9110, 8.6).

    Raises BadRequest if they differ.
    """
    lengths = {part.strip(" \t") for part in value.split(",")}
    if len(lengths) > 1:
        raise BadRequest(f"the request has several Content-Length values that differ: {value[:100]!r}")
    return lengths.pop()


def framing(fields: Environ) -> tuple[int | None, bool]:
    """Return the declared body length (None: not declared, or not a number) and whether 100-continue is expected.

    fields: what ``environ_fields`` has made of a request's headers.
    """
    length = fields.get("CONTENT_LENGTH")
    expect = fields.get("HTTP_EXPECT")
    return (
        None if length is None else length_from_text(length),
        expect is not None and any(part.strip(" \t").lower() == "100-continue" for part in expect.split(",")),
    )


def length_from_text(text: str) -> int | None:
    """Return a Content-Length as a number, None if it is none (RFC 9110, 8.6: digits only)."""
    # int() would take "+5", "1_000" and digits of other scripts; the bound keeps it from numbers with a million digits.
    text = text.strip(" \t")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def headers_from_environ(environ: Environ, header_keys: list[tuple[str, bytes]]) -> RawHeaders:
    """Return the ASGI header list of an environ: lower-case names, latin-1 values.

    header_keys: what ``keys_of_environ`` returns of the same environ.
    """
    headers = [(name, v.encode() if (v := environ[key]).isascii() else _latin_1(v)) for key, name in header_keys]
    # An empty one is CGI's way to say that there is none (RFC 3875, 4.1.2).
    if value := environ.get("CONTENT_TYPE"):
        headers.append((b"content-type", _latin_1(value)))
    if value := environ.get("CONTENT_LENGTH"):
        headers.append((b"content-length", _latin_1(value)))
    return headers


def _latin_1(value: str) -> bytes:
    """Return the bytes of a native string; of ASCII UTF-8 makes the same ones, in half the time."""
    return value.encode("latin-1", "replace")


def response_headers_to_asgi(response_headers: object) -> tuple[RawHeaders, tuple[str, ...], int | None]:
    """Check a WSGI header list and translate it.

    Returns the headers for ASGI, the hop-by-hop names that were left out, and the declared length in bytes.

    Raises ApplicationError for whatever PEP 3333 ("The start_response() Callable") does not allow: another type than a
    list of tuples of two str, a name that is no token, control characters, characters beyond latin-1, a Content-Length
    that is no number or that is given twice with different values.
    """
    if not isinstance(response_headers, list):
        raise ApplicationError(
            f"the application gave response headers of type {type(response_headers).__name__}, not a list of tuples",
            source=_START_RESPONSE,
        )
    headers: RawHeaders = []
    dropped: tuple[str, ...] = ()
    declared: int | None = None
    known = _RESPONSE_FIELDS
    for pair in response_headers:
        try:
            field = known.get(pair)
        except TypeError:  # a list: it is no key, and no header either
            field = None
        raw, length = field or _response_field(pair)
        if length is None:
            headers.append(raw)
        elif length == _HOP_BY_HOP_LENGTH:
            dropped += (str.__str__(pair[0]),)
        elif declared is None:
            declared = length
            headers.append(raw)
        elif length != declared:
            raise ApplicationError(
                f"the application gave two Content-Lengths: {declared} and {length}", source=_CONTENT_LENGTH
            )
    return headers, dropped, declared


def _response_field(pair: object) -> tuple[tuple[bytes, bytes], int | None]:
    """Return a response header for ASGI, and the length that it declares; remember both if it will come again.

    The length is None for a header that declares none, ``_HOP_BY_HOP_LENGTH`` for one that is not passed on.
    """
    name, value = _plain_pair(pair)
    raw_name = _RESPONSE_NAMES.get(name)
    if raw_name is None:
        raw_name = _response_name(name)
    if not is_field_text(value):
        raise ApplicationError(
            f"the application gave a response header with a control or non-latin-1 character: {name}: {value!r}",
            source=_START_RESPONSE,
        )
    raw_value = value.encode("latin-1").strip(b" \t")
    length: int | None = None
    if not raw_name:
        length = _HOP_BY_HOP_LENGTH
    elif raw_name == b"content-length":
        length = length_from_text(raw_value.decode("latin-1"))
        if length is None:
            raise ApplicationError(
                f"the application gave a Content-Length that is no number: {value!r}", source=_CONTENT_LENGTH
            )
    field = (raw_name, raw_value), length
    if raw_name in _STEADY and len(value) <= _REMEMBERED_LENGTH:
        if len(_RESPONSE_FIELDS) >= _REMEMBERED:
            _RESPONSE_FIELDS.clear()
        _RESPONSE_FIELDS[name, value] = field
    return field


def _plain_pair(pair: object) -> tuple[str, str]:
    """Return a response header as a tuple of two str, of which each may be a subclass's.

    Raises ApplicationError if it is none.
    """
    if type(pair) is tuple and len(pair) == 2 and type(pair[0]) is type(pair[1]) is str:
        return pair
    if not isinstance(pair, tuple) or len(pair) != 2 or not all(isinstance(part, str) for part in pair):
        raise ApplicationError(
            f"the application gave a response header that is no tuple of two str: {pair!r}", source=_START_RESPONSE
        )
    # What a subclass holds, not what it shows: str() of an Enum is its name.
    return str.__str__(pair[0]), str.__str__(pair[1])


def _response_name(name: str) -> bytes:
    """Return the lower-case bytes of a response header name, ``b""`` if it is hop-by-hop; remember either."""
    raw_name = name.lower().encode("latin-1", "replace")
    if not name or not name.isascii() or not _TOKEN.issuperset(raw_name):
        raise ApplicationError(
            f"the application gave a response header name that is no token: {name!r} (RFC 9110, 5.1)",
            source=_START_RESPONSE,
        ) from None
    if name.lower() in HOP_BY_HOP:
        raw_name = b""
    _remember(_RESPONSE_NAMES, name, raw_name)
    return raw_name


def _native_name(name: bytes) -> str:
    """Return a response header name as a str; remember it."""
    if not name or not _TOKEN.issuperset(name):
        raise ApplicationError(
            f"the application gave a header name that is no token: {name!r} (RFC 9110, 5.1)", source="RFC 9110, 5.1"
        )
    native_name = name.decode("latin-1")
    _remember(_NATIVE_NAMES, name, native_name)
    return native_name


def response_headers_to_wsgi(headers: object) -> tuple[NativeHeaders, tuple[str, ...], int | None]:
    """Check an ASGI header iterable and translate it.

    Returns the headers for WSGI, the hop-by-hop names that were left out, and the declared length in bytes.

    Raises ApplicationError for names or values that are no bytes, a name that is no token or a pseudo header, a value
    with control characters, and a Content-Length that is no number or that is given twice with different values.
    """
    native: NativeHeaders = []
    dropped: tuple[str, ...] = ()
    declared: int | None = None
    # The ordinary case without a call of abc's.
    if type(headers) is not list and not isinstance(headers, Iterable):
        raise ApplicationError(
            f"the application gave response headers of type {type(headers).__name__}", source=_RESPONSE_START
        )
    known = _NATIVE_FIELDS
    for pair in headers:
        try:
            name, value = pair
            # Of the table's own types alone: a memoryview, which is equal to its bytes, may not pass for them.
            field = known.get((name, value)) if type(name) is type(value) is bytes else None
        except (TypeError, ValueError):
            raise ApplicationError(
                f"the application gave a response header that is no pair: {pair!r}", source=_RESPONSE_START
            ) from None
        native_pair, length = field or _native_field(name, value)
        if length is None:
            native.append(native_pair)
        elif length == _HOP_BY_HOP_LENGTH:
            dropped += (native_pair[0],)
        elif declared is None:
            declared = length
            native.append(native_pair)
        elif length != declared:
            raise ApplicationError(
                f"the application gave two Content-Lengths: {declared} and {length}", source=_CONTENT_LENGTH
            )
    return native, dropped, declared


def _native_field(name: object, value: object) -> tuple[tuple[str, str], int | None]:
    """Return a response header for WSGI, and what ``_response_field`` does beside it."""
    if not isinstance(name, bytes) or not isinstance(value, bytes):
        raise ApplicationError(
            f"the application gave a response header that is no pair of bytes: {(name, value)!r}",
            source=_RESPONSE_START,
        )
    native_name = _NATIVE_NAMES.get(name)
    if native_name is None:
        native_name = _native_name(name)
    text = value.decode("latin-1").strip(" \t")
    if not is_field_text(text):
        raise ApplicationError(
            f"the application gave a response header with a control character: {(name, value)!r}",
            source="RFC 9110, 5.5",
        )
    lowered = native_name.lower()
    length: int | None = None
    if lowered in HOP_BY_HOP:
        length = _HOP_BY_HOP_LENGTH
    elif lowered == "content-length":
        length = length_from_text(text)
        if length is None:
            raise ApplicationError(
                f"the application gave a Content-Length that is no number: {text!r}", source=_CONTENT_LENGTH
            )
    field = (native_name, text), length
    if name.lower() in _STEADY and len(value) <= _REMEMBERED_LENGTH:
        if len(_NATIVE_FIELDS) >= _REMEMBERED:
            _NATIVE_FIELDS.clear()
        _NATIVE_FIELDS[name, value] = field
    return field

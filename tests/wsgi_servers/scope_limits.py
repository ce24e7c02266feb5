"""What a scope from a WSGI server cannot hold that uvicorn's does, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping

from tests.wsgi_servers.kinds import Kind

# By the case (a request in test_scopes.py), then by the field.
Differences = Mapping[str, Mapping[str, str]]

# CGI has one variable for all fields of a name, in which dashes are underscores.
EVERYWHERE: Differences = {
    "underscore": {"headers": "the server drops such a field, or its variable is that of the dashed name"},
    "repeated header": {"headers": "the server joins fields of one name by commas; cheroot keeps the last one only"},
    "repeated cookie": {"headers": "the server joins them as it joins other fields; cheroot keeps the last one only"},
}

_NO_TARGET = "the environ has neither RAW_URI nor REQUEST_URI, so the path is quoted anew"
_MERGED_SLASHES = "the server merges the leading slashes before it makes PATH_INFO"
_SHORTENED = "the server resolves dot segments before it makes PATH_INFO"
_WHOLE_TARGET = "PATH_INFO is the whole request target"
_LEADING = {"path": _MERGED_SLASHES, "raw_path": _MERGED_SLASHES}
_DOTS = {"path": _SHORTENED, "raw_path": _SHORTENED}
_ABSOLUTE = {"path": _WHOLE_TARGET, "raw_path": _WHOLE_TARGET, "root_path": _WHOLE_TARGET}

BY_FAMILY: dict[str, Differences] = {
    "waitress": {"leading slashes": _LEADING},
    "cheroot": {
        "leading slashes": {"type": "the server answers 400: it takes what stands between the slashes for a host"},
        "absolute form": {"type": "the server answers 400: it takes this form for a proxy's"},
    },
    "werkzeug": {"leading slashes": _LEADING},
    "wsgiref": {
        "escaped slash": {"raw_path": _NO_TARGET},
        "lower-case escapes": {"raw_path": _NO_TARGET},
        "needless escapes": {"raw_path": _NO_TARGET},
        "leading slashes": _LEADING,
        "absolute form": _ABSOLUTE,
    },
    "granian": {
        "escaped slash": {"raw_path": _NO_TARGET},
        "lower-case escapes": {"raw_path": _NO_TARGET},
        "needless escapes": {"raw_path": _NO_TARGET},
        "latin-1 header": {"headers": "the server empties values that are not ASCII"},
        "no host": {"headers": "the server adds an empty Host"},
    },
    "uwsgi": {"dots": _DOTS, "absolute form": _ABSOLUTE},
    "mod_wsgi": {
        "double slash": {"path": "Apache merges slashes", "raw_path": "PATH_INFO is not what REQUEST_URI says then"},
        "leading slashes": _LEADING,
        "dots": _DOTS,
    },
}

# wsgiref's CONTENT_TYPE is text/plain where the client sent none.
ALWAYS_TYPED = "wsgiref"
TYPED = "content type"

# SERVER_NAME, where it is not the address that the client reached, with which uvicorn fills the same field.
NAMES: dict[str, str] = {
    "waitress": "a constant, waitress.invalid: it does not guess",
    "cheroot": "its own name and version",
    "wsgiref": "the name of the machine",
    "uwsgi": "the name of the machine",
}


def differences(kind: Kind, case: str) -> set[str]:
    """The fields that cannot be uvicorn's."""
    fields = {*EVERYWHERE.get(case, {}), *BY_FAMILY.get(kind.family, {}).get(case, {})}
    if kind.family == ALWAYS_TYPED and case != TYPED:
        fields.add("headers")
    return fields

"""``--root-path``: the path that a proxy has taken off."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable

from bridge._types import Environ, StartResponse, WSGIApplication
from bridge.translation.paths import cut_prefix

# Segments that mean the same quoted and unquoted (RFC 3986, 3.3, "pchar" without escapes): SCRIPT_NAME and root_path
# are unquoted, and servers put them before quoted targets.
_PLAIN = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@-]+)+").fullmatch


def root_path(text: str) -> str:
    """Read the option's value.

    Raises ArgumentTypeError if it is no path, or one that is written in another way.
    """
    if not text.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} does not start with a slash")
    if text.endswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} ends with a slash; write it without, or leave the option out")
    if not _PLAIN(text):
        raise argparse.ArgumentTypeError(f"{text!r} has empty segments, or characters that a URL would have to quote")
    return text


def below(path: str, application: WSGIApplication) -> WSGIApplication:
    """A WSGI application that is told that it is mounted at a path; itself for an empty one.

    A proxy that leaves the path on does no harm: it is cut off where a segment ends, as under a mount. ``/api`` is
    never cut off ``/apiv2``.
    """
    if not path:
        return application

    def mounted(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        script_name, path_info = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
        whole = script_name + path_info
        rest = cut_prefix(whole, path)
        if rest is whole:
            environ["SCRIPT_NAME"] = path + script_name
            for name in ("REQUEST_URI", "RAW_URI"):
                # It has to tell of the same path as the other two, or its escapes (%2F) are lost.
                if environ.get(name, "").startswith("/"):
                    environ[name] = path + environ[name]
        elif len(script_name) < len(path):  # else the server tells of a mount further down
            environ["SCRIPT_NAME"], environ["PATH_INFO"] = path, rest
        return application(environ, start_response)

    return mounted

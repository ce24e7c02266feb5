"""`--root-path` on a WSGI server: what the application is told of its address."""

from __future__ import annotations

import pytest

from bridge._types import Environ
from bridge.cli.root_path import below
from tests.cli.test_threaded_server import telling


def told(environ: Environ) -> Environ:
    """What an application below `/api` gets for an environ."""
    seen: Environ = {}

    def application(environ: Environ, start_response: object) -> list[bytes]:
        seen.update(environ)
        return []

    below("/api", application)(dict(environ), lambda *_: lambda _: None)
    return seen


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("", "/x"), ("/api", "/x")),
        (("", "/"), ("/api", "/")),
        (("", ""), ("/api", "")),
        (("", "/api/x"), ("/api", "/x")),
        (("", "/api"), ("/api", "")),
        (("", "/apiv2"), ("/api", "/apiv2")),
        (("/inner", "/x"), ("/api/inner", "/x")),
        (("/api/inner", "/x"), ("/api/inner", "/x")),
        (("/api", "/x"), ("/api", "/x")),
        (("/apiv2", "/x"), ("/api/apiv2", "/x")),
    ],
)
def test_script_name_and_path_info(given: tuple[str, str], expected: tuple[str, str]) -> None:
    """W2: the root path is in SCRIPT_NAME once, and cut off PATH_INFO only where a segment ends."""
    seen = told({"SCRIPT_NAME": given[0], "PATH_INFO": given[1]})
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == expected


@pytest.mark.parametrize(
    ("target", "path_info", "expected"),
    [
        ("/a%2Fb?q=1", "/a/b", "/api/a%2Fb?q=1"),
        ("/api/a%2Fb", "/api/a/b", "/api/a%2Fb"),
        ("http://host/a", "/a", "http://host/a"),
    ],
)
def test_the_target_tells_of_the_same_path(target: str, path_info: str, expected: str) -> None:
    """A1: RAW_URI and REQUEST_URI unquote to SCRIPT_NAME + PATH_INFO still, so that escaped slashes are not lost."""
    seen = told({"SCRIPT_NAME": "", "PATH_INFO": path_info, "RAW_URI": target, "REQUEST_URI": target})
    assert (seen["RAW_URI"], seen["REQUEST_URI"]) == (expected, expected)


def test_without_a_root_path_nothing_is_between() -> None:
    """An application without a root path is called by the server itself."""
    assert below("", telling) is telling

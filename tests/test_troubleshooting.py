"""docs/troubleshooting.md quotes what the log and the answers say: what is quoted is said, and its code runs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import bridge

PACKAGE = Path(bridge.__file__).parent
PAGE = (PACKAGE.parent / "docs" / "troubleshooting.md").read_text(encoding="utf-8")

QUOTED = (
    "is answered 503:",
    "the application failed on",
    "a hop-by-hop header that only the server may set",
    "The application failed to start.",
    "the application's startup failed",
    "The server is not ready.",
    "the application has no lifespan, it is served without one",
    "the background loop is blocked by an application",
)
"""What the page says that bridge says, word for word."""


def texts() -> str:
    """Every text in the source of bridge, without its placeholders, each on a line."""
    nodes = (node for path in PACKAGE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return "\n".join(
        " ".join(re.sub(r"%\S*[a-z]", "", node.value).split())
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


@pytest.mark.parametrize("text", QUOTED)
def test_what_is_quoted_is_said(text: str) -> None:
    """B2: who searches the page for what the log says finds it, and the other way round."""
    assert text in " ".join(PAGE.split())
    assert text in texts()


def test_the_example_of_a_stuck_request() -> None:
    """W18: the warning is quoted with a request and a time in it."""
    quoted = "the application still runs for GET '/report', 30 seconds after its client went away"
    assert quoted in " ".join(PAGE.split())
    assert "the application still runs for , seconds after its client went away; its thread is free" in texts()


def test_the_example_of_threads_that_are_kept() -> None:
    """W14, B3: so is the warning of requests that wait for a thread."""
    quoted = "requests wait for a thread, and 40 have kept theirs for over 30 seconds"
    assert quoted in " ".join(PAGE.split())
    assert "requests wait for a thread, and have kept theirs for over seconds" in texts()


@pytest.mark.parametrize("block", re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
def test_the_code_runs(block: str, capsys: pytest.CaptureFixture[str]) -> None:
    """B3: the first look is what the page shows."""
    names: dict[str, object] = {"__name__": __name__}
    exec(compile(block, "troubleshooting.md", "exec"), names)  # noqa: S102  it is what the page asks its reader to do
    assert capsys.readouterr().out.startswith("Stats(threads=0")


def test_every_option_it_names() -> None:
    """An option that the page names is one of an adapter's."""
    source = (PACKAGE / "wsgi_to_asgi.py").read_text() + (PACKAGE / "asgi_to_wsgi.py").read_text()
    named = set(re.findall(r"`([a-z]+_[a-z_]+)(?:=[^`]*)?`", PAGE)) - {"root_path", "sync_to_async", "async_to_sync"}
    named -= {"proxy_buffering"}
    assert {"stuck_after", "startup_retry", "underscore_headers"} <= named
    assert [name for name in sorted(named) if not re.search(rf"\b{name}: .* = ", source)] == ["thread_sensitive"]

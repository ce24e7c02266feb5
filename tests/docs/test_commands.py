"""The commands of docs/ are accepted: their options exist, and so does what they serve."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bridge import UsageError
from bridge.cli.errors import CommandError
from tests.docs import commands
from tests.docs.pages import Block, of


@pytest.mark.parametrize("block", of("sh"), ids=str)
def test_commands(block: Block, reader: Callable[[str], Path]) -> None:
    """Each line of a block of commands names a program, options and an application that there are."""
    if block.page != "django.md":  # test_python.py serves a Django project by the same names
        reader(block.page)
        for line in block.code.splitlines():
            commands.check(line)
    else:
        assert [line.split()[-1] for line in block.code.splitlines()] in (
            ["mysite.asgi:application"],
            ["mysite.wsgi:application"],
        )


@pytest.mark.parametrize(
    "wrong",
    [
        "uvicorn shop:asgi --no-such-option",
        "uvicorn shop:nothing",
        "uvicorn shop:app",  # a WSGI application
        "gunicorn --worker-class asgi shop:app",
        "BRIDGE_APP=shop:app BRIDGE_TREADS=1 uvicorn bridge.asgi:app",
        "pip install -e '.[no_such_extra]'",
        "curl http://127.0.0.1:8000/",
    ],
)
def test_what_is_wrong_is_noticed(wrong: str, reader: Callable[[str], Path]) -> None:
    """The check of commands can fail: an option, an application or a program that there is not is an error."""
    reader("servers/uvicorn.md")
    with pytest.raises((AssertionError, CommandError, UsageError)):
        commands.check(wrong)

"""The tutorial, step by step: its commands start servers, and those answer what the page shows."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.command import running
from tests.docs.pages import BLOCKS
from tests.examples.client import GUNICORN_SAYS, UVICORN_SAYS, connected

TUTORIAL = "tutorial.md"

# What the test adds, so that the system chooses the port and nothing is left in a home directory.
_ADDED = {
    "uvicorn": (["--port", "0"], UVICORN_SAYS),
    "gunicorn": (["--bind", "127.0.0.1:0", "--no-control-socket"], GUNICORN_SAYS),
}


def steps() -> Iterator[tuple[str, str]]:
    """Each command that starts a server, with the block of what it is asked."""
    blocks = [block for block in BLOCKS if block.page == TUTORIAL]
    for block, following in itertools.pairwise(blocks):
        if following.language == "console":
            yield block.code.strip(), following.code


STEPS = list(steps())


def test_every_answer_belongs_to_a_server() -> None:
    """No block with answers is left out: each stands right behind the command that serves it."""
    assert len(STEPS) == sum(block.language == "console" for block in BLOCKS) == 3


def told(client: httpx.Client, command: str) -> str:
    """What a line with curl prints."""
    program, *arguments = shlex.split(command)
    assert program == "curl"
    target = re.fullmatch(r"http://127\.0\.0\.1:8000(/.*)", arguments.pop())
    assert target is not None
    if not arguments:
        return client.get(target[1]).text
    assert arguments[0] == "-d"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return client.post(target[1], content=arguments[1], headers=form).text


@pytest.mark.parametrize(("served", "asked"), STEPS, ids=[command for command, _ in STEPS])
def test_a_step(served: str, asked: str, reader: Callable[[str], Path]) -> None:
    """A server that is started as the tutorial says answers what the tutorial shows."""
    program, *arguments = shlex.split(served)
    added, says = _ADDED[program]
    with (
        running("-m", program, *arguments, *added, directory=reader(TUTORIAL)) as server,
        connected(server, says) as client,
    ):
        shown = re.findall(r"^\$ (.+)\n((?:[^$].*\n)*)", asked, re.MULTILINE)
        assert "".join(f"$ {command}\n{output}" for command, output in shown) == asked
        for command, output in shown:
            assert told(client, command).strip() == output.strip()

"""The comparison notices a bridge that is wrong in one thing only, within a few hundred examples."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase

from tests.roundtrip import broken_asgi_bridges, broken_wsgi_bridges
from tests.roundtrip.asgi_scripts import AsgiScript, Begin, Receive, Send
from tests.roundtrip.asgi_strategies import asgi_cases
from tests.roundtrip.client import Client
from tests.roundtrip.requests import Request
from tests.roundtrip.wsgi_scripts import Read, Start, Step, WsgiScript
from tests.roundtrip.wsgi_strategies import wsgi_cases

if TYPE_CHECKING:
    from hypothesis import strategies as st

    from tests.roundtrip.playing import Broken, Servers
    from tests.roundtrip.stacks import Stack

ENOUGH = hypothesis.settings(
    max_examples=600,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
WRONG = [
    ("wsgi", wsgi_cases(), broken_wsgi_bridges.BROKEN),
    ("asgi", asgi_cases(), broken_asgi_bridges.BROKEN),
]
VANISHING = Request(method="POST", body=(b"abc", b"def"), declared=False, leaves_sending=4)
READING_AND_SHRUGGING: dict[str, WsgiScript | AsgiScript] = {
    "wsgi": WsgiScript("list", (Read("read"), Start("200 OK", ())), (Step((), None),), shrugs=True),
    "asgi": AsgiScript((Receive(None), Begin(200, ()), Send(None, more=False)), shrugs=True),
}
IN_STEP: dict[str, WsgiScript | AsgiScript] = {
    "wsgi": WsgiScript("generator", (Start("200 OK", ()),), (Step((), b"a"), Step((), b"b")), in_step=True),
    "asgi": AsgiScript((Begin(200, ()), Send(b"a", more=True), Send(b"b", more=False)), in_step=True),
}


@pytest.mark.parametrize(
    ("interface", "cases", "broken"),
    [
        pytest.param(interface, cases, broken, id=f"{interface}: {name}")
        for interface, cases, bridges in WRONG
        for name, broken in bridges.items()
    ],
)
def test_a_broken_bridge_is_noticed(
    servers: Servers,
    stacks: dict[tuple[str, int, str], Stack],
    monkeypatch: pytest.MonkeyPatch,
    interface: str,
    cases: st.SearchStrategy[Any],
    broken: Broken,
) -> None:
    """The law: the checker notices; the same comparison with a bridge that is wrong on purpose finds an example."""
    stack = stacks[interface, 1, "default"]
    # An application that waits for its client, which gets too little, is noticed by that.
    monkeypatch.setattr(Client, "patience", 1.0)
    found = hypothesis.find(
        cases,
        lambda case: bool(servers.faults(case[0], case[1], stack, broken)),
        settings=ENOUGH,
        random=random.Random(3333),  # noqa: S311
    )
    monkeypatch.undo()
    assert servers.faults(found[0], found[1], stack) == []


@pytest.mark.parametrize(
    ("interface", "broken"),
    [("wsgi", broken_wsgi_bridges.ending_a_broken_body), ("asgi", broken_asgi_bridges.ending_a_broken_body)],
)
def test_a_bridge_that_ends_a_broken_body_is_noticed(
    servers: Servers, stacks: dict[tuple[str, int, str], Stack], interface: str, broken: Broken
) -> None:
    """W5: the checker notices a bridge which takes the leaving of a client for the end of its body."""
    stack, script = stacks[interface, 1, "default"], READING_AND_SHRUGGING[interface]
    assert any("the application does not begin" in fault for fault in servers.faults(script, VANISHING, stack, broken))
    assert servers.faults(script, VANISHING, stack) == []


@pytest.mark.parametrize(
    ("interface", "broken"), [("wsgi", broken_wsgi_bridges.holding_back), ("asgi", broken_asgi_bridges.holding_back)]
)
def test_a_bridge_that_holds_back_is_noticed(
    servers: Servers,
    stacks: dict[tuple[str, int, str], Stack],
    monkeypatch: pytest.MonkeyPatch,
    interface: str,
    broken: Broken,
) -> None:
    """W8, A5: the checker notices a bridge that gives all at the end; the application waits for its client in vain."""
    stack, script = stacks[interface, 1, "default"], IN_STEP[interface]
    assert servers.faults(script, Request(), stack) == []
    monkeypatch.setattr(Client, "patience", 0.3)
    assert any("TimeoutError" in fault for fault in servers.faults(script, Request(), stack, broken))

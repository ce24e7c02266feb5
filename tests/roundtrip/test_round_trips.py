"""The law: a round trip through both adapters cannot be told from no bridge at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.roundtrip.asgi_scripts import AsgiScript
from tests.roundtrip.asgi_strategies import asgi_cases
from tests.roundtrip.examples import tried
from tests.roundtrip.requests import Request
from tests.roundtrip.stacks import OPTIONS, ROUND_TRIPS, Stack
from tests.roundtrip.wsgi_scripts import WsgiScript
from tests.roundtrip.wsgi_strategies import wsgi_cases

if TYPE_CHECKING:
    from tests.roundtrip.playing import Servers

Stacks = dict[tuple[str, int, str], Stack]
WsgiCase = tuple[WsgiScript, Request]
AsgiCase = tuple[AsgiScript, Request]

pytestmark = pytest.mark.timeout(0)  # each wait of an example has a limit; how many examples there are is asked for

depths = st.sampled_from(ROUND_TRIPS)
options = st.sampled_from(sorted(OPTIONS))


@tried(0.44)
@given(case=wsgi_cases(), depth=depths, how=options)
def test_wsgi(servers: Servers, stacks: Stacks, case: WsgiCase, depth: int, how: str) -> None:
    """The law: `AsgiToWsgi(WsgiToAsgi(app))` cannot be told from `app`, one round trip deep or three."""
    found = servers.faults(*case, stacks["wsgi", depth, how])
    assert not found, "\n".join(found)


@tried(0.44)
@given(case=asgi_cases(), depth=depths, how=options)
def test_asgi(servers: Servers, stacks: Stacks, case: AsgiCase, depth: int, how: str) -> None:
    """The law: `WsgiToAsgi(AsgiToWsgi(app))` cannot be told from `app`, one round trip deep or three."""
    found = servers.faults(*case, stacks["asgi", depth, how])
    assert not found, "\n".join(found)


@tried(0.06)
@given(case=wsgi_cases(leaves=True), depth=depths, how=options)
def test_wsgi_with_a_client_that_leaves(servers: Servers, stacks: Stacks, case: WsgiCase, depth: int, how: str) -> None:
    """The law, W5, W10, W18: nor with a client that vanishes at any byte of the request or the response."""
    found = servers.faults(*case, stacks["wsgi", depth, how])
    assert not found, "\n".join(found)


@tried(0.06)
@given(case=asgi_cases(leaves=True), depth=depths, how=options)
def test_asgi_with_a_client_that_leaves(servers: Servers, stacks: Stacks, case: AsgiCase, depth: int, how: str) -> None:
    """The law, A2, A6: nor with a client that vanishes at any byte of the request or the response."""
    found = servers.faults(*case, stacks["asgi", depth, how])
    assert not found, "\n".join(found)

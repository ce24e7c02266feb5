"""The two tables: an adapter's servers, and what they cannot give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.matrix.behaviours import KEPT, Behaviour, Shortfall
from tests.servers import kinds as asgi_kinds
from tests.servers import limits as asgi_limits
from tests.servers.kinds import Kind
from tests.wsgi_servers import kinds as wsgi_kinds
from tests.wsgi_servers import limits as wsgi_limits


@dataclass(frozen=True)
class Direction:
    """One of them."""

    adapter: str
    title: str
    application: str
    """MODULE:ATTRIBUTE in this folder, with the bridged and the native site."""
    kinds: Sequence[Kind]
    shortfalls: Mapping[tuple[str, Behaviour], Shortfall]
    """By the name of a kind or of all its family."""
    others: Mapping[tuple[str, str], str]
    """What no row is about: the reason, by the name of a family and what it lacks."""

    def shortfall(self, kind: Kind, behaviour: Behaviour) -> Shortfall | None:
        """Why that server cannot give that; None if it can."""
        return self.shortfalls.get((kind.name, behaviour)) or self.shortfalls.get((kind.family, behaviour))

    def expected(self, kind: Kind, behaviour: Behaviour) -> str:
        """What a probe has to tell there."""
        shortfall = self.shortfall(kind, behaviour)
        return shortfall.instead if shortfall else KEPT


WSGI_TO_ASGI = Direction(
    "WsgiToAsgi",
    "`WsgiToAsgi`: a WSGI application on ASGI servers",
    "on_asgi:app",
    asgi_kinds.KINDS,
    asgi_limits.SHORTFALLS,
    {(family, limit.value): reason for (family, limit), reason in asgi_limits.OTHERS.items()},
)
ASGI_TO_WSGI = Direction(
    "AsgiToWsgi",
    "`AsgiToWsgi`: an ASGI application on WSGI servers",
    "on_wsgi:application",
    wsgi_kinds.ORIGINALS,
    wsgi_limits.SHORTFALLS,
    {(family, limit.value): reason for (family, limit), reason in wsgi_limits.OTHERS.items()},
)
DIRECTIONS = [WSGI_TO_ASGI, ASGI_TO_WSGI]

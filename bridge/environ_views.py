"""``environ["asgi.scope"]`` and ``environ["asgi.state"]``: the server's own objects behind reprs that show no content.

Debug pages and error reports print the environ. Django's hides what looks secret, by key, and goes into every dict
that it finds; the headers of a raw scope would show the session cookie there. So these are mappings but no dicts, and
say only what they are.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, ClassVar

from bridge.outliving import Outliving

if TYPE_CHECKING:
    from bridge.in_servers_task import HostingRequest


class EnvironView(MutableMapping[str, Any]):
    """A mapping that is live: what is read and written is the scope's own.

    mapping: that; whoever makes a view sets it, for every request has two of them and an ``__init__`` takes as long as
        all the rest.
    """

    __slots__ = ("mapping",)

    mapping: MutableMapping[str, Any]
    _name: ClassVar[str]

    def __getitem__(self, key: str) -> Any:
        return self.mapping[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.mapping[key] = value

    def __delitem__(self, key: str) -> None:
        del self.mapping[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.mapping)

    def __len__(self) -> int:
        return len(self.mapping)

    def __contains__(self, key: object) -> bool:
        return key in self.mapping

    def __repr__(self) -> str:
        return f"<{self._name}: {len(self.mapping)} keys>"


class StateView(EnvironView):
    """``environ["asgi.state"]``."""

    __slots__ = ()

    _name = "asgi.state"


class ScopeView(EnvironView):
    """``environ["asgi.scope"]``, by which an adapter inside the application also finds the outer one's request.

    outliving: what such an adapter leaves here if its application may go on after the answer, else None; host: the
        outer request, if it lets the adapter's application run in the server's task, else None. Set like ``mapping``.
    """

    __slots__ = ("host", "outliving")

    outliving: Outliving | None
    host: HostingRequest | None
    _name = "asgi.scope"

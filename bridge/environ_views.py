"""``environ["asgi.scope"]`` and ``environ["asgi.state"]``: the server's own objects behind reprs that show no content.

Debug pages and error reports print the environ. Django's hides what looks secret, by key, and goes into every dict
that it finds; the headers of a raw scope would show the session cookie there. So these are mappings but no dicts, and
say only what they are.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any


class EnvironView(MutableMapping[str, Any]):
    """A mapping that is live: what is read and written is the scope's own."""

    __slots__ = ("_mapping", "_name")

    def __init__(self, mapping: MutableMapping[str, Any], name: str) -> None:
        self._mapping = mapping
        self._name = name

    def __getitem__(self, key: str) -> Any:
        return self._mapping[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._mapping[key] = value

    def __delitem__(self, key: str) -> None:
        del self._mapping[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._mapping)

    def __len__(self) -> int:
        return len(self._mapping)

    def __contains__(self, key: object) -> bool:
        return key in self._mapping

    def __repr__(self) -> str:
        return f"<{self._name}: {len(self._mapping)} keys>"

"""Telling of response headers that were not passed on."""

from __future__ import annotations

import logging
from collections.abc import Iterable

logger = logging.getLogger("bridge")


class DroppedHeaders:
    """Logs each hop-by-hop header that an application sets, once (PEP 3333, "Other HTTP Features")."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, names: Iterable[str]) -> None:
        """Log those of the names that were not told of before."""
        for name in names:
            if name.lower() not in self._told:
                self._told.add(name.lower())
                logger.warning(
                    "bridge: the application set %s, a hop-by-hop header that only the server may set (PEP 3333); "
                    "it is dropped, now and in future",
                    name,
                )

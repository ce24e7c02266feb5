"""How many examples are tried, and which: the seed makes them the same ones every time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import hypothesis
from hypothesis import HealthCheck, Phase

if TYPE_CHECKING:
    from collections.abc import Callable

TOTAL = int(os.environ.get("ROUNDTRIP_EXAMPLES", "2000"))
SEED = int(os.environ.get("ROUNDTRIP_SEED", "3333"))


def tried(share: float) -> Callable[[Any], Any]:
    """Try a property on its share of all examples."""

    def decorate(test: Any) -> Any:
        settings = hypothesis.settings(
            max_examples=max(1, round(TOTAL * share)),
            deadline=None,
            database=None,
            print_blob=True,
            # An example is an application and a request: large by nature. And all examples share servers and adapters.
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
        )
        return hypothesis.seed(SEED)(settings(test))

    return decorate

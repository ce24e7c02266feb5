"""Whether gevent has put its own in the place of the standard library's threads and locks."""

from __future__ import annotations

import sys
from typing import Any


def is_under_gevent() -> bool:
    """Tell whether threads are greenlets, and who waits for a lock lets other greenlets run, in this process by now."""
    monkey: Any = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))

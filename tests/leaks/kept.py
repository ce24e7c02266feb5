"""What libraries keep for later, whoever used them first: a test that did is not to blame."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from asgiref.sync import SyncToAsync

if TYPE_CHECKING:
    import threading


def is_kept_by_a_library(thread: threading.Thread) -> bool:
    """Tell whether a thread is asgiref's one for thread-sensitive calls, or sleeps in trio's cache."""
    return thread in SyncToAsync.single_thread_executor._threads or thread in idle_in_trio()


def idle_in_trio() -> set[threading.Thread]:
    """Return the threads that trio keeps for ten seconds after their work."""
    cache: Any = sys.modules.get("trio._core._thread_cache")
    return set() if cache is None else {worker._thread for worker in list(cache.THREAD_CACHE._idle_workers)}

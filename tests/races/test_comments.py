"""Every comment in `bridge` that numbers the steps of two threads has tests that force their orders."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import bridge

PACKAGE = Path(bridge.__file__).parent
TESTS = Path(__file__).parents[1]

FORCED = {
    "asgi_request.py": "races/test_asgi_request_orders.py",
    "handoff/doorbell.py": "handoff/test_doorbell_orders.py",
    "handoff/executors.py": "races/test_executor_orders.py",
    "handoff/serving_thread.py": "races/test_serving_thread_counterproofs.py",
    "handoff/workers.py": "handoff/test_pool_counterproofs.py",
    "handoff/wakeups.py": "handoff/test_wakeup_orders.py",
    "in_servers_task.py": "races/test_in_servers_task_orders.py",
    "outliving.py": "races/test_outliving_orders.py",
    "request_body.py": "races/test_request_body_orders.py",
    "wsgi_request.py": "races/test_wsgi_request_orders.py",
}
"""By the file that has such a comment: the tests with its wrong orders."""

COLUMNS = re.compile(r"^ *#? +1\. .*\S {2,}a\. ", re.MULTILINE)
"""Two threads side by side, the steps of one numbered and those of the other lettered."""


def test_each_has_its_tests() -> None:
    """B1: a new comment of this kind needs tests, and a test whose comment is gone goes, too."""
    found = {
        str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if COLUMNS.search(path.read_text("utf-8"))
    }
    assert found == set(FORCED)


@pytest.mark.parametrize("name", sorted(set(FORCED.values())))
def test_they_try_wrong_orders(name: str) -> None:
    """B1: the tests prove by wrong orders that they would see one."""
    assert re.search(r'parametrize\(\s*"wrong"|parametrize\(\s*\("wrong"', (TESTS / name).read_text("utf-8"))

"""One thread waits, another wakes it."""

from __future__ import annotations

import threading
import time

from bridge.handoff.baton import Baton
from tests.harness import LIMIT


def test_a_wake_ends_the_wait() -> None:
    """W18: a wake from another thread ends the wait."""
    baton = Baton()
    woken = []
    thread = threading.Thread(target=lambda: woken.append(baton.wait(LIMIT)))
    thread.start()
    baton.wake()
    thread.join(LIMIT)
    assert woken == [True]


def test_an_early_wake_is_kept() -> None:
    """A wake that comes before the wait ends it at once; several are kept as one."""
    baton = Baton()
    for _ in range(3):
        baton.wake()
    assert baton.wait(LIMIT) is True
    assert baton.wait(0) is False


def test_a_wait_has_a_limit() -> None:
    """Without a wake the wait ends after its limit, and says so."""
    baton = Baton()
    started = time.monotonic()
    assert baton.wait(0.02) is False
    assert 0.01 < time.monotonic() - started < LIMIT
    assert baton.wait(0) is False
    baton.wake()
    assert baton.wait() is True


def test_to_and_fro() -> None:
    """10,000 round trips between two threads, each of which looks, waits and looks again: none is lost."""
    there, back = Baton(), Baton()
    turns = 0

    def answer() -> None:
        for _ in range(10_000):
            assert there.wait(LIMIT)
            back.wake()

    thread = threading.Thread(target=answer)
    thread.start()
    for _ in range(10_000):
        there.wake()
        if not back.wait(LIMIT):
            break
        turns += 1
    thread.join(LIMIT)
    assert turns == 10_000


def test_many_wakers() -> None:
    """Whatever the wakers' number, who waits for a state sees it: the last wake comes after the last change."""
    baton = Baton()
    news: list[int] = []

    def tell() -> None:
        for number in range(500):
            news.append(number)
            baton.wake()

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(news) < 2000:
        assert baton.wait(LIMIT), "a wake was lost"
    for thread in threads:
        thread.join(LIMIT)

"""When requests that keep their threads are told of, by a clock that the test moves on."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from bridge.stuck import StuckLook


class Timer:
    """A call that is due."""

    def cancel(self) -> None:
        """Nobody does."""
        raise AssertionError("looks are never cancelled")


class Request:
    """A request, in the thread of the test or in none."""

    was_reported = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.thread_id = 0

    def describe(self) -> str:
        return f"GET '/{self.name}'"

    def run(self) -> Request:
        """Get a thread."""
        self.thread_id = threading.get_ident()
        return self


class Scene:
    """A pool and its requests."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.requests: list[Request] = []
        self.queued = 0
        self.abandoned: dict[object, float] = {}
        self.look = StuckLook(30, self.abandoned, lambda: self.queued, lambda: self.requests, self.call_later)  # type: ignore[arg-type]

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        self.timers.append((seconds, call))
        return Timer()

    def wait(self) -> float:
        """Let the next look come; how long that took."""
        [(seconds, call)] = self.timers
        self.timers.clear()
        call()
        return seconds


@pytest.fixture
def scene() -> Scene:
    """Nothing yet."""
    return Scene()


def test_the_same_requests_at_two_looks(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """B3: requests that have their threads from one look to the next are told of, as long as others wait."""
    scene.requests = [Request("long").run(), Request("short").run(), Request("waits")]
    scene.queued = 1
    scene.look.waits_in_loop()
    scene.look.waits_in_loop()
    scene.requests[1].thread_id = 0
    assert scene.wait() == 30
    [record] = caplog.records
    assert (
        "1 requests wait for a thread, and 1 have kept theirs for over 30 seconds, such as GET '/long'"
        in record.message
    )
    caplog.clear()
    assert scene.wait() == 30
    assert len(caplog.records) == 1, "it is told again as long as it lasts"
    scene.queued = 0
    assert scene.wait() == 30
    assert len(caplog.records) == 1
    assert scene.timers == [], "nobody waits, so nobody looks"


def test_a_busy_pool(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """B3: where requests come and go nobody is told of, however many wait."""
    scene.queued = 100
    for number in range(5):
        scene.requests = [Request(f"{number}").run()]
        scene.look.waits_in_loop()
        scene.requests[0].thread_id = 0
        scene.wait()
    assert caplog.records == []


def test_many_places_are_cut_short(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """B3: a warning names a few places, and says that there are more."""
    frames = [compile("wait()", f"place-{number}.py", "exec") for number in range(7)]
    release, begun = threading.Event(), threading.Barrier(len(frames) + 1, timeout=10)

    def wait() -> None:
        begun.wait()
        release.wait(10)

    threads = [threading.Thread(target=exec, args=(frame, {"wait": wait})) for frame in frames]
    for thread in threads:
        thread.start()
    begun.wait()
    scene.requests = [Request(f"{number}") for number in range(len(threads))]
    for request, thread in zip(scene.requests, threads, strict=True):
        request.thread_id = thread.ident or 0
    scene.queued = 1
    scene.look.waits_in_loop()
    scene.wait()
    release.set()
    for thread in threads:
        thread.join(10)
    [record] = caplog.records
    assert "and 7 have kept theirs" in record.message
    assert "test_stuck.py" in record.message


def test_requests_without_a_client(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """W18, B3: an application that runs for nobody is told of once, and not at all if it came back."""
    stuck, back = Request("stuck").run(), Request("back").run()
    for request in (stuck, back):
        scene.look.abandoned_in_loop(request)
    scene.look.came_back(back)
    scene.abandoned[stuck] -= 40
    assert scene.wait() == 30
    scene.look.abandoned_in_loop(back)
    left = scene.wait()
    assert 29 < left <= 30
    assert ["/stuck" in record.message for record in caplog.records] == [True]
    assert "40 seconds after its client went away, in Scene.wait (" in caplog.records[0].message

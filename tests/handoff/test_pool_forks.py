"""A pool in the child of a fork."""

from __future__ import annotations

import pytest

from tests.harness import run_python

PARENT = """if True:
    import os, signal, sys, threading, warnings
    from bridge.handoff.workers import WorkerPool, current_worker

    warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads is the point
    pool = WorkerPool(2, name="forked")
    hold, begun = threading.Event(), threading.Barrier(3)

    def busy():
        begun.wait(10)
        hold.wait(10)

    def in_child():
        signal.alarm(10)  # a child that hangs ends
        assert pool.counts() == (0, 0, 0), pool.counts()
        assert current_worker() is None
        ran, meeting = [], threading.Barrier(3)
        for number in range(2):
            pool.submit(lambda number=number: (ran.append(threading.current_thread().name), meeting.wait(10)))
        meeting.wait(10)
        assert sorted(ran) == ["forked-worker-1", "forked-worker-2"], ran
        pool.retire()
        done = threading.Event()
        pool.submit(done.set)
        assert done.wait(10)
        sys.stdout.write("child ran\\n")
        sys.stdout.flush()

    def fork(run):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                run()
                code = 0
            finally:
                os._exit(code)
        return os.waitpid(pid, 0)[1]
"""


@pytest.mark.parametrize(
    "scenario",
    [
        # Threads busy and a job queued: both are the parent's
        """
    for _ in range(2): pool.submit(lambda: busy())
    begun.wait(10)
    queued = threading.Event()
    pool.submit(queued.set)
    status = fork(in_child)
    assert status == 0, status
    assert pool.counts() == (2, 2, 1), pool.counts()
    hold.set()
    assert queued.wait(10)
    """,
        # Threads asleep
        """
    for _ in range(2): pool.submit(lambda: busy())
    begun.wait(10)
    hold.set()
    while pool.counts() != (2, 0, 0): pass
    status = fork(in_child)
    assert status == 0, status
    """,
        # Another thread holds the pool's lock at the fork, and a thread is on its way
        """
    held, free = threading.Event(), threading.Event()
    def holder():
        with pool._mutex:
            held.set()
            free.wait(10)
    thread = threading.Thread(target=holder)
    thread.start()
    held.wait(10)
    pool._on_the_way = object()
    status = fork(in_child)
    pool._on_the_way = None
    free.set()
    thread.join(10)
    assert status == 0, status
    """,
        # A fork by an application, in a worker: the child's only thread is that worker's
        """
    over, statuses = threading.Event(), []
    def application():
        statuses.append(fork(in_child))
        over.set()
    pool.submit(application)
    assert over.wait(20)
    assert statuses == [0], statuses
    assert pool.counts()[0] == 1
    """,
        # A child of a child
        """
    for _ in range(2): pool.submit(lambda: busy())
    begun.wait(10)
    def again():
        in_child()
        assert fork(in_child) == 0
    status = fork(again)
    hold.set()
    assert status == 0, status
    """,
    ],
    ids=["busy", "idle", "locked", "worker", "twice"],
)
def test_a_child_begins_anew(scenario: str) -> None:
    """W19: after a fork the child forgets the parent's threads, locks and queue and starts its own."""
    finished = run_python(PARENT + scenario)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "child ran" in finished.stdout


def test_a_job_that_returns_in_the_child() -> None:
    """W19: a worker whose job forks and returns in both processes takes no further job of the parent's in the child."""
    finished = run_python(
        PARENT
        + """
    forked, over = [], threading.Event()
    def application():
        worker = threading.current_thread()
        def when_it_has_ended():
            worker.join(10)
            in_child()
            os._exit(0)
        forked.append(os.fork())
        over.set()
        if forked[0] == 0:
            # When this job returns, its thread is the child's only other one, and ends.
            threading.Thread(target=when_it_has_ended).start()
    pool.submit(application)
    assert over.wait(10)
    status = os.waitpid(forked[0], 0)[1]
    assert status == 0, status
    done = threading.Event()
    pool.submit(done.set)
    assert done.wait(10)
    """
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "child ran" in finished.stdout

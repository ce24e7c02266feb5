"""Processes that end, with something on a background loop that has to end in order."""

from __future__ import annotations

import pytest

from tests.harness import run_python

PROGRAM = """if True:
    import atexit, os, signal, sys, threading, time, warnings

    warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads is the point of some
    from tests.handoff.enders import LoopUser, use_in_child

    def tell(text):
        sys.stdout.write(text + "\\n")
        sys.stdout.flush()

    def use_until_closed():
        try:
            while True:
                user.thread.loop.put(int)
        except RuntimeError:
            pass

    # Registered before and after: plain atexit functions come later either way
    atexit.register(tell, "atexit")
    user = LoopUser("the program's")
    atexit.register(tell, "atexit")
"""

ENDED = "the program's ended in its own process\natexit\natexit\n"


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("threading.Thread(target=time.sleep, args=(0.2,)).start()", 0),
        ("threading.Thread(target=use_until_closed, daemon=True).start()", 0),
    ],
    ids=["end", "sys.exit", "thread", "busy"],
)
def test_interpreter_exit(end: str, code: int) -> None:
    """A10: at the interpreter's exit everything ends in order, while executors still work, silently, and only once."""
    finished = run_python(PROGRAM + f"    {end}")
    assert (finished.returncode, finished.stderr) == (code, "")
    assert finished.stdout == ENDED


def test_threads_at_the_exit() -> None:
    """A10: an application's shutdown at the interpreter's exit may use threads as often as it likes.

    Python 3.12 starts no new ones then.
    """
    finished = run_python(PROGRAM.replace("program's\"", "program's\", 100"))
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout == ENDED


def test_exit_by_an_error() -> None:
    """A10: the same where an error ends the program."""
    finished = run_python(PROGRAM + "    raise ValueError('the program')")
    assert finished.returncode == 1
    assert finished.stderr.endswith("ValueError: the program\n")
    assert finished.stdout == ENDED


def test_exit_by_ctrl_c() -> None:
    """A10: the same at Ctrl-C."""
    finished = run_python(PROGRAM + "    signal.raise_signal(signal.SIGINT)")
    assert finished.stderr.endswith("KeyboardInterrupt\n")
    assert finished.stdout == ENDED


def test_exit_under_gevent() -> None:
    """A13, A10: the same where gevent has made greenlets of all threads, those of executors too."""
    finished = run_python("import gevent.monkey; gevent.monkey.patch_all()\n" + PROGRAM)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout == ENDED


FORK = """
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)  # a child that hangs ends
        {in_child}
        sys.exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    tell("the child has ended")
"""


@pytest.mark.parametrize("hooks", [True, False], ids=["hooks", "no hooks"])
@pytest.mark.parametrize("uses", [True, False])
def test_the_child_of_a_fork(uses: bool, hooks: bool) -> None:
    """A9: a child that exits ends what is its own and nothing of its parent's; also if no hook ran at the fork."""
    program = PROGRAM + FORK.format(in_child="""LoopUser("the child's")""" if uses else "pass")
    if not hooks:
        program = (
            "import concurrent.futures, logging, os, random; os.register_at_fork = lambda **hooks: None\n" + program
        )
    finished = run_python(program)
    assert (finished.returncode, finished.stderr) == (0, "")
    childs, _, parents = finished.stdout.partition("the child has ended\n")
    assert childs == ("the child's ended in its own process\n" if uses else "") + "atexit\n" * 2
    assert parents == ENDED


@pytest.mark.parametrize(
    ("method", "how"), [("fork", "return"), ("fork", "exit"), ("fork", "error"), ("spawn", "return")]
)
def test_a_process_of_multiprocessing(method: str, how: str) -> None:
    """A10: a process of multiprocessing, whose exit skips the interpreter's, ends what it has (granian's workers)."""
    finished = run_python(
        PROGRAM
        + f"""
    import multiprocessing
    child = multiprocessing.get_context({method!r}).Process(target=use_in_child, args=({how!r},))
    child.start()
    child.join(10)
    assert child.exitcode == {int(how == "error")}, child.exitcode
    tell("the child has ended")
    """
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    childs, _, parents = finished.stdout.partition("the child has ended\n")
    assert childs == "the child's ended in its own process\n"
    assert parents == ENDED

"""What ends with its process: the order, and whose end is heard of."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.handoff import process_end
from bridge.handoff.process_end import end_all, end_with_process, forget_ender
from tests.handoff.enders import Telling
from tests.harness import LIMIT


@pytest.fixture(autouse=True)
def _hooked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process whose end is heard of already, with nothing in it that other tests have entered."""
    monkeypatch.setattr(process_end, "_enders", {})
    monkeypatch.setattr(process_end, "_hooked_in", os.getpid())


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which hooks a process that hears of nothing yet registers."""
    registered: list[str] = []

    def register(name: str) -> Any:
        def note(call: object) -> None:
            assert call in (end_all, process_end._end_with_main_thread)
            registered.append(name)

        return note

    monkeypatch.setattr(process_end, "_hooked_in", None)
    monkeypatch.setattr(threading, "_register_atexit", register("threading"))
    monkeypatch.setattr(atexit, "register", register("atexit"))
    return registered


def test_side_by_side() -> None:
    """A10: all begin to end before any is waited for, so that their graces do not add up."""
    told: list[str] = []
    for name in "abc":
        end_with_process(Telling(name, told.append))
    end_all()
    assert sorted(told[:3]) == ["a begins", "b begins", "c begins"]
    assert sorted(told[3:]) == ["a ended", "b ended", "c ended"]


def test_once() -> None:
    """A10: several hooks may tell of the same end; what was ended is not ended again, what is new is."""
    told: list[str] = []
    end_with_process(Telling("a", told.append))
    end_all()
    end_all()
    assert told == ["a begins", "a ended"]
    end_with_process(Telling("b", told.append))
    end_all()
    assert told[2:] == ["b begins", "b ended"]


def test_entered_twice() -> None:
    """A10: what is entered twice is ended once."""
    told: list[str] = []
    ender = Telling("a", told.append)
    end_with_process(ender)
    end_with_process(ender)
    end_all()
    assert told == ["a begins", "a ended"]


def test_forgotten() -> None:
    """A11: what has been closed before is not ended again, and may be forgotten more than once."""
    told: list[str] = []
    kept, closed = Telling("kept", told.append), Telling("closed", told.append)
    end_with_process(kept)
    end_with_process(closed)
    forget_ender(closed)
    forget_ender(closed)
    end_all()
    forget_ender(kept)
    assert told == ["kept begins", "kept ended"]


def test_entered_while_ending() -> None:
    """A10: what is entered while others begin to end is ended with them."""
    told: list[str] = []

    class Entering(Telling):
        def begin_to_end(self) -> None:
            super().begin_to_end()
            end_with_process(Telling("late", told.append))

    end_with_process(Entering("first", told.append))
    end_all()
    assert told == ["first begins", "late begins", "first ended", "late ended"]


@pytest.mark.parametrize("step", ["begin_to_end", "finish_ending"])
def test_an_ender_that_fails(step: str, caplog: pytest.LogCaptureFixture) -> None:
    """A10, B1: one that fails is told in the log, and takes no other's end away."""
    told: list[str] = []

    def fail() -> None:
        raise ValueError("the ender's")

    failing = Telling("failing", lambda _step: None)
    setattr(failing, step, fail)
    end_with_process(Telling("a", told.append))
    end_with_process(failing)
    end_with_process(Telling("b", told.append))
    with caplog.at_level(logging.ERROR, "bridge"):
        end_all()
    assert sorted(told) == ["a begins", "a ended", "b begins", "b ended"]
    assert [record.exc_info is not None for record in caplog.records if record.name == "bridge"] == [True]
    assert "the ender's" in caplog.text


def test_ended_by_several_threads() -> None:
    """A10: hooks that come at the same moment end each thing once."""
    told: list[str] = []
    meeting = threading.Barrier(4)
    for number in range(100):
        end_with_process(Telling(str(number), told.append))

    def end() -> None:
        meeting.wait(LIMIT)
        end_all()

    threads = [threading.Thread(target=end) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert len(told) == len(set(told)) == 200


def test_of_another_process(monkeypatch: pytest.MonkeyPatch, hooks: list[str]) -> None:
    """A9: what a parent process has entered is the parent's to end, also after a fork that Python does not hear of."""
    told: list[str] = []
    pid = os.getpid()
    end_with_process(Telling("the parent's", told.append))
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    end_with_process(Telling("the child's", told.append))
    end_all()
    assert told == ["the child's begins", "the child's ended"]
    assert hooks == ["threading"], "a child has inherited it"


# ---- the hooks -------------------------------------------------------------------------------------------------------


def test_one_hook(hooks: list[str]) -> None:
    """A10: the interpreter's exit is heard of once, while executors still work, and not before something is entered."""
    assert hooks == []
    for name in "abc":
        end_with_process(Telling(name, print))
    assert hooks == ["threading"]


@pytest.mark.parametrize("lacks", ["the name", "the time"])
def test_where_the_hook_is_missing(lacks: str, hooks: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """B4: without the private hook, or when it takes no more calls, plain atexit is what is left."""
    if lacks == "the name":
        monkeypatch.delattr(threading, "_register_atexit")
    else:

        def refuse(_call: object) -> None:
            raise RuntimeError("can't register atexit after shutdown")

        monkeypatch.setattr(threading, "_register_atexit", refuse)
    end_with_process(Telling("a", print))
    assert hooks == ["atexit"]


# ---- servers in other threads ----------------------------------------------------------------------------------------


def end_with_main_thread(monkeypatch: pytest.MonkeyPatch, ender: Telling, other: threading.Thread) -> list[Any]:
    """Let the main thread end beside one other; return what is left for ``atexit``, which comes after all threads."""
    later: list[Any] = []
    monkeypatch.setattr(threading, "enumerate", lambda: [threading.main_thread(), other])
    monkeypatch.setattr(atexit, "register", later.append)
    end_with_process(ender)
    process_end._end_with_main_thread()
    return later


def test_a_server_in_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A10: while a server goes on in a thread that the interpreter waits for, nothing is ended under its requests."""
    told: list[str] = []
    over = threading.Event()
    server = threading.Thread(target=over.wait, args=(LIMIT,))
    server.start()
    later: list[Any] = []
    end = threading.Thread(
        target=lambda: later.extend(end_with_main_thread(monkeypatch, Telling("a", told.append), server))
    )
    end.start()
    end.join(0.1)
    assert told == []
    over.set()
    server.join(LIMIT)
    end.join(LIMIT)
    for step in later:
        step()
    assert told == ["a begins", "a ended"]


@pytest.mark.parametrize("kind", ["daemon", "waiting", "executor"])
def test_threads_that_are_no_servers(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A10: daemons, threads of executors and threads that wait for the very end that is to come do not put it off."""
    told: list[str] = []
    over = threading.Event()
    ender = Telling("a", told.append)
    with ThreadPoolExecutor(1) as executor:
        thread = executor.submit(threading.current_thread).result(LIMIT)
        if kind != "executor":
            thread = threading.Thread(target=over.wait, args=(LIMIT,), daemon=kind == "daemon")
            thread.start()
        ident = thread.ident
        assert ident is not None
        if kind == "waiting":
            ender.waiting_threads = lambda: {ident}  # type: ignore[method-assign]
        try:
            assert end_with_main_thread(monkeypatch, ender, thread) == []
            assert told == ["a begins", "a ended"]
        finally:
            over.set()
    thread.join(LIMIT)


def uwsgi(monkeypatch: pytest.MonkeyPatch, **attributes: object) -> Any:
    """The module that uWSGI puts into its processes."""
    module = SimpleNamespace(**attributes)
    monkeypatch.setitem(sys.modules, "uwsgi", module)
    return module


@pytest.mark.usefixtures("hooks")
def test_uwsgi(monkeypatch: pytest.MonkeyPatch) -> None:
    """A10: the end of a uWSGI worker ends what was entered, and then does what was to be done before."""
    told: list[str] = []
    module = uwsgi(monkeypatch, atexit=lambda: told.append("the user's"))
    end_with_process(Telling("a", told.append))
    end_with_process(Telling("b", told.append))
    module.atexit()
    assert sorted(told[:4]) == ["a begins", "a ended", "b begins", "b ended"]
    assert told[4:] == ["the user's"]
    end_all()
    assert len(told) == 5


@pytest.mark.usefixtures("hooks")
@pytest.mark.parametrize("attributes", [{}, {"atexit": None}])
def test_uwsgi_without_a_callback(attributes: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """A10: the same where nobody has set the callback."""
    told: list[str] = []
    module = uwsgi(monkeypatch, **attributes)
    end_with_process(Telling("a", told.append))
    module.atexit()
    assert told == ["a begins", "a ended"]


@pytest.mark.usefixtures("hooks")
def test_uwsgi_whose_callback_is_chained_further(monkeypatch: pytest.MonkeyPatch) -> None:
    """A10: another's callback around ours, set before a fork, is called once, and everything is ended once."""
    told: list[str] = []
    pid = os.getpid()
    module = uwsgi(monkeypatch, atexit=lambda: told.append("first"))
    end_with_process(Telling("the parent's", told.append))
    ours = module.atexit

    def around() -> None:
        told.append("around")
        ours()

    module.atexit = around
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    end_with_process(Telling("the child's", told.append))
    module.atexit()
    assert told == ["the child's begins", "the child's ended", "around", "first"]


@pytest.mark.usefixtures("hooks")
def test_uwsgi_after_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """A10: without lazy-apps the callback is inherited by the workers, and does not grow with each fork."""
    told: list[str] = []
    pid = os.getpid()
    module = uwsgi(monkeypatch, atexit=lambda: told.append("the user's"))
    end_with_process(Telling("the master's", told.append))
    ours = module.atexit
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    end_with_process(Telling("the worker's", told.append))
    assert module.atexit is ours
    module.atexit()
    assert told == ["the worker's begins", "the worker's ended", "the user's"]


@pytest.mark.usefixtures("hooks")
def test_uwsgis_callback_is_called_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A10: an end that is broken off, by Ctrl-C, does not take the user's callback away."""
    told: list[str] = []

    def interrupted() -> None:
        raise KeyboardInterrupt

    ender = Telling("a", told.append)
    ender.finish_ending = interrupted  # type: ignore[method-assign]
    module = uwsgi(monkeypatch, atexit=lambda: told.append("the user's"))
    end_with_process(ender)
    with pytest.raises(KeyboardInterrupt):
        module.atexit()
    assert told == ["a begins", "the user's"]

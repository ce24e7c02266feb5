"""The benchmarks run, and tell a wrong answer from a fast one."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.validate import validator
from xml.etree import ElementTree as ET

import pytest

from benchmarks import __main__, asgi_to_wsgi, charts, instructions, latency, null_wsgi_server, scale, wsgi_to_asgi
from benchmarks.null_server import Exchange, Message, exchange
from benchmarks.questions import Question
from benchmarks.report import Report, interleaved
from benchmarks.typical_request import HEADERS, PATH
from benchmarks.without_threads import WithoutThreads


def written_by_quick_run(command: Callable[[list[str]], int], results: Path) -> Any:
    """What a quick run writes, once it has ended well and no contender failed."""
    assert command(["--quick", "--json", str(results)]) == 0
    written = json.loads(results.read_text(encoding="utf-8"))
    assert written["failed"] == {}
    assert written["machine"]["packages"]["a2wsgi"] != "not installed"
    return written


def check_figures(written: Any, questions: Iterable[Question[Any]], adapters: Iterable[str], hand_off: str) -> None:
    """Every contender has a figure for every question, and the hand-off of nothing for those that it fits."""
    for question in questions:
        expected = {*adapters, hand_off} if question.is_small else set(adapters)
        assert set(written["figures"][question.name]) == expected
        assert all(figure > 0 for figures in written["figures"][question.name].values() for figure in figures)


def test_quick_run_measures_wsgi_to_asgi(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every question is answered rightly by every contender, printed, and written with what it depends on."""
    written = written_by_quick_run(wsgi_to_asgi.main, tmp_path / "results.json")
    check_figures(written, wsgi_to_asgi.questions(streamed=8), wsgi_to_asgi.ADAPTERS, wsgi_to_asgi.EXECUTOR)
    assert "upload in 64 KiB blocks" in capsys.readouterr().out


def test_quick_run_measures_asgi_to_wsgi(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same holds for the other direction."""
    written = written_by_quick_run(asgi_to_wsgi.main, tmp_path / "results.json")
    check_figures(written, asgi_to_wsgi.questions(streamed=8), asgi_to_wsgi.ADAPTERS, asgi_to_wsgi.COROUTINE)
    assert "upload in 64 KiB blocks, read1()" in capsys.readouterr().out


def test_quick_run_measures_latency(tmp_path: Path) -> None:
    """Both adapters of both directions have their figures, of which a tail is no shorter than the middle."""
    written = written_by_quick_run(latency.main, tmp_path / "results.json")
    assert len(written["figures"]) == 3
    for question, figures in written["figures"].items():
        assert set(figures) == {"bridge", "a2wsgi"}
        assert all(figure >= (written["units"][question] == latency.TAIL) for [figure] in figures.values())


def test_a_wrong_answer_is_no_tail() -> None:
    """Nor is one in which an answer is wrong."""

    async def short(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"short"})

    with pytest.raises(RuntimeError, match="5 of 14 bytes"):
        asyncio.run(latency.tail_of_asgi(short, 0.01))


@pytest.mark.parametrize(
    ("question", "contender"),
    [(question, contender) for question, names in instructions.contenders().items() for contender in names],
)
def test_what_is_counted_serves(question: str, contender: str) -> None:
    """Each contender answers rightly in the way in which its instructions are counted."""
    instructions.serve(question, contender, 64)


def test_instructions_are_those_of_the_requests(tmp_path: Path) -> None:
    """What a run takes before its first request, and after its last, is not counted."""
    valgrind = tmp_path / "valgrind"
    valgrind.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        "[log] = [option[11:] for option in sys.argv if option.startswith('--log-file=')]\n"
        "open(log, 'w').write(f'==1== I   refs:      {5_000_000 + 1234 * int(sys.argv[-1]):,}')\n"
    )
    valgrind.chmod(0o755)
    question, [contender, *_] = next(iter(instructions.contenders().items()))
    assert instructions.instructions(str(valgrind), question, contender) == 1234


def test_instructions_need_valgrind(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without it the command says where to get it."""
    monkeypatch.setenv("PATH", "")
    assert instructions.main([]) == 2
    assert "apt-get install valgrind" in capsys.readouterr().err


def test_the_charts_are_those_of_the_results(tmp_path: Path) -> None:
    """What README shows is drawn from the results that lie beside it."""
    folder = Path(charts.__file__).parent
    charts.draw(json.loads((folder / "results.json").read_text(encoding="utf-8")), tmp_path)
    drawn = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert drawn == {path.name: path.read_text(encoding="utf-8") for path in (folder / "charts").iterdir()}
    assert len(drawn) == 4


@pytest.mark.parametrize(
    ("begun", "expected"),
    [([1, 2, 3, 4], 0), ([1, 3, 2, 4], 25), ([4, 1, 2, 3], 75), ([4, 3, 2, 1], 75)],
    ids=["none", "one", "all by one", "all"],
)
def test_who_was_overtaken(begun: list[int], expected: float) -> None:
    """Requests that were begun after a later one are counted."""
    assert latency.overtaken(begun) == expected


def test_the_tail() -> None:
    """The slowest of a hundred is compared with the middle."""
    assert latency.tail([1.0] * 90 + [3.0] * 10) == 3


def test_quick_run_measures_scale(tmp_path: Path) -> None:
    """Costs, memory and the import have figures for both; no stream is left open."""
    written = written_by_quick_run(scale.main, tmp_path / "results.json")
    assert len(written["figures"]) == len(scale.QUEUED) + 3
    assert all(set(figures) == {"bridge", "a2wsgi"} for figures in written["figures"].values())
    # A stream holds something in any case, so that nothing is a sign that nothing was measured.
    assert all(
        figure > 1 for name in ("bridge", "a2wsgi") for figure in written["figures"]["WsgiToAsgi: an open stream"][name]
    )


def test_results_and_charts_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m benchmarks` writes what its commands found, and pictures of it that are well-formed."""
    monkeypatch.setattr(__main__, "COMMANDS", {"wsgi_to_asgi": wsgi_to_asgi.main, "asgi_to_wsgi": asgi_to_wsgi.main})
    assert __main__.main(["--quick", "--folder", str(tmp_path)]) == 0
    written = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert set(written) == {"wsgi_to_asgi", "asgi_to_wsgi"}
    for theme in ("light", "dark"):
        picture = (tmp_path / "charts" / f"adapters-{theme}.svg").read_text(encoding="utf-8")
        bars = ET.fromstring(picture).findall("{http://www.w3.org/2000/svg}rect")  # noqa: S314  our own
        assert len(bars) == sum(len(document["figures"]) for document in written.values())


def test_a_wrong_answer_is_no_figure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A contender whose answer is short is reported as failed and not measured; if it is ours, the status is 1."""

    async def short(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"short"})

    monkeypatch.setitem(wsgi_to_asgi.ADAPTERS, "bridge", lambda *_: short)
    assert wsgi_to_asgi.main(["--quick", "--only", "a list, 1 at once"]) == 1
    assert "bridge failed: RuntimeError: status 200 with 5 of 14 bytes" in capsys.readouterr().out


def test_a_wrong_answer_in_a_thread_is_no_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error in one of the threads that are the clients is told as well."""

    def short(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [])
        return [b"short"]

    monkeypatch.setitem(asgi_to_wsgi.ADAPTERS, "bridge", lambda *_: short)
    assert asgi_to_wsgi.main(["--quick", "--only", "small answer, 32 threads"]) == 1
    assert "bridge failed: RuntimeError: status 200 with 5 of 14 bytes" in capsys.readouterr().out


def test_a_hanging_contender_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that gets no answer in time is an error, not a run that never ends."""
    answered = threading.Event()
    monkeypatch.setattr(asgi_to_wsgi, "THREAD_LIMIT", 0.01)
    try:
        with pytest.raises(RuntimeError, match="no answer within"):
            asgi_to_wsgi.rate(lambda: answered.wait(60), at_once=1, seconds=0.01)
    finally:
        answered.set()


def test_wsgi_null_server_keeps_pep_3333() -> None:
    """The null server passes a request that the standard library's validator finds right, and closes the answer."""
    closed: list[bool] = []

    class Answer(list[bytes]):
        def close(self) -> None:
            closed.append(True)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Answer:
        assert environ["CONTENT_LENGTH"] == "6"
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Answer([environ["wsgi.input"].read(4), environ["wsgi.input"].read(4)])

    served = null_wsgi_server.exchange(validator(app), b"a body", io.BytesIO)
    assert (served.status, served.received, served.complete, closed) == (200, 6, True, [True])
    plain = null_wsgi_server.exchange(app, b"a body")
    assert (plain.status, plain.received, plain.complete) == (200, 6, True)


def test_a_server_without_threads_keeps_pep_3333() -> None:
    """What is measured without threads answers as it should, and the standard library's validator finds it right."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["PATH_INFO"].encode("latin-1"), environ["HTTP_HOST"].encode("latin-1")]

    served = asyncio.run(exchange(WithoutThreads(validator(app))))
    expected = len(PATH) + len(dict(HEADERS)[b"host"])
    assert (served.status, served.received, served.complete) == (200, expected, True)


def test_receive_waits_for_the_end_of_the_response() -> None:
    """The null server is honest: after the body, `receive` gives nothing before the last `send`, then a disconnect."""
    events: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        bodies: list[Message] = [await receive(), await receive()]
        assert [(message["body"], message["more_body"]) for message in bodies] == [(b"one", True), (b"two", False)]
        waiting = asyncio.ensure_future(receive())
        waiting.add_done_callback(lambda _: events.append("disconnect"))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        events.append("last")
        await send({"type": "http.response.body"})
        assert await asyncio.wait_for(waiting, 10) == {"type": "http.disconnect"}
        assert await receive() == {"type": "http.disconnect"}

    served = asyncio.run(exchange(app, [b"one", b"two"]))
    assert events == ["last", "disconnect"]
    assert (served.status, served.received, served.complete) == (200, 1, True)


def test_an_unfinished_response_is_not_complete() -> None:
    """A response without its last message does not count as whole."""
    served = Exchange([b""])
    asyncio.run(served.send({"type": "http.response.start", "status": 200}))
    asyncio.run(served.send({"type": "http.response.body", "body": b"x", "more_body": True}))
    assert not served.complete


@pytest.mark.parametrize(
    ("rounds", "order"), [(0, []), (1, ["a", "b", "c"]), (3, ["a", "b", "c", "b", "c", "a", "c", "a", "b"])]
)
def test_rounds_are_interleaved(rounds: int, order: Iterable[str]) -> None:
    """Each contender has its turn in each round, and each round is led by another one."""
    assert list(interleaved(rounds, ["a", "b", "c"])) == order


def test_report_gives_medians_ranges_and_ratios() -> None:
    """The tables show the median with its range, and how many times faster the bridge is."""
    report = Report(["bridge", "other", "none"])
    for figure in (1000.0, 3000.0, 2000.0):
        report.add("q", "requests/s", "bridge", figure)
    report.add("q", "requests/s", "other", 500.0)
    tables = report.tables()
    assert "2,000 (1,000 to 3,000)" in tables
    assert tables.splitlines()[-1].split() == ["q", "4.00", "-"]

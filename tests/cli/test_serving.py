"""`python -m bridge serve` with an application that it can serve."""

from __future__ import annotations

import http.client
import inspect
import re
import select
import signal
import sys
import time
from pathlib import Path

import pytest

from bridge import WsgiToAsgi, __version__
from tests.cli.command import ANSWERS_WITHIN, ended, running


def serve(*arguments: str) -> list[str]:
    """The arguments for Python."""
    return ["-m", "bridge", "serve", *arguments]


@pytest.mark.parametrize(
    "target",
    [
        "shop:application",
        "shop:site.web.app",
        "shop:create()",
        "shop:site.create()",
        "shop:create_with_defaults()",
        "shop:instance",
        "shop:Iterable",
        "shop:compiled",
        "shop:partial",
        "shop:decorated",
        "shop:star",
        "shop:optional",
    ],
)
def test_every_form_of_wsgi_application_is_served(directory: Path, target: str) -> None:
    """Functions, instances, classes, partials and what a factory returns are served, found under their dotted names."""
    with running(*serve(target, "--port", "0"), directory=directory) as server:
        assert server.page().startswith("served by bridge-")


def test_the_first_line_says_what_is_done(directory: Path) -> None:
    """One line tells the application, its kind, the interface found, how it is served, the threads and the address."""
    with running(*serve("shop:instance", "--port", "0", "--threads", "7"), directory=directory) as server:
        line = server.line("").string
        assert re.fullmatch(
            r"bridge: shop:instance \(shop\.Instance\) is WSGI; serving it on uvicorn through WsgiToAsgi, 7 threads, "
            r"http://127\.0\.0\.1:[1-9]\d*\n",
            line,
        )


def test_port_0_lets_the_system_choose(directory: Path) -> None:
    """Two servers with port 0 run side by side, each at the address that it printed."""
    with (
        running(*serve("shop:application", "--port", "0"), directory=directory) as one,
        running(*serve("shop:application", "--port", "0"), directory=directory) as other,
    ):
        assert one.page()
        assert other.page()


def test_an_ipv6_host_is_served(directory: Path) -> None:
    """`--host ::1` listens there, and the printed address has its brackets."""
    with running(*serve("shop:application", "--port", "0", "--host", "::1"), directory=directory) as server:
        connection = server.connection()
        assert connection.host == "::1"
        connection.request("GET", "/")
        assert connection.getresponse().read()
        connection.close()


def test_one_thread_is_one_thread(directory: Path) -> None:
    """`--threads 1` lets a request wait while another one has the thread, and answers it when that has ended."""
    with running(*serve("shop:application", "--port", "0", "--threads", "1"), directory=directory) as server:
        host, port = server.line(r"1 thread, http://(.*):(\d+)$").groups()
        holder, waiter = [http.client.HTTPConnection(host, int(port), timeout=ANSWERS_WITHIN) for _ in range(2)]
        holder.request("GET", "/endless")
        with holder.getresponse() as stream:
            assert stream.readline() == b"again\n"
            waiter.request("GET", "/")
            for _ in range(10):
                assert stream.readline() == b"again\n"
            assert select.select([waiter.sock], [], [], 0)[0] == []
        holder.close()
        assert waiter.getresponse().read().startswith(b"served by ")
        waiter.close()


def test_interrupting_ends_it_quietly(directory: Path) -> None:
    """Ctrl-C ends an idle server within two seconds, with status 0 and without a traceback."""
    with running(*serve("shop:application", "--port", "0"), directory=directory) as server:
        assert server.page()
        started = time.monotonic()
        server.interrupt()
        output = server.rest()
        assert server.process.wait(5) == 0
        assert time.monotonic() - started < 2
        assert "Traceback" not in output


@pytest.mark.parametrize("path", ["/endless", "/blocked"])
def test_interrupting_does_not_wait_for_endless_answers(directory: Path, path: str) -> None:
    """W18: Ctrl-C takes at most five seconds while a client reads an endless stream or the application blocks."""
    with running(*serve("shop:application", "--port", "0"), directory=directory) as server:
        connection = server.connection()
        connection.request("GET", path)
        with connection.getresponse() as response:
            assert response.readline() in {b"again\n", b"blocked\n"}
            started = time.monotonic()
            server.interrupt()
            server.process.wait(15)
            assert time.monotonic() - started < 5
        connection.close()


def test_interrupting_an_import_ends_it_quietly(directory: Path) -> None:
    """Ctrl-C while the application's module is imported ends with a shell's status for it, without a traceback."""
    (directory / "slow.py").write_text("import threading\nprint('importing', flush=True)\nthreading.Event().wait(60)\n")
    with running(*serve("slow:app"), directory=directory) as server:
        server.line("importing")
        server.interrupt()
        assert "Traceback" not in server.rest()
        assert server.process.wait(5) == 130


def test_sigterm_ends_it(directory: Path) -> None:
    """A service manager's SIGTERM is answered in order (uvicorn then ends by the signal itself)."""
    with running(*serve("shop:application", "--port", "0"), directory=directory) as server:
        assert server.page()
        server.terminate()
        assert "Application shutdown complete" in server.rest()
        assert server.process.wait(5) in {0, -signal.SIGTERM}


def test_the_console_script_finds_modules_of_the_working_directory(directory: Path) -> None:
    """Started as a script, which Python gives its own folder as sys.path[0], it finds modules of the directory too."""
    (directory / "elsewhere").mkdir()
    script = directory / "elsewhere" / "script.py"
    script.write_text("import sys\nfrom bridge.cli import main\nsys.exit(main())\n")
    arguments = [str(script), "serve", "shop:application", "--port", "0"]
    with running(*arguments, directory=directory) as server:
        assert server.page()


def test_threads_default_is_the_adapter_s() -> None:
    """The help names the same default for `--threads` as `WsgiToAsgi` has."""
    default = inspect.signature(WsgiToAsgi).parameters["threads"].default
    shown = ended(*serve("--help"), directory=Path(sys.prefix))
    assert shown.status == 0
    assert f"(default: {default})" in " ".join(shown.out.partition("--threads THREADS")[2].split())


def test_the_version_is_told() -> None:
    """`--version` prints the version of the package."""
    shown = ended("-m", "bridge", "--version", directory=Path(sys.prefix))
    assert (shown.status, shown.out) == (0, f"bridge {__version__}\n")

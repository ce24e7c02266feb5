"""The ``check`` command: send an application requests, and tell what it breaks of its specification.

A WSGI application is called through ``WsgiToAsgi``, and once more under ``wsgiref.validate``; an ASGI application
through ``AsgiToWsgi``, under ``wsgiref.validate`` too. Nothing listens: both sides are in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, Literal, TextIO

from asgiref.compatibility import double_to_single_callable

from bridge.asgi_to_wsgi import AsgiToWsgi
from bridge.cli.check_asgi_caller import call_asgi
from bridge.cli.check_lifespan import check_shutdown, check_startup, close_within
from bridge.cli.check_observed import Observed
from bridge.cli.check_probes import Probe, probes_of
from bridge.cli.check_report import Outcome, Report
from bridge.cli.check_wsgi_caller import call_wsgi
from bridge.cli.interfaces import Interface, interface_of, kind_of
from bridge.cli.targets import load
from bridge.wsgi_to_asgi import WsgiToAsgi

BROKEN = 1

_DISCONNECT_GRACE = 1.0  # seconds, as short as an application could find it on a server


def check(options: argparse.Namespace) -> int:
    """Run the command; return the exit status."""
    target: str = options.target
    timeout: float = options.timeout
    with _muted() as stream:
        application = load(target)
        interface = interface_of(application, target)
        report = Report(stream)
        is_wsgi = interface is Interface.WSGI
        adapter = "WsgiToAsgi" if is_wsgi else "AsgiToWsgi"
        report.line(
            f"bridge: {target} ({kind_of(application)}) is {interface.value}; checking it through {adapter} and with "
            "wsgiref.validate"
        )
        probes = [probe for path in options.path or ["/"] for probe in probes_of(path)]
        if is_wsgi:
            _check_wsgi(application, probes, timeout, report)
        else:
            if interface is Interface.ASGI_2:
                application = double_to_single_callable(application)
            _check_asgi(application, probes, timeout, report)
        return BROKEN if report.end() else 0


def _check_wsgi(application: Any, probes: list[Probe], timeout: float, report: Report) -> None:
    with asyncio.Runner() as runner, WsgiToAsgi(application) as adapter:
        for probe in probes:
            outcome = Outcome(probe.name)
            if runner.run(call_asgi(adapter, probe, timeout, outcome)):
                call_wsgi(application, probe, timeout, outcome)
            report.add(outcome)


def _check_asgi(application: Any, probes: list[Probe], timeout: float, report: Report) -> None:
    observed = Observed(application)
    lifespan = observed.lifespan
    adapter = _adapter(observed, "auto", timeout)
    report.add(check_startup(adapter, lifespan, timeout))
    if lifespan.is_unanswered():
        close_within(adapter, timeout)
        adapter = _adapter(observed, "off", timeout)
    for probe in probes:
        outcome = Outcome(probe.name)
        observed.begin(outcome)
        if call_wsgi(adapter, probe, timeout, outcome) and not observed.wait(timeout):
            outcome.still_runs(timeout)
        report.add(outcome)
    if lifespan.has_started():
        report.add(check_shutdown(adapter, lifespan, timeout))
    else:
        close_within(adapter, timeout)


def _adapter(application: Observed, lifespan: Literal["auto", "off"], timeout: float) -> AsgiToWsgi:
    return AsgiToWsgi(
        application,
        lifespan=lifespan,
        startup_timeout=timeout,
        disconnect_grace=min(_DISCONNECT_GRACE, timeout / 2),
        shutdown_grace=timeout,
    )


@contextlib.contextmanager
def _muted() -> Iterator[TextIO]:
    """Keep what the application prints and logs from the output; give a stream that still leads there."""
    with contextlib.ExitStack() as stack:
        try:
            shown = os.dup(sys.stdout.fileno())
        except (OSError, ValueError):  # a stream in memory, in which nothing but Python can write
            stream = sys.stdout
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        else:
            # The descriptors, for handlers keep the streams that they found, and libraries in C know no others.
            stream = stack.enter_context(open(shown, "w", encoding=sys.stdout.encoding, errors="backslashreplace"))
            nowhere = os.open(os.devnull, os.O_WRONLY)
            stack.callback(os.close, nowhere)
            for muted in (sys.stdout, sys.stderr):
                stack.enter_context(_led_to(nowhere, muted))
        yield stream


@contextlib.contextmanager
def _led_to(descriptor: int, stream: TextIO) -> Iterator[None]:
    """Let what is written to a stream's file go to another one."""
    stream.flush()
    own = stream.fileno()
    saved = os.dup(own)
    os.dup2(descriptor, own)
    try:
        yield
    finally:
        stream.flush()
        os.dup2(saved, own)
        os.close(saved)

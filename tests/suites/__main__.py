"""``python -m tests.suites [NAME ...]``: frameworks' own tests, as they are and through both adapters.

It ends with status 1 if a test passes only as it is and is not excused, if an excuse is not needed, or if it compared
less than it should have.
"""

from __future__ import annotations

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.suites.again import TIMES, passing_alone
from tests.suites.comparing import PASSED, differences, lost
from tests.suites.environments import Failed, Prepared, prepared
from tests.suites.frameworks import FRAMEWORKS, Framework
from tests.suites.running import Run, run_tests


def tell(text: str) -> None:
    """Print."""
    print(text, flush=True)  # noqa: T201  a program for the terminal


def problems(framework: Framework, native: Run, bridged: Run) -> list[str]:
    """Return a line for everything that is not as it should be."""
    lines = []
    for run, what in ((native, "without"), (bridged, "with")):
        if not run.is_whole:
            lines.append(f"the run {what} the adapters broke off")
    if native.passed < framework.passing:
        lines.append(f"{native.passed} tests pass without the adapters, and should be {framework.passing} or more")
    if bridged.requests < framework.requests:
        lines.append(
            f"{bridged.requests} requests went through the adapters, and should be {framework.requests} or more"
        )
    return lines + differences(native.outcomes, bridged.outcomes, framework.excused)


def report(framework: Framework, native: Run, bridged: Run) -> bool:
    """Print what became of a framework's tests; return whether all is as it should be."""
    both = sum(outcome == PASSED == bridged.outcomes.get(test) for test, outcome in native.outcomes.items())
    tell(
        f"{framework.name} {framework.version}: of {native.passed} tests that pass without the adapters {both} pass "
        f"with them ({bridged.requests} requests); excused: {len(framework.excused)}"
    )
    wrong = problems(framework, native, bridged)
    if wrong:
        if native.passed < framework.passing or not native.is_whole:
            tell(f"---- {framework.name} without the adapters\n{native.printed}")
        tell(f"---- {framework.name} with the adapters\n{bridged.printed}")
        tell("\n".join(f"{framework.name}: {line}" for line in wrong))
    return not wrong


def main(arguments: list[str]) -> int:
    """Compare the frameworks that are named, or all; return the exit status."""
    known = {framework.name: framework for framework in FRAMEWORKS}
    frameworks = [known[name] for name in arguments] or list(FRAMEWORKS)
    began = time.monotonic()
    # As many processes at a time as the smallest machine that this is for has cores.
    with tempfile.TemporaryDirectory(prefix="suites-") as name, ThreadPoolExecutor(2) as pool:

        def prepare(framework: Framework) -> Prepared:
            return prepared(framework, Path(name) / framework.name)

        def run(framework: Framework, at: Prepared, *, bridged: bool) -> Run:
            return run_tests(at.python, at.source, framework.tests, new_folder(at), bridged=bridged)

        def new_folder(at: Prepared) -> Path:
            return Path(tempfile.mkdtemp(dir=at.folder)) / "run"

        def second_look(framework: Framework, at: Prepared, native: Run, bridged: Run) -> None:
            tests = lost(native.outcomes, bridged.outcomes, framework.excused)
            for test in passing_alone(
                tests, lambda tests: run_tests(at.python, at.source, tests, new_folder(at), bridged=True)
            ):
                tell(f"{framework.name}: failed with the adapters, and passed {TIMES} times when run again: {test}")
                bridged.outcomes[test] = PASSED

        try:
            places = list(pool.map(prepare, frameworks))
        except Failed as failed:
            tell(str(failed))
            return 1
        tell(f"installed after {time.monotonic() - began:.0f} s")
        runs = [
            [pool.submit(run, framework, place, bridged=bridged) for bridged in (True, False)]
            for framework, place in zip(frameworks, places, strict=True)
        ]
        agreed = []
        for framework, place, (with_them, without_them) in zip(frameworks, places, runs, strict=True):
            native, bridged = without_them.result(), with_them.result()
            second_look(framework, place, native, bridged)
            agreed.append(report(framework, native, bridged))
        tell(f"done after {time.monotonic() - began:.0f} s")
    return 0 if all(agreed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""One run of a framework's own tests, in a process of its own, as they are or through both adapters."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.suites.comparing import PASSED
from tests.suites.plugins import suite_outcomes, suite_wrapping

_PLUGINS = Path(suite_outcomes.__file__).parent

# Seconds for all tests of a framework, and for one.
_LIMIT = 240.0
_TEST_LIMIT = 20


@dataclass
class Run:
    """What became of the tests."""

    outcomes: dict[str, str] = field(default_factory=dict)
    is_whole: bool = False
    """Whether the run came to its end."""
    requests: int = 0
    """How many went through the adapters."""
    printed: str = ""

    @property
    def passed(self) -> int:
        """How many tests passed."""
        return sum(outcome == PASSED for outcome in self.outcomes.values())


def run_tests(python: Path, source: Path, tests: Sequence[str], folder: Path, *, bridged: bool) -> Run:
    """Run the tests that a source distribution has.

    folder: does not exist yet; for what the run leaves behind.
    """
    folder.mkdir()
    outcomes, requests, printed = folder / "outcomes", folder / "requests", folder / "printed"
    # What the runner's own pytest or coverage may have left there is not for this one.
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV"))}
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_PLUGINS), environ.get("PYTHONPATH")]))
    environ[suite_outcomes.WRITTEN_TO] = str(outcomes)
    environ[suite_wrapping.WRITTEN_TO] = str(requests)
    plugins = [suite_outcomes.__name__, *([suite_wrapping.__name__] if bridged else [])]
    loaded = [argument for plugin in plugins for argument in ("-p", plugin.rpartition(".")[2])]
    own = ["-p", "no:cacheprovider", f"--basetemp={folder / 'tmp'}", f"--timeout={_TEST_LIMIT}", "--tb=short", "-q"]
    with printed.open("w") as output:
        try:
            subprocess.run(
                [python, "-m", "pytest", *loaded, *own, *tests],
                cwd=source,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            output.write(f"\nnot within {_LIMIT:g} s\n")
    run = Run(printed=printed.read_text(errors="replace"))
    if outcomes.exists():
        for line in outcomes.read_text().splitlines():
            test, outcome = json.loads(line)
            if test:
                run.outcomes[test] = outcome
            else:
                run.is_whole = True
    if requests.exists():
        run.requests = int(requests.read_text())
    return run

"""The coverage-guided fuzzer.

    python -m tests.fuzz.run SECONDS [CORPUS] [-OPTION=VALUE...]

It ends with status 0 if nothing was found; else it prints the error, and leaves the input that made it in the current
directory. CORPUS is a folder to go on with; options are libFuzzer's.
"""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-untyped, unused-ignore]

with atheris.instrument_imports(include=["bridge.translation"], enable_loader_override=False):
    from tests.fuzz.targets import one_input


def main() -> None:
    """Fuzz for so many seconds."""
    seconds, *rest = sys.argv[1:]
    atheris.Setup([sys.argv[0], f"-max_total_time={seconds}", "-max_len=400", "-timeout=20", *rest], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

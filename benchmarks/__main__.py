"""Everything that is measured: `python -m benchmarks`, about ten minutes.

It prints what each command prints, and writes `results.json` and the charts beside this file.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import asgi_to_wsgi, charts, latency, scale, wire, wsgi_to_asgi

COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "wsgi_to_asgi": wsgi_to_asgi.main,
    "asgi_to_wsgi": asgi_to_wsgi.main,
    "wire": wire.main,
    "latency": latency.main,
    "scale": scale.main,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all, and end with status 1 if ours gave a wrong answer anywhere."""
    options = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure all, write results and charts.")
    options.add_argument("--quick", action="store_true", help="one short round, to see that it runs: no figure counts")
    options.add_argument(
        "--folder",
        type=Path,
        default=Path(__file__).parent,
        help="where to write (default: the folder of this package)",
    )
    chosen = options.parse_args(arguments)
    status = 0
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as found:
        for name, command in COMMANDS.items():
            if command is wire.main and shutil.which("wrk") is None:
                print(f"\n{name}: left out. {wire.NO_WRK}")
                continue
            print(f"\n{name}\n")
            written = Path(found, f"{name}.json")
            status |= command(["--json", str(written), *(["--quick"] if chosen.quick else [])])
            results[name] = json.loads(written.read_text(encoding="utf-8"))
    (chosen.folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    charts.draw(results, chosen.folder / "charts")
    return status


if __name__ == "__main__":
    sys.exit(main())

"""Serve an example with the installed wheel, fetch its page over HTTP, end the server: `smoke.py EXAMPLE [OPTION...]`.

The options are for `bridge serve`.

Run by the Python of an environment that holds the wheel and nothing of the checkout: the example is copied to a folder
of its own, so that neither `bridge` nor `examples` can come from the working tree.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from threading import Timer

# The whole thing takes two seconds; a machine that is busy with something else may need a few more.
TIME_LIMIT = 60.0


def main(example: Path, *options: str) -> None:
    """Raise if the wheel does not serve `example`."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(example, folder)
        subprocess.run(
            [sys.executable, "-c", "import bridge, pathlib; print('installed', bridge.__version__, bridge.__file__)"],
            cwd=folder,
            check=True,
            timeout=TIME_LIMIT,
        )
        script = Path(sys.executable).with_name("wsgi-asgi-bridge")
        subprocess.run([script, "--help"], cwd=folder, check=True, timeout=TIME_LIMIT, stdout=subprocess.DEVNULL)

        command = [sys.executable, "-m", "bridge", "serve", f"{example.stem}:app", "--port", "0", *options]
        server = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # Whatever the server fails to do, its output then ends, and the wait for it below with it.
        limit = Timer(TIME_LIMIT, server.kill)
        limit.start()
        try:
            address = served_address(server)
            with urllib.request.urlopen(address, timeout=TIME_LIMIT) as response:
                page = response.read()
                if response.status != 200 or not page:
                    raise SystemExit(f"{address} answered {response.status} with {len(page)} bytes")
            print(f"{address} answered 200 with {len(page)} bytes")
            server.send_signal(signal.SIGTERM)
            print(server.communicate()[0], end="")
        finally:
            limit.cancel()
            server.kill()
            server.wait()
    # uvicorn stops in order, then ends by the signal that it was sent.
    if server.returncode not in {0, -signal.SIGTERM}:
        raise SystemExit(f"the server ended with status {server.returncode}")


def served_address(server: subprocess.Popen[str]) -> str:
    """The address that the server says it listens on, with the port that the system chose."""
    assert server.stdout is not None
    for line in server.stdout:
        print(line, end="")
        if said := re.search(r"http://[\d.]+:[1-9]\d*", line):
            return said.group()
    raise SystemExit("the server ended without saying where it listens")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

"""`python -m tests.wsgi_servers.serve_werkzeug MODULE:APP HOST PORT`: the server of `flask run`, with threads."""

from __future__ import annotations

import importlib
import sys

from werkzeug.serving import run_simple


def main(target: str, host: str, port: str) -> None:
    """Serve until SIGINT."""
    module, _, name = target.partition(":")
    run_simple(host, int(port), getattr(importlib.import_module(module), name), threaded=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

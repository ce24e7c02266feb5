"""`python -m tests.wsgi_servers.serve_wsgiref MODULE:APP HOST PORT`: the standard library's server, with threads."""

from __future__ import annotations

import importlib
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server


class ThreadingServer(ThreadingMixIn, WSGIServer):
    """A thread for each connection."""

    daemon_threads = True


def main(target: str, host: str, port: str) -> None:
    """Serve until SIGINT."""
    module, _, name = target.partition(":")
    application = getattr(importlib.import_module(module), name)
    with make_server(host, int(port), application, server_class=ThreadingServer) as server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])

"""`python -m tests.wsgi_servers.serve_uwsgi MODULE:APP HOST PORT OPTION...`: uWSGI, two processes."""

from __future__ import annotations

import sys

import pyuwsgi


def main(target: str, host: str, port: str, *options: str) -> None:
    """Serve until SIGTERM."""
    pyuwsgi.run(
        [
            "--http-socket",
            f"{host}:{port}",
            "--module",
            target,
            "--master",
            "--processes",
            "2",
            # Older releases run no thread between requests without it, the loop's neither.
            "--enable-threads",
            # Its SIGTERM means "reload" otherwise.
            "--die-on-term",
            "--need-app",
            *options,
        ]
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

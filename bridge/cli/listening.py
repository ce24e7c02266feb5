"""The address that a server listens on."""

from __future__ import annotations

import os
import socket

from bridge.cli.errors import REFUSED, CommandError


def listen(host: str, port: int) -> socket.socket:
    """Listen before the server is started, so that a refused port is one line and the system's choice can be told."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address, family=family)
    except socket.gaierror as error:
        reason = error.strerror
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
    except UnicodeError as error:  # from the encoding of host names
        reason = str(error)
    raise CommandError(
        f"cannot listen on {address_of(host, port)}: {reason}; choose another --host or --port (0: one that is free)",
        status=REFUSED,
    )


def address_of(host: str, port: int) -> str:
    """The URL of a server's root."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

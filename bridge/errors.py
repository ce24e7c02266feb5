"""Every error that bridge raises, sorted by whose fault it is.

::

    BridgeError
    ├── ApplicationError          the wrapped application broke its own specification
    │   └── ApplicationExit       it raised what is no Exception (SystemExit, CancelledError, ...)
    ├── ClientError               the client did something that ends its request
    │   ├── BadRequest            a request that is answered 400, 413 or 431        (ValueError)
    │   ├── BodyTooLarge          the body passed max_body_size                     (OSError)
    │   ├── ClientDisconnected    the client went away                              (OSError)
    │   └── ReadTimeout           no byte of the body came for read_timeout         (TimeoutError)
    ├── ServerError               the server that calls the adapter broke its specification
    ├── Overloaded                no thread for the request: answered 503
    └── UsageError                the adapter is used in a way that it does not support
        └── AdapterClosed         it was called after close()                       (RuntimeError)

What an application may meet while it reads or writes is also an ``OSError`` (a ``TimeoutError`` is one), because that
is what frameworks expect from a socket that broke.
"""

from __future__ import annotations


class BridgeError(Exception):
    """The root of all errors that bridge raises."""


class ApplicationError(BridgeError):
    """The wrapped application broke PEP 3333 or the ASGI specification.

    ``source`` says where the specification has what was broken, such as ``'PEP 3333, "The start_response() Callable"'``
    or ``"RFC 9110, 8.6"``; it is empty for an error that breaks no sentence of one (a startup that failed).
    """

    def __init__(self, *args: object, source: str = "") -> None:
        super().__init__(*args)
        self.source = source


class ApplicationExit(ApplicationError):
    """The application raised something that would end or corrupt an event loop.

    ``SystemExit``, ``KeyboardInterrupt``, ``GeneratorExit``, ``asyncio.CancelledError`` and ``StopIteration`` mean
    something to the loop that runs the server. They travel inside this error, as its ``__cause__``; it has no
    ``source``.
    """


class ClientError(BridgeError):
    """The client did something that ends its request."""


class BadRequest(ClientError, ValueError):
    """A request that is refused before the application runs; ``status`` is the answer's status code."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class BodyTooLarge(ClientError, OSError):
    """The request body is longer than ``max_body_size`` (RFC 9110, 15.5.14)."""


class ClientDisconnected(ClientError, OSError):
    """The client went away before its request was read or answered whole."""


class ReadTimeout(ClientError, TimeoutError):
    """No byte of the request body came for ``read_timeout`` seconds."""


class ServerError(BridgeError):
    """The server that calls the adapter broke the ASGI specification or PEP 3333."""


class Overloaded(BridgeError):
    """No thread is, or soon enough becomes, free for the request."""


class UsageError(BridgeError):
    """The adapter is used in a way that it does not support; the message says what to do instead."""


class AdapterClosed(UsageError, RuntimeError):
    """The adapter was called after ``close()``."""

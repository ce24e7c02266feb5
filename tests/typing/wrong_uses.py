"""Never run: wrong uses of the public names, each with the error that mypy must report.

One that it lets pass leaves an ignore unused, which is an error in strict mode.
"""

from __future__ import annotations

from starlette.applications import Starlette

from bridge import WsgiToAsgi

from .right_uses import adapter, application

# The wrong kind of application
WsgiToAsgi(Starlette())  # type: ignore[arg-type]
WsgiToAsgi("module:app")  # type: ignore[arg-type]

# Options are keywords, and have types.
WsgiToAsgi(application, 40)  # type: ignore[call-arg]
WsgiToAsgi(application, threads="40")  # type: ignore[arg-type]
WsgiToAsgi(application, body="stram")  # type: ignore[arg-type]
WsgiToAsgi(application, workers=4)  # type: ignore[call-arg]

# What is counted is for reading.
adapter.stats().busy = 0  # type: ignore[misc]

"""What the harness raises when the application under test breaks ASGI."""

from __future__ import annotations


class Violation(AssertionError):
    """The application under test broke the ASGI specification, or left something behind."""

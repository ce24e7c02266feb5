"""How fast the applications go, which tests have to know."""

from __future__ import annotations

TICK = 0.05  # seconds between two chunks of an endless stream
SLEEPS = 0.5  # seconds for which an endpoint blocks its thread
EVENTS = 3  # in a stream of server-sent events

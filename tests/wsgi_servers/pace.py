"""How fast the applications go, which tests have to know."""

from __future__ import annotations

TICK = 0.05  # seconds between two chunks of an endless stream
TICKS = 200  # chunks of a stream that is as good as endless to a test, and ends although nobody stops it
SLEEPS = 0.5  # seconds for which an endpoint blocks its thread
EVENTS = 3  # in a stream of server-sent events

"""A12: Django's ASGI handler with its ORM."""

from __future__ import annotations

from tests.conformance.orm_site import report_of_a_site


def test_queries_in_the_requests_thread() -> None:
    """A12: every query of a request runs in that request's WSGI thread, and 8 slow requests run side by side.

    One after the other they would take 8 times 0.2 seconds. Views: async, plain (in a thread of Django's choice), and
    a streamed answer with three queries.
    """
    fine = "[200] 8 own threads True side by side True"
    assert report_of_a_site() == {"slow": fine, "plain": fine, "streaming": fine}

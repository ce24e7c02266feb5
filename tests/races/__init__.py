"""Whole requests in orders that the tests choose: the steps that the comments in `bridge` number."""

"""Thousands of requests of all kinds, with every client and server that goes wrong, and nothing left behind."""

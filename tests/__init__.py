"""Mirrors the layers of bridge; each test's docstring states the promise that it pins."""

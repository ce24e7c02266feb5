"""Hostile input to the translation layer: a valid request or answer comes out, or one of our errors."""

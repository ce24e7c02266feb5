"""Plugins for a pytest that has nothing of this project but ``bridge``: they import nothing else of it."""

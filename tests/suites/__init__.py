"""The law by tests that no one here wrote: frameworks' own suites, as they are and through both adapters.

``python -m tests.suites`` runs them; a test of a framework that passes only without the adapters is a failure.
"""

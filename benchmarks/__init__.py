"""How fast the bridge is, measured beside its peers in the same run.

`python -m benchmarks.wsgi_to_asgi` measures the adapters alone, `python -m benchmarks.wire` whole servers under load.
Both need the extra `bench`. Figures say little across machines: compare the columns of one run.
"""

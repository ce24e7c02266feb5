"""How fast the bridge is, measured beside its peers in the same run.

`python -m benchmarks` does it all. `python -m benchmarks.wsgi_to_asgi` and `python -m benchmarks.asgi_to_wsgi` measure
the adapters alone, `python -m benchmarks.wire` whole servers under load, `python -m benchmarks.latency` how evenly
waits are shared, `python -m benchmarks.scale` many requests, memory and the import. All need the extra `bench`. Figures
say little across machines: compare the columns of one run.
"""

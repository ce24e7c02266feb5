"""The translation between PEP 3333 and ASGI: values in, values out.

Nothing in this package may know of threads, loops, sockets, clocks or logs, so that every rule of the two
specifications can be tested by calling a function. ``tests/test_layering.py`` holds the package to that.
"""
